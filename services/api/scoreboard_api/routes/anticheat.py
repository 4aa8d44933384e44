"""The state of the anti-cheat, for moderators."""

from dataclasses import asdict

from fastapi import APIRouter

from scoreboard.domain.errors import ErrorCode
from scoreboard.usecases.read_anticheat import read_anticheat
from scoreboard.usecases.read_model_health import read_model_health
from scoreboard_api.deps import CaseReader, Wired
from scoreboard_api.routes.documented import SIGNED_IN, problems
from scoreboard_api.schemas.anticheat import AntiCheatState

router = APIRouter(prefix="/api/v1/moderation", tags=["moderation"])


@router.get("/anticheat", responses=problems(SIGNED_IN, [ErrorCode.FORBIDDEN]), summary="How the anti-cheat does")
async def read_state(wiring: Wired, claims: CaseReader) -> AntiCheatState:
    """Policies, the queue, suspensions, the model's health, cases of the last thirty days."""
    report = await read_anticheat(wiring.platform, claims.player_id)
    health = await read_model_health(wiring.platform)
    known = health.current is not None or health.candidate is not None
    return AntiCheatState.model_validate(
        {
            "policies": [asdict(policy) for policy in report.policies],
            "queue": asdict(report.queue),
            "suspensions_last_hour": report.suspensions_last_hour,
            "model": asdict(health) if known else None,
            "counts": {"day": [asdict(day) for day in report.days]},
            "links": {"self": "/api/v1/moderation/anticheat", "cases": "/api/v1/moderation/cases"},
        }
    )
