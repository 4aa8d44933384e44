"""Writes rules, runbooks, dashboards and the page about metrics: ``python -m dashboards.generate [PART ...]``.

A test holds that what is committed is what would be written.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from dashboards import metrics_document, panels, rules, runbooks
from dashboards.pages import PAGES

ROOT = Path(__file__).parents[1]
HERE = ROOT / "dashboards"
CHART = ROOT / "charts" / "scoreboard" / "files"
_MADE = (
    "# `make rules` writes this file from dashboards/slos.yaml and dashboards/alerts; a test fails when it is stale.\n"
)


def rule_files() -> dict[Path, str]:
    """Rules for the chart, part by part, Alertmanager's example beside them, and the runbooks."""
    found = {CHART / "rules" / f"{part}.yaml": rules.as_yaml(groups, _MADE) for part, groups in rules.parts().items()}
    found[CHART / "alertmanager.yaml"] = (HERE / "alertmanager.yaml").read_text("utf-8")
    found[ROOT / "docs" / "runbooks.md"] = runbooks.as_markdown()
    return found


def dashboard_files() -> dict[Path, str]:
    """Grafana's JSON, to look at here and in one line for the chart, whose objects have a limit of 1 MiB."""
    found = {}
    for page in PAGES:
        text = panels.as_json(page)
        found[HERE / "json" / f"{page.name}.json"] = text
        short = json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True)
        found[CHART / "dashboards" / f"{page.name}.json"] = short + "\n"
    return found


def metric_files() -> dict[Path, str]:
    """The page about metrics."""
    return {ROOT / "docs" / "metrics.md": metrics_document.as_markdown()}


WRITERS: dict[str, Callable[[], dict[Path, str]]] = {
    "rules": rule_files,
    "dashboards": dashboard_files,
    "metrics": metric_files,
}


def files() -> dict[Path, str]:
    """Every generated file with what belongs into it."""
    return {path: text for writer in WRITERS.values() for path, text in writer().items()}


def main(wanted: list[str]) -> None:
    """Write what is named, or everything."""
    for name in wanted or WRITERS:
        for path, text in WRITERS[name]().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
