"""One enum of error codes, and every place that must know each of them exactly once."""

import re
from collections import Counter
from pathlib import Path

from scoreboard.domain.errors import _LAYERS, ErrorCode, layer_of
from scoreboard_api.catalogue import DOCUMENT, MODULE, as_markdown, as_module, headers_of
from scoreboard_api.errors import STATUS, problem_type
from scoreboard_api.page.problem_texts import TEXTS, Retry
from scoreboard_realtime.errors import CLOSES, META_CODES

ROOT = Path(__file__).parents[2]
APP = ROOT / MODULE.parent
CODES = list(ErrorCode)


def test_the_written_files_are_what_the_code_says() -> None:
    assert (ROOT / DOCUMENT).read_text("utf-8") == as_markdown(), "run `make docs`"
    assert (ROOT / MODULE).read_text("utf-8") == as_module(), "run `make docs`"


def test_each_code_is_in_each_place_exactly_once() -> None:
    text, module = (ROOT / DOCUMENT).read_text("utf-8"), (ROOT / MODULE).read_text("utf-8")
    places = {
        "statuses": list(STATUS),
        "texts": list(TEXTS),
        "sections of the document": re.findall(r"^## (\w+)$", text, re.MULTILINE),
        "rows of the document": re.findall(r"^\| \[`(\w+)`\]", text, re.MULTILINE),
        "constants of the page": re.findall(r'^  (\w+): "\1",$', module, re.MULTILINE),
    }
    for place, codes in places.items():
        assert Counter(map(str, codes)) == Counter(map(str, CODES)), place
    assert len({problem_type(code) for code in CODES}) == len(CODES)
    claimed = Counter(code for codes in _LAYERS.values() for code in codes)
    assert set(claimed.values()) == {1}, "a code is refused by one layer"


def test_the_document_tells_what_the_api_does() -> None:
    text = (ROOT / DOCUMENT).read_text("utf-8")
    for code in CODES:
        section = text.split(f"\n## {code}\n", 1)[1].split("\n## ", 1)[0]
        status, title = STATUS[code]
        assert f"**{title}** · {status} · layer {layer_of(code).replace('_', '-')}" in section
        assert f"`{problem_type(code)}`" in section
        assert TEXTS[code].happened in section
        assert TEXTS[code].remedy in section
        assert all(f"`{name}`" in section for name in headers_of(code))


def test_whoever_may_come_back_later_is_told_when() -> None:
    for code in CODES:
        if TEXTS[code].retry is Retry.LATER:
            assert "Retry-After" in headers_of(code), code
        if STATUS[code][0] == 401:
            assert "WWW-Authenticate" in headers_of(code), code


def test_the_page_spells_no_code_by_itself() -> None:
    used = set()
    for path in APP.glob("*.js"):
        text = path.read_text("utf-8")
        if path.name != MODULE.name:
            spelled = {code for code in CODES if re.search(rf"""["'`]{code}["'`]|^\s*{code}:""", text, re.MULTILINE)}
            assert not spelled, f"{path.name} spells {spelled}"
        used |= set(re.findall(r"\bCode\.(\w+)", text))
    assert used <= {str(code) for code in CODES}, "the page asks for a code that does not exist"
    explained = re.findall(r"^  \[Code\.(\w+)\]: ", (APP / "problems.js").read_text("utf-8"), re.MULTILINE)
    assert max(Counter(explained).values()) == 1
    # What only a program that is wrong can meet needs no words for a player.
    silent = {"IDEMPOTENCY_KEY_MISSING", "METHOD_NOT_ALLOWED", "UNSUPPORTED_MEDIA_TYPE"}
    assert {str(code) for code in CODES} - set(explained) == silent


def test_realtime_answers_with_the_same_numbers() -> None:
    assert {code: STATUS[code][0] for code in META_CODES} == META_CODES
    assert set(CLOSES) <= set(META_CODES)
