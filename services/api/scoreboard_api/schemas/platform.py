"""What probes are told."""

from pydantic import Field

from scoreboard_api.schemas.model import Reply


class HealthOut(Reply):
    """What a probe is told."""

    status: str = Field(examples=["ok"])
    checks: dict[str, str] | None = Field(None, examples=[{"database": "ok", "redis": "ok"}])
