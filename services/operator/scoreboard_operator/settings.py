"""The operator's settings. Its own class: it knows neither the stores nor the keys that the platform's demands.

Names in the environment are those of the platform: the field's name with the prefix ``SCOREBOARD_``.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class OperatorSettings(BaseSettings):
    """Whom it speaks to and how often. Times are seconds."""

    model_config = SettingsConfigDict(env_prefix="SCOREBOARD_", frozen=True, extra="ignore")

    api_url: str = Field(pattern="^https?://[^/]+", description="the platform's API, as the cluster reaches it")
    operator_token_file: Path = Field(
        description="projected ServiceAccount token for the API; read for each request, as it is renewed in place"
    )
    operator_namespace: str = Field("", description="the one namespace that it serves; empty: all of them")
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(0, ge=0, le=65535, description="probes and metrics; 0: neither")
    log_format: str = Field("json", pattern="^(json|console)$")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")

    operator_tick: float = Field(
        1.0, gt=0, le=60, description="how often it looks which resource is due; a change is acted on at once"
    )
    operator_drift_every: float = Field(
        60.0, gt=0, description="how often a resource is compared with the platform and its status brought up to date"
    )
    operator_spread: float = Field(
        0.2, ge=0, lt=1, description="by which share waits differ, so that resources do not all ask in one second"
    )
    operator_waiting_every: float = Field(
        5.0, gt=0, description="how often one that waits for another asks again; it is also woken when that comes"
    )
    operator_conflict_every: float = Field(
        120.0, gt=0, description="how often a conflict is tried again; a person has to solve it"
    )
    operator_retry_first: float = Field(1.0, gt=0, description="pause after a first failure; it doubles with each more")
    operator_retry_longest: float = Field(60.0, gt=0, description="the longest pause; the API is back sooner or later")
    operator_quiet_failures: int = Field(
        2, ge=0, le=100, description="so many failed looks in a row are not told yet: the API may just be rolled out"
    )
    operator_busy_tries: int = Field(
        5, ge=1, le=100, description="how often a request is sent that the API puts off by its rate limit"
    )
    operator_api_timeout: float = Field(12.0, gt=0, description="for one request; above the API's request_deadline")
    operator_api_connections: int = Field(
        4, ge=1, le=64, description="requests under way at once, so that a restart with many resources is no flood"
    )
    operator_watch_seconds: int = Field(
        60, ge=1, description="a watch is begun anew after this, which shows that the API server still answers"
    )
    operator_watch_silence: float = Field(
        200.0, gt=0, description="without a list or watch begun for so long it counts as dead and is restarted"
    )
    operator_cluster_timeout: float = Field(30.0, gt=0, description="for one request to the API server, but a watch")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.operator_retry_first <= self.operator_retry_longest:
            raise ValueError("SCOREBOARD_OPERATOR_RETRY_FIRST must not be above SCOREBOARD_OPERATOR_RETRY_LONGEST")
        if not self.operator_watch_seconds < self.operator_watch_silence:
            raise ValueError("SCOREBOARD_OPERATOR_WATCH_SECONDS must be below SCOREBOARD_OPERATOR_WATCH_SILENCE")
        return self
