"""Wrong values are refused before anything is installed, in words that say what to do."""

import json
from typing import Any

import helm_python
import pytest

from charts.describe import values_schema
from charts.generate import CHART, profile_values, rendered

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("a key that does not exist", {"api": {"replica": 3}}, "additional properties 'replica' not allowed"),
    ("a setting that does not exist", {"settings": {"tik": 1}}, "additional properties 'tik' not allowed"),
    ("a setting out of bounds", {"settings": {"database_pool_size": 900}}, "/settings/database_pool_size"),
    ("a secret among the settings", {"settings": {"master_key": "x"}}, "'master_key' not allowed"),
    (
        "a mode that does not exist",
        {"migrations": {"mode": "yes"}},
        "must be one of 'hook', 'job', 'initContainer', 'none'",
    ),
    ("a number as text", {"api": {"replicas": "two"}}, "/api/replicas"),
    ("the tag latest", {"image": {"tag": "latest"}}, "/image/tag"),
    ("a digest that is none", {"api": {"image": {"digest": "sha256:abc"}}}, "/api/image/digest"),
    ("two autoscalers", {"api": {"autoscaling": {"engine": "both"}}}, "'none', 'hpa', 'keda'"),
    ("no database", {"postgres": {"existingSecret": ""}}, "postgres.existingSecret is empty"),
    ("no owner", {"postgres": {"owner": {"existingSecret": ""}}}, "migrations need the URL of the database's owner"),
    ("no redis", {"redis": {"existingSecret": ""}}, "redis.existingSecret is empty"),
    ("no keys", {"keys": {"existingSecret": ""}}, "keys.existingSecret is empty"),
    ("two databases", {"dev": {"postgres": {"enabled": True}}, "postgres": {"cnpg": {"enabled": True}}}, "choose one"),
    (
        "a hook before its database",
        {"dev": {"postgres": {"enabled": True, "existingSecret": "x"}}},
        "migrations.mode=hook",
    ),
    ("an ingress for nobody", {"ingress": {"enabled": True, "tlsSecret": "x"}}, "ingress.hosts is empty"),
    ("secure cookies over http", {"ingress": {"enabled": True, "hosts": ["x"]}}, "ingress.tlsSecret is empty"),
    ("a route to nowhere", {"gateway": {"enabled": True}}, "gateway.parentRefs and gateway.hostnames"),
    ("two operators", {"operator": {"enabled": True, "replicas": 2}}, "exactly one"),
    ("a drain without time", {"realtime": {"terminationGracePeriodSeconds": 20}}, "the last connections would be cut"),
    ("requests without time", {"api": {"terminationGracePeriodSeconds": 10}}, "api.terminationGracePeriodSeconds"),
    (
        "a rollout that cannot move",
        {"worker": {"strategy": {"maxSurge": 0, "maxUnavailable": 0}}},
        "no pod could ever be replaced",
    ),
    (
        "more at least than at most",
        {"api": {"autoscaling": {"engine": "hpa", "minReplicas": 9, "maxReplicas": 2}}},
        "minReplicas 9 is above maxReplicas 2",
    ),
    ("metrics where the API listens", {"metrics": {"port": 8000}}, "metrics.port is 8000, where api listens"),
    ("metrics where realtime listens", {"metrics": {"port": 8001}}, "metrics.port is 8001, where realtime listens"),
    (
        "a label that selectors use",
        {"worker": {"podLabels": {"app.kubernetes.io/component": "api"}}},
        "worker.podLabels: app.kubernetes.io/component is the chart's own",
    ),
    (
        "a common label that selectors use",
        {"commonLabels": {"app.kubernetes.io/name": "x"}},
        "commonLabels: app.kubernetes.io/name is the chart's own",
    ),
    ("a name that is none", {"keys": {"existingSecret": "a, optional: true"}}, "/keys/existingSecret"),
    ("a cookie that is none", {"stickiness": {"cookieName": "a b"}}, "/stickiness/cookieName"),
    ("a board to score on without a kind", {"tests": {"board": "main"}}, "tests.board and tests.kind go together"),
    (
        "more pods than the database lets in",
        {"api": {"autoscaling": {"engine": "hpa", "maxReplicas": 24}}},
        "postgres.maxConnections is 100, but the largest number of pods",
    ),
    (
        "more pods than the chart's own database lets in",
        {
            "migrations": {"mode": "job"},
            "postgres": {
                "cnpg": {
                    "enabled": True,
                    "serviceLoginSecret": "x",
                    "spec": {"postgresql": {"parameters": {"max_connections": "50"}}},
                }
            },
        },
        "max_connections is 50, but the largest number of pods",
    ),
    (
        "a login twice",
        {
            "migrations": {"mode": "job"},
            "postgres": {
                "cnpg": {
                    "enabled": True,
                    "serviceLoginSecret": "x",
                    "otherLogins": [{"name": "scoreboard_service", "ensure": "absent"}],
                }
            },
        },
        "which is serviceLogin",
    ),
    (
        "a login without a password",
        {
            "migrations": {"mode": "job"},
            "postgres": {
                "cnpg": {
                    "enabled": True,
                    "serviceLoginSecret": "x",
                    "otherLogins": [{"name": "scoreboard_old", "ensure": "present"}],
                }
            },
        },
        "scoreboard_old is to be present and has no existingSecret",
    ),
    (
        "stickiness nobody understands",
        {"stickiness": {"enabled": True}, "ingress": {"enabled": True, "hosts": ["x"], "tlsSecret": "x"}},
        "stickiness.enabled needs ingress.controller",
    ),
]


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    result = dict(first)
    for key, value in second.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


@pytest.mark.parametrize(("what", "values", "words"), CASES, ids=[case[0] for case in CASES])
def test_wrong_values_are_refused_in_words(what: str, values: dict[str, Any], words: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        rendered(merged(profile_values("minimal"), values))
    assert words in str(refused.value)


def test_all_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        rendered({})
    for name in (
        "postgres.existingSecret",
        "postgres.owner.existingSecret",
        "redis.existingSecret",
        "keys.existingSecret",
    ):
        assert name in str(refused.value)


def test_every_key_is_described_and_no_other_is_taken() -> None:
    def look(path: str, schema: dict[str, Any]) -> None:
        assert schema.get("description"), path
        if "properties" in schema:
            assert schema["additionalProperties"] is False, path
        for name, inner in schema.get("properties", {}).items():
            look(f"{path}.{name}", inner)
        if "items" in schema and "properties" in schema["items"]:
            look(f"{path}[]", schema["items"])

    schema = values_schema()
    look("values", {**schema, "definitions": None})
    look("settings", schema["definitions"]["settings"])
    assert schema == json.loads((CHART / "values.schema.json").read_text())


def test_a_parent_chart_may_hand_down_its_globals() -> None:
    assert rendered({**profile_values("minimal"), "global": {"x": 1}})
