"""Traces: whether, how many, where to."""

from typing import Any

from pydantic import BaseModel, Field, model_validator

_EVERYBODYS = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Tracing(BaseModel):
    """What is recorded of requests and where it is sent."""

    trace_endpoint: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="a collector that takes OTLP over HTTP, such as http://collector:4318; empty: no traces",
    )
    trace_endpoint_of_all: str = Field(
        "",
        validation_alias=_EVERYBODYS,
        description="where everything in this environment sends its traces; taken where ours is not given and it is an"
        " address that takes OTLP over HTTP, else passed over with a warning: it is not ours, so it stops no start",
    )
    trace_sample: float = Field(0.01, ge=0, le=1, description="share of requests that are recorded")
    trace_callers: str = Field(
        "ignore",
        pattern="^(ignore|join|follow)$",
        description="what a caller's traceparent counts. ignore: nothing. join: its trace goes on in ours, our share"
        " decides. follow: it decides; only behind a gateway of ours that writes it, else anybody records everything",
    )
    trace_queue: int = Field(2048, ge=1, description="spans that wait for the collector; more are dropped and counted")
    trace_every: float = Field(2.0, gt=0, description="between two sendings, unless 512 spans wait before")
    trace_timeout: float = Field(5.0, gt=0, description="for one sending, its retries included; then it is given up")
    trace_farewell: float = Field(3.0, ge=0, description="for the last sending when a process ends")

    @model_validator(mode="before")
    @classmethod
    def _ours_wins(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Given but empty says no traces, whatever the environment says."""
        if "trace_endpoint" in values:
            return {name: value for name, value in values.items() if name.upper() != _EVERYBODYS}
        return values
