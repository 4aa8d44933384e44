"""Traces: whether, how many, where to."""

from pydantic import AliasChoices, BaseModel, Field


class Tracing(BaseModel):
    """What is recorded of requests and where it is sent."""

    trace_endpoint: str = Field(
        "",
        pattern="^(https?://.+)?$",
        validation_alias=AliasChoices("SCOREBOARD_TRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="a collector that takes OTLP over HTTP, such as http://collector:4318; empty: no traces",
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
