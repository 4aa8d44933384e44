"""docs/metrics.md is what the code says, and no metric is without a meaning, a unit and bounded labels."""

from dashboards import generate
from dashboards.metrics_document import told

BOUNDED = {
    *(
        "board",
        "by",
        "engine",
        "call",
        "code",
        "condition",
        "decision",
        "event",
        "feature",
        "found",
        "kind",
        "layer",
        "level",
    ),
    *(
        "loop",
        "needed",
        "outcome",
        "quantile",
        "rank",
        "reason",
        "resource",
        "result",
        "revision",
        "route",
        "service",
        "signal",
    ),
    *("source", "stage", "status", "store", "subject", "transport", "type", "verdict", "version"),
}


def test_what_is_generated_is_up_to_date() -> None:
    for path, text in generate.metric_files().items():
        assert path.read_text("utf-8") == text, "run: make docs"


def test_every_metric_is_told_with_its_meaning() -> None:
    rows = told()
    assert len(rows) > 70
    assert len({each.name for each in rows}) == len(rows)
    for each in rows:
        assert each.name.startswith("scoreboard_")
        assert len(each.meaning) > 8, each.name
        assert each.part != "Others", each.name
        assert not each.name.endswith("_total"), "the client adds it"
        assert each.kind != "histogram" or each.unit in ("seconds", "items", "ratio"), each.name


def test_labels_are_bounded() -> None:
    """A new label has to be one of these, or to be looked at: never a player, an action, an address or a raw path."""
    assert {label for each in told() for label in each.labels} <= BOUNDED
