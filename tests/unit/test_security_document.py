"""docs/security.md and docs/asvs.csv say what is so: settings, defaults, files and requirements that exist."""

import csv
import hashlib
import re
from pathlib import Path

from scoreboard.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/security.md").read_text("utf-8")
FIELDS = Settings.model_fields


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_limits_are_those_of_the_settings() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", section("Limits"), re.MULTILINE)
    assert len(rows) > 35
    for name, default in rows:
        assert float(default) == FIELDS[name].default, name
    named = {name for name, _ in rows}
    for name in FIELDS:
        if re.search(r"_(rate|burst|per_minute|limit|bound)$|^sockets_per_", name):
            assert name in named, f"{name} is a limit, and the document does not say so"


def test_every_setting_and_file_that_is_named_exists() -> None:
    for name in re.findall(r"\bSCOREBOARD_([A-Z_]+)", TEXT):
        assert name.lower() in FIELDS, name
    for path in re.findall(r"`((?:src|services|tests|docs|\.ci)/[^`]+)`", TEXT):
        assert (ROOT / path).exists(), path
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
    known = {*FIELDS, "scoreboard_writer", "scoreboard_auth_events"}
    for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", TEXT):
        assert name in known, name


# OWASP ASVS 5.0.0, its table of requirements: SHA-256 over the sorted lines "<id> <level>" of levels 1 and 2.
REQUIREMENTS = "8c9039d91f26d279dbc10399936f879f62f9d53cd275c6f0c6797862ee7f53f1"
COUNTS = {"L1": 70, "L2": 183}
NAMED = re.compile(r"(?<![\w/])(?:tests|src|services|docs|\.ci)/[\w./-]*\w")


def requirements() -> list[dict[str, str]]:
    with (ROOT / "docs/asvs.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def test_every_requirement_of_levels_one_and_two_has_its_row() -> None:
    rows = requirements()
    assert {level: sum(row["level"] == level for row in rows) for level in COUNTS} == COUNTS
    lines = sorted(f"{row['id']} {row['level']}" for row in rows)
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == REQUIREMENTS


def test_every_row_says_how_or_why_not() -> None:
    for row in requirements():
        applies, evidence = row["applies"], row["evidence"]
        assert len(evidence) > 10, row
        assert len(evidence) < 250, row
        if applies == "yes":
            assert "Missing" not in evidence, row
        elif applies == "partly":
            assert "Missing" in evidence, row
        else:
            assert applies == "no", row
            assert evidence.startswith(("Does not apply: ", "Missing: ")), row


def test_every_file_that_is_named_as_evidence_exists() -> None:
    named = {path for row in requirements() for path in NAMED.findall(row["evidence"])}
    assert len(named) > 60
    missing = sorted(path for path in named if not (ROOT / path).is_file())
    assert not missing
    tests = {path for path in named if path.startswith("tests/") and path.endswith(".py")}
    for path in tests:
        assert re.search(r"^(?:async )?def test_", (ROOT / path).read_text("utf-8"), re.MULTILINE), path
