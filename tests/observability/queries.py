"""Which series, labels and values a query in PromQL asks for, read by a parser and not by eye."""

from dataclasses import dataclass, field
from typing import Any

import promql_parser as promql

_HOLES = {
    "$__rate_interval": "5m",
    "$namespace": ".*",
    "$NAMESPACE": "scores",
    "$WORKLOAD": "scoreboard-api",
    "<<.LabelMatchers>>": 'namespace="scores"',
    "<<.GroupBy>>": "pod",
}


@dataclass
class Asked:
    """What a query asks for.

    Attributes:
        labels: labels that matchers name, by series.
        grouped: labels of a grouping, with the series beneath it: one of them has to have the label.
        values: series, label and the pattern that some value of it has to match.
    """

    labels: dict[str, set[str]] = field(default_factory=dict)
    grouped: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    values: set[tuple[str, str, str]] = field(default_factory=set)


def asked_by(expr: str) -> Asked:
    """What a query asks for. Raises ValueError where it is no PromQL."""
    for hole, content in _HOLES.items():
        expr = expr.replace(hole, content)
    found = Asked()
    _walk(promql.parse(expr), found)
    return found


def _walk(node: Any, found: Asked) -> frozenset[str]:
    """Note what a part of the query asks for; the names of its series."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        return frozenset({_select(node, found)})
    if kind == "MatrixSelector":
        return _walk(node.vector_selector, found)
    if kind == "BinaryExpr":
        return _walk(node.lhs, found) | _walk(node.rhs, found)
    if kind == "Call":
        return frozenset().union(*(_walk(argument, found) for argument in node.args))
    if kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        return _walk(node.expr, found)
    if kind == "AggregateExpr":
        names = _walk(node.expr, found)
        if node.modifier is not None and node.modifier.type == promql.AggModifierType.By:
            found.grouped += [(label, names) for label in node.modifier.labels]
        return names
    assert kind in ("NumberLiteral", "StringLiteral"), kind
    return frozenset()


def _select(node: Any, found: Asked) -> str:
    name = str(node.name)
    labels = found.labels.setdefault(name, set())
    for matcher in node.matchers.matchers:
        labels.add(matcher.name)
        if matcher.op == promql.MatchOp.Equal:
            found.values.add((name, matcher.name, _escaped(matcher.value)))
        elif matcher.op == promql.MatchOp.Re:
            found.values |= {(name, matcher.name, part) for part in matcher.value.split("|")}
    return name


def _escaped(value: str) -> str:
    return "".join(f"\\{letter}" if letter in r".^$*+?{}[]\|()" else letter for letter in value)
