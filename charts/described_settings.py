"""The platform's settings as the chart takes them: names, limits and meaning come from ``scoreboard.settings``.

The operator has settings of its own, as it knows neither stores nor keys.
"""

from typing import Any

from charts.schema_words import Schema
from scoreboard.settings import Settings
from scoreboard_operator.settings import OperatorSettings

# Secrets come from Secrets; these addresses and numbers are the chart's own, each under a key of its own.
NOT_HERE = frozenset(
    {
        *("database_url", "redis_url", "signing_key", "previous_signing_key", "master_key"),
        *("api_host", "api_port", "realtime_host", "realtime_port", "metrics_host", "metrics_port"),
        *("trusted_proxy_hops", "drain_seconds", "replicas"),
        "trace_endpoint_of_all",  # set for a whole namespace, or under a component's env
        *("operator_issuer", "operator_jwks_url", "operator_audience", "operator_subjects"),
        *("operator_ca_file", "operator_jwks_token_file"),
    }
)
OPERATOR_NOT_HERE = frozenset({"api_url", "operator_token_file", "operator_namespace", "metrics_host", "metrics_port"})


def settings_reference(description: str, whose: str = "settings") -> Schema:
    """Where settings may stand; which there are is told once, under ``definitions``."""
    return {"$ref": f"#/definitions/{whose}", "description": description}


def settings_schema() -> Schema:
    """Every setting of the platform that may be given, none required."""
    return _settings("Settings of the platform", Settings.model_json_schema(by_alias=False), NOT_HERE)


def operator_settings_schema() -> Schema:
    """Every setting of the operator that may be given, none required."""
    return _settings("Settings of the operator", OperatorSettings.model_json_schema(), OPERATOR_NOT_HERE)


def _settings(description: str, model: Schema, left_out: frozenset[str]) -> Schema:
    known: dict[str, Any] = model["properties"]
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": {name: _told(name, known[name]) for name in sorted(known) if name not in left_out},
    }


def _told(name: str, schema: Schema) -> Schema:
    kept = {key: value for key, value in schema.items() if key not in ("title", "default")}
    if "anyOf" in kept:  # optional: absence stands for none
        kept |= next(choice for choice in kept.pop("anyOf") if choice.get("type") != "null")
    words = schema.get("description") or name.replace("_", " ").capitalize()
    kept["description"] = f"{words} (default: {_shown(schema.get('default'))})"
    return kept


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    return "none" if value in ("", None, {}) else str(value)
