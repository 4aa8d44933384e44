"""What an API server does with a custom resource, as far as schema and CEL go: defaults, structure, rules.

An API server also checks the cost of CEL rules and keeps what it stored; only a real one shows that.
"""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import celpy
import jsonschema
from celpy.adapter import json_to_cel

from tests.charts.documents import documents

Schema = dict[str, Any]
_ENVIRONMENT = celpy.Environment()


@cache
def schemas() -> dict[str, Schema]:
    """The schema of each kind."""
    return {
        each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for each in documents("crds")
    }


def faults(resource: Schema, old: Schema | None = None) -> list[str]:
    """Why an API server would refuse the resource, or its change from ``old``; empty when it would take it."""
    schema = schemas()[resource["kind"]]
    defaulted = with_defaults(resource, schema)
    checker = jsonschema.Draft202012Validator(_strict(schema), format_checker=jsonschema.FormatChecker())
    wrong = [error.message for error in checker.iter_errors({"spec": defaulted.get("spec")})]
    if wrong:
        return wrong
    before = with_defaults(old, schema)["spec"] if old else None
    return list(_broken_rules(defaulted["spec"], before, schema["properties"]["spec"]))


def with_defaults(value: Any, schema: Schema) -> Any:
    """The value with the schema's defaults in the objects that are there."""
    value = copy.deepcopy(value)
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name not in value and "default" in part:
                value[name] = part["default"]
            if name in value:
                value[name] = with_defaults(value[name], part)
    return value


def _strict(schema: Schema) -> Schema:
    """An API server drops unknown fields, and kubectl refuses them: here they are refused."""
    strict = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes")}
    if "properties" in strict:
        strict["properties"] = {name: _strict(part) for name, part in strict["properties"].items()}
        strict["additionalProperties"] = False
    if isinstance(strict.get("items"), dict):
        strict["items"] = _strict(strict["items"])
    return strict


def _broken_rules(value: Any, old: Any, schema: Schema) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" in rule["rule"] and old is None:
            continue  # a transition rule says nothing about what is new
        known = {"self": json_to_cel(value), "oldSelf": json_to_cel(old)}
        if not _ENVIRONMENT.program(_ENVIRONMENT.compile(rule["rule"])).evaluate(known):
            yield rule["message"]
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from _broken_rules(value[name], (old or {}).get(name), part)


def rules() -> Iterator[tuple[str, Schema]]:
    """Every CEL rule with where it stands."""

    def look(path: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
        for rule in schema.get("x-kubernetes-validations", ()):
            yield path, rule
        for name, part in schema.get("properties", {}).items():
            yield from look(f"{path}.{name}", part)

    for kind, schema in schemas().items():
        yield from look(kind, schema)
