"""Rules for Prometheus from objectives and alerts: one file for each part that a chart may leave out."""

from typing import Any

import yaml

from dashboards import alerts, objectives
from dashboards.alerts import Alert


def all_alerts() -> list[Alert]:
    """Every alert, those of the objectives first."""
    return objectives.burn_alerts(objectives.load()) + alerts.declared()


def parts() -> dict[str, list[dict[str, Any]]]:
    """Groups of rules by part: ``always``, or the component or feature that has to be enabled (``Alert.when``)."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for alert in all_alerts():
        groups = found.setdefault(alert.when or "always", {})
        suffix = f"-{alert.when.lower()}" if alert.when else ""  # names of groups are unique over all files
        groups.setdefault(f"scoreboard-{alert.group}{suffix}", []).append(alert.rule())
    named = {part: [{"name": name, "rules": rules} for name, rules in groups.items()] for part, groups in found.items()}
    named["always"] = objectives.recording_groups(objectives.load()) + named["always"]
    return named


def as_yaml(groups: list[dict[str, Any]], head: str = "") -> str:
    """A file of rules."""
    text = yaml.dump({"groups": groups}, Dumper=_Readable, sort_keys=False, width=120, allow_unicode=True)
    return head + text


class _Readable(yaml.SafeDumper):
    """Writes long expressions as blocks of lines, as people write them."""


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _lines)
