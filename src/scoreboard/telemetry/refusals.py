"""Every refusal is counted once and written once, by whichever service refuses."""

from typing import Any

import structlog

from scoreboard.domain.errors import ErrorCode, layer_of
from scoreboard.telemetry.logs import note_refused
from scoreboard.telemetry.metrics import CONNECTS_REFUSED, REJECTIONS


def rejected(code: ErrorCode, **fields: Any) -> None:
    """Count a refusal and write its one line, with the ids of request and trace where there are.

    ``fields`` must hold no secret and nothing the client sent raw.
    """
    layer = layer_of(code)
    note_refused()
    REJECTIONS.labels(layer, code).inc()
    structlog.get_logger("scoreboard.rejection").info("rejected", code=str(code), layer=str(layer), **fields)


def connect_refused(code: ErrorCode, transport: str) -> None:
    """Count a live connection that was not let in, which is also a refusal like any other."""
    CONNECTS_REFUSED.labels(transport, code).inc()
    rejected(code, transport=transport)
