"""The four custom resources: structural, with rules that refuse what the platform would refuse."""

from typing import Any

import pytest
import yaml

from charts.generate import CHARTS
from scoreboard.domain.board import Operator, Order, RankStyle, TieRule, Visibility
from scoreboard.domain.policy import AtDeadline, Mode
from tests.charts.custom_resources import Schema, faults, rules, schemas
from tests.charts.documents import documents

EXAMPLES = sorted((CHARTS.parent / "k8s" / "examples").glob("*.yaml"))
KINDS = {"Board": "boards", "ActionKind": "actionkinds", "AntiCheatPolicy": "anticheatpolicies", "Season": "seasons"}


def resource(kind: str, **spec: Any) -> dict[str, Any]:
    least: dict[str, dict[str, Any]] = {
        "Board": {"key": "main", "title": "All players"},
        "ActionKind": {"key": "quiz", "title": "Quiz", "boards": ["main"], "points": 10},
        "AntiCheatPolicy": {"key": "all", "thresholds": {"flag": 0.5, "hold": 0.7, "suspend": 0.95}},
        "Season": {"key": "spring", "start": "2027-03-01T00:00:00Z", "boards": ["main"]},
    }
    wanted = {name: value for name, value in {**least[kind], **spec}.items() if value is not None}
    return {"apiVersion": "scoreboard.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": wanted}


def test_four_kinds_with_all_that_kubectl_shows() -> None:
    found = {each["spec"]["names"]["kind"]: each for each in documents("crds")}
    assert {kind: each["spec"]["names"]["plural"] for kind, each in found.items()} == KINDS
    short = [each["spec"]["names"]["shortNames"] for each in found.values()]
    assert len({name for names in short for name in names}) == len(KINDS)
    for each in found.values():
        (version,) = each["spec"]["versions"]
        assert version["subresources"] == {"status": {}}
        assert each["metadata"]["name"] == f"{each['spec']['names']['plural']}.scoreboard.dev"
        columns = {column["name"] for column in version["additionalPrinterColumns"]}
        assert {"Key", "Ready", "Reason", "Age"} <= columns
        status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        assert {"observedGeneration", "conditions"} <= status.keys()
        assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_structural(kind: str) -> None:
    """What an API server demands: a type everywhere, nothing that is or depends, sets and lists that say so."""

    def look(path: str, schema: Schema) -> None:
        assert schema.get("type") in ("object", "array", "string", "integer", "number", "boolean"), path
        assert not {"$ref", "definitions", "dependencies", "additionalItems", "patternProperties"} & schema.keys(), path
        if schema["type"] == "array":
            assert schema.get("x-kubernetes-list-type"), path
            assert schema.get("maxItems") or "conditions" in path, f"{path}: CEL's cost needs a bound"
            look(f"{path}[]", schema["items"])
        if schema["type"] == "string" and ".spec." in path and "format" not in schema:
            assert "enum" in schema or "maxLength" in schema, path
        for name, part in schema.get("properties", {}).items():
            assert part.get("description") or not path.endswith(".spec"), f"{path}.{name} is not described"
            look(f"{path}.{name}", part)

    look(kind, schemas()[kind])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_would_be_taken(path: Any) -> None:
    for document in yaml.safe_load_all(path.read_text("utf-8")):
        assert faults(document) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_is_enough(kind: str) -> None:
    assert faults(resource(kind)) == []


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Board", {"order": "up"}, "'up' is not one of"),
    ("Board", {"size": 0}, "0 is less than the minimum"),
    ("Board", {"key": "Two Words"}, "does not match"),
    ("Board", {"colour": "red"}, "Additional properties"),
    ("Board", {"schedule": {"cron": "0 0 * * 1", "endsAt": "2027-01-01T00:00:00Z"}}, "either cron or fixed dates"),
    (
        "Board",
        {"schedule": {"startsAt": "2027-01-02T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z"}},
        "startsAt must be before endsAt",
    ),
    ("Board", {"freeze": {"from": "2027-01-02T00:00:00Z", "until": "2027-01-01T00:00:00Z"}}, "from must be before"),
    ("ActionKind", {"bounds": {"min": 0, "max": 1}}, "give either points"),
    ("ActionKind", {"points": None}, "give either points"),
    ("ActionKind", {"points": None, "bounds": {"min": 2, "max": 1}}, "min must not be above max"),
    ("ActionKind", {"points": 2**53 + 1}, "greater than the maximum"),
    ("ActionKind", {"minimumDurationSeconds": 9, "maximumDurationSeconds": 5}, "must be below"),
    ("ActionKind", {"direct": True, "minimumDurationSeconds": 3}, "no minimum duration"),
    ("AntiCheatPolicy", {"thresholds": {"flag": 0.8, "hold": 0.7, "suspend": 0.9}}, "flag must be below hold"),
    ("AntiCheatPolicy", {"thresholds": {"flag": 0.5, "hold": 0.9, "suspend": 0.9}}, "hold must be below suspend"),
    ("AntiCheatPolicy", {"thresholds": {"flag": 0.5, "hold": 1.0, "suspend": 0.9}}, "thresholds must rise"),
    ("AntiCheatPolicy", {"mode": "off"}, "'off' is not one of"),
    ("Season", {"end": "2027-01-01T00:00:00Z"}, "start must be before end"),
    ("Season", {"boards": []}, "[] should be non-empty"),
    ("Season", {"onEnd": "burn"}, "'burn' is not one of"),
]


@pytest.mark.parametrize(("kind", "spec", "words"), REFUSED)
def test_what_cannot_be_is_refused_in_words(kind: str, spec: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in faults(resource(kind, **spec))), faults(resource(kind, **spec))


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_never_changes(kind: str) -> None:
    assert any("never changes" in fault for fault in faults(resource(kind, key="other"), resource(kind)))
    assert faults(resource(kind), resource(kind)) == []


def test_what_scores_were_ranked_by_never_changes() -> None:
    assert faults(resource("Board", order="asc"), resource("Board"))
    assert faults(resource("Board", operator="best"), resource("Board"))


def test_a_threshold_of_one_switches_it_off() -> None:
    assert faults(resource("AntiCheatPolicy", thresholds={"flag": 0.5, "hold": 1.0, "suspend": 1.0})) == []


def test_words_are_those_of_the_domain() -> None:
    board = schemas()["Board"]["properties"]["spec"]["properties"]
    for name, words in {
        "order": Order,
        "operator": Operator,
        "tieRule": TieRule,
        "rankStyle": RankStyle,
        "visibility": Visibility,
    }.items():
        assert board[name]["enum"] == [str(word) for word in words]
    policy = schemas()["AntiCheatPolicy"]["properties"]["spec"]["properties"]
    assert policy["mode"]["enum"] == [str(word) for word in Mode]
    assert policy["review"]["properties"]["atDeadline"]["enum"] == [str(word) for word in AtDeadline]


def test_every_rule_is_told_in_words() -> None:
    found = list(rules())
    assert len(found) >= 15
    assert all(rule["message"] for _, rule in found)
