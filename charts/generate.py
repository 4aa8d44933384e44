"""Writes what the chart holds of generated files: ``python -m charts.generate``.

``values.schema.json`` comes from ``describe.py`` and the platform's own settings, the README from the schema, the
golden files from the profiles. A test holds that what is committed is what would be written.
"""

import json
from pathlib import Path
from typing import Any

import helm_python
import yaml

from charts.describe import values_schema
from charts.schema_words import Schema

CHARTS = Path(__file__).parent
CHART = CHARTS / "scoreboard"
CRDS = CHARTS / "scoreboard-crds"
GOLDEN = CHARTS.parent / "tests" / "charts" / "golden"
KUSTOMIZE = CHARTS.parent / "k8s" / "kustomize"
PROFILES = ("minimal", "dev", "prod", "ha", "external-db", "keda", "gateway")
RELEASE, NAMESPACE = "scoreboard", "scores"


def profile_values(profile: str) -> dict[str, Any]:
    """What a profile of ``ci/`` sets."""
    values: dict[str, Any] = yaml.safe_load((CHART / "ci" / f"{profile}-values.yaml").read_text("utf-8"))
    return values


def rendered(values: dict[str, Any], chart: Path = CHART, release: str = RELEASE) -> str:
    """All manifests by Helm 4, one text; the notes are left out.

    Raises:
        helm_python.HelmError: the values are refused, or a template fails.
    """
    with helm_python.Chart.load(chart) as loaded:
        texts = loaded.render(values, name=release, namespace=NAMESPACE)
    parts = []
    for path, content in sorted(texts.items()):
        documents = [part.strip() for part in ("\n" + content).split("\n---") if part.strip()]
        if not path.endswith(".txt"):
            parts += [f"---\n# Source: {path}\n{document}\n" for document in documents]
    return "".join(parts)


def plain_manifests(*, operator: bool) -> str:
    """The minimal profile without hooks, for those without Helm; with the operator also the definitions."""
    values = {**profile_values("minimal"), "migrations": {"mode": "job"}, "tests": {"enabled": False}}
    text = rendered({**values, "operator": {"enabled": operator}})
    text += rendered({}, CRDS, "scoreboard-crds") if operator else ""
    return text.replace("managed-by: Helm", "managed-by: kustomize")


def readme() -> str:
    """The chart's README: how to install, then every key with its default and meaning."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    schema = values_schema()
    parts: dict[str, Schema] = {name: part for name, part in schema["properties"].items() if name != "global"}
    plain = [name for name, part in parts.items() if not part.get("properties")]
    usual = dict(_rows("api", parts["api"], values["api"]))
    head = (CHARTS / "readme_head.md").read_text("utf-8").replace("{description}", chart["description"])
    lines = [head.rstrip(), "", "## Values", ""]
    lines += _table([(f"`{name}`", f"{_default(values[name])}{parts[name]['description']}") for name in plain])
    for name, part in parts.items():
        if name in plain:
            continue
        lines += [f"### {name}", "", f"{part['description']}.", ""]
        rows = _rows(name, part, values[name])
        if "probes" in part["properties"] and name != "api":
            lines += ["Keys as under `api`; here are defaults that differ, and keys of its own.", ""]
            rows = [(key, rest) for key, rest in rows if usual.get(key.replace(name, "api", 1)) != rest]
        lines += _table(rows)
    for where, definition in (("settings", "settings"), ("operator.settings", "operatorSettings")):
        lines += [f"### What can stand under `{where}`", ""]
        known = schema["definitions"][definition]["properties"].items()
        lines += _table([(f"`{name}`", setting["description"].replace("<", "&lt;")) for name, setting in known])
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: list[tuple[str, str]]) -> list[str]:
    return ["| key | default, meaning |", "|---|---|", *(f"| {key} | {rest} |" for key, rest in rows), ""]


def _rows(path: str, schema: Schema, value: Any) -> list[tuple[str, str]]:
    inner = schema.get("properties")
    if inner is None or path.endswith(".settings"):
        return [(f"`{path}`", f"{_default(value)}{schema['description']}")]
    rows = []
    for name, part in inner.items():
        given = value.get(name) if isinstance(value, dict) else None
        rows += _rows(f"{path}.{name}", part, given)
    return rows


def _default(value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    written = json.dumps(value) if isinstance(value, dict | list | bool) else str(value)
    return f"`{written}`. "


def files() -> dict[Path, str]:
    """Every generated file with what belongs into it."""
    schema = json.dumps(values_schema(), indent=2) + "\n"
    found = {CHART / "values.schema.json": schema, CHART / "README.md": readme()}
    found |= {GOLDEN / f"{profile}.yaml": rendered(profile_values(profile)) for profile in PROFILES}
    found[KUSTOMIZE / "base" / "manifests.yaml"] = plain_manifests(operator=False)
    found[KUSTOMIZE / "with-operator" / "manifests.yaml"] = plain_manifests(operator=True)
    found[GOLDEN / "crds.yaml"] = rendered({}, CRDS, "scoreboard-crds")
    return found


def main() -> None:
    """Write them. The schema comes first, as rendering obeys it."""
    (CHART / "values.schema.json").write_text(json.dumps(values_schema(), indent=2) + "\n", "utf-8")
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for path, content in files().items():
        path.write_text(content, "utf-8")


if __name__ == "__main__":
    main()
