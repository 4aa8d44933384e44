"""What a refused completion says about the player: signals add up, and at the threshold the account is suspended.

Called by the API with what it is about to answer, and by the worker with what a queued action came to. A suspension is
for a time and waits for a person; the points of a refused completion were never granted.
"""

from datetime import timedelta
from uuid import UUID

import structlog

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.suspicion import signal_of, weight_of
from scoreboard.live import suspicion
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_status import suspend_automatically
from scoreboard.usecases.platform import Platform

_log = structlog.get_logger("scoreboard.anticheat")


async def weigh_refusal(platform: Platform, player_id: UUID, refusal: Refusal) -> Refusal:
    """Count what the refusal tells, and suspend the player where it is too much.

    Returns:
        The refusal to answer with: the same one, or SUSPICIOUS_ACTIVITY when it led to a suspension.

    Raises:
        StoreUnavailable: the player should be suspended, and cannot be now.
    """
    signal = signal_of(refusal)
    if signal is None:
        return refusal
    telemetry.SIGNALS.labels(signal).inc()
    settings = platform.settings
    try:
        value = await suspicion.grow(platform.live, player_id, weight_of(signal), settings.suspicion_half_life)
        if value < settings.suspicion_suspend:
            return refusal
        _log.warning("suspicious", player_id=str(player_id), signal=str(signal), suspicion=round(value, 3))
        if settings.anticheat_mode == "shadow":
            return refusal
        if not await suspicion.reserve_suspension(platform.live, player_id, settings.automatic_suspensions_per_hour):
            _log.error("too many automatic suspensions in this hour; nobody is suspended any more")
            return refusal
    except LiveUnavailable:
        return refusal  # evidence is lost, the refusal itself stands
    until = utc_now() + timedelta(hours=settings.automatic_suspension_hours)
    if not await suspend_automatically(platform, player_id, until, by=f"anti-cheat: {signal}"):
        return refusal
    telemetry.AUTOMATIC_SUSPENSIONS.inc()
    return Refusal(
        ErrorCode.SUSPICIOUS_ACTIVITY, "This account was suspended: too much of what it sent cannot be played by hand."
    )
