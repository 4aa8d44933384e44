"""The state of the platform, for moderators and administrators without a Grafana."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.figures import BOUNDS
from scoreboard.domain.objectives import Light
from scoreboard.live.vitals import Seen
from scoreboard.usecases.read_status import ObjectiveState, StatusReport
from scoreboard_api.deps import Moderator, Wired
from scoreboard_api.routes.documented import SIGNED_IN, problems
from scoreboard_api.schemas.status import PlatformStatus

router = APIRouter(prefix="/api/v1", tags=["insight"])


@router.get(
    "/status", responses=problems(SIGNED_IN, [ErrorCode.FORBIDDEN]), summary="How the platform does (moderators)"
)
async def read_status(wiring: Wired, _claims: Moderator, response: Response) -> PlatformStatus:
    """Services, stores, figures of the last minute, objectives and plots of the last hour.

    Every process tells a few of its figures every five seconds; what is read is a second old at most. Also answers
    while a store is away, and then says so.
    """
    response.headers["Cache-Control"] = "no-store"
    return PlatformStatus.model_validate(_written(await wiring.status.read()))


def _written(report: StatusReport) -> dict[str, Any]:
    return {
        "at": _moment(report.at),
        "light": str(report.light),
        "told": report.told,
        "known_s": round(report.known_s),
        "unread": report.unread,
        "stores": [
            {"store": name, "state": state, "light": str(Light.GOOD if state == "ok" else Light.BAD)}
            for name, state in report.stores.items()
        ],
        "services": [
            {
                "service": each.service,
                "light": str(each.light),
                "present": each.present,
                "missing": each.missing,
                "processes": [_process(process) for process in each.processes],
            }
            for each in report.services
        ],
        "figures": [
            {
                "name": each.name,
                "value": _short(each.value),
                "light": str(each.light),
                "warn": BOUNDS[each.name].warn,
                "bad": BOUNDS[each.name].bad,
            }
            for each in report.figures
        ],
        "objectives": [_objective(each) for each in report.objectives],
        "plots": {
            "slot_s": report.slot_s,
            "names": list(BOUNDS),
            "points": [
                {"at": _moment(point.at), "values": [_short(point.figures.get(name)) for name in BOUNDS]}
                for point in report.points
            ],
        },
        "links": {"self": "/api/v1/status", "ready": "/health/ready"},
    }


def _process(seen: Seen) -> dict[str, Any]:
    present = seen.present
    told: dict[str, Any]
    if present is None:
        told = {"state": "gone", "version": None, "began_at": None, "database": None, "redis": None}
    else:
        told = {
            "state": "draining" if present.draining else "up",
            "version": present.version,
            "began_at": None if present.began is None else _moment(present.began),
            "database": present.database,
            "redis": present.redis,
        }
    return {"instance": seen.instance, "told_at": _moment(seen.last), **told}


def _objective(state: ObjectiveState) -> dict[str, Any]:
    objective, (hour, minutes) = state.objective, state.burns
    return {
        "name": objective.name,
        "title": objective.title,
        "unit": objective.unit,
        "percent": objective.percent,
        "light": str(state.light),
        "total": round(state.total),
        "bad": round(state.bad),
        "burn_1h": _short(hour),
        "burn_5m": _short(minutes),
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _short(value: float | None) -> float | None:
    """Four digits that count: the rest is noise and bytes."""
    return None if value is None else float(f"{value:.4g}") if abs(value) < 1000 else round(value, 1)
