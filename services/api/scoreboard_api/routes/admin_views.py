"""What is declared as the admin's endpoints tell it: specification, owner, what is true of it now."""

from dataclasses import asdict
from typing import Any

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Schedule
from scoreboard.domain.declaration import Resource
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.domain.season_plan import Phase, SeasonPlan
from scoreboard.usecases.declare import Declaration, resource_of
from scoreboard.usecases.read_declared import BoardTruth, KindTruth, PlanTruth, PolicyTruth, View
from scoreboard_api.schemas.admin_specs import (
    Attempts,
    BoardSpec,
    Bounds,
    FreezeSpec,
    KindSpec,
    PolicySpec,
    ScheduleSpec,
    SeasonSpec,
)
from scoreboard_api.schemas.boards import season_fields
from scoreboard_api.schemas.model import Request

PATH = "/api/v1/admin"
_SAME = {
    Resource.BOARDS: ("title", "order", "operator", "tie_rule", "rank_style", "size", "visibility"),
    Resource.KINDS: (
        *("title", "points", "cooldown_s", "once", "token_ttl_s", "min_duration_s", "max_duration_s", "signature"),
        *("direct", "enabled"),
    ),
    Resource.POLICIES: (
        *("mode", "flag", "hold", "suspend", "half_life_s", "suspension_s", "suspensions_per_hour", "review_s"),
        *("at_deadline", "model"),
    ),
    Resource.SEASONS: ("title", "starts_at", "ends_at", "on_end"),
}
"""Fields that are sent as the platform knows them."""
_SPECS: dict[Resource, type[Request]] = {
    Resource.BOARDS: BoardSpec,
    Resource.KINDS: KindSpec,
    Resource.POLICIES: PolicySpec,
    Resource.SEASONS: SeasonSpec,
}
_SHAPES: dict[str, type[Request]] = {
    "schedule": ScheduleSpec,
    "freeze": FreezeSpec,
    "bounds": Bounds,
    "attempts": Attempts,
}

Declared = Board | ActionKind | AntiCheatPolicy | SeasonPlan


def address(resource: Resource, key: str) -> str:
    """Where a declared thing is."""
    return f"{PATH}/{resource}/{key}"


def spec_fields(spec: Declared) -> dict[str, Any]:
    """A specification as it is sent, with every field; sending it again changes nothing."""
    fields = {name: getattr(spec, name) for name in _SAME[resource_of(spec)]}
    plain = {name: str(value) if isinstance(value, str) else value for name, value in fields.items()}
    match spec:
        case Board(schedule=schedule):
            own = asdict(schedule) if schedule != Schedule() else None
            freeze = {"from": spec.frozen_from, "until": spec.frozen_until} if spec.frozen_from is not None else None
            return plain | {"schedule": own, "freeze": freeze}
        case ActionKind():
            bounds = {"min": spec.min_points, "max": spec.max_points} if spec.points is None else None
            attempts = None if spec.attempts is None else {"count": spec.attempts, "window_s": spec.window_s}
            return plain | {"bounds": bounds, "attempts": attempts, "boards": list(spec.boards)}
        case AntiCheatPolicy():
            return plain | {"kinds": list(spec.kinds)}
        case SeasonPlan():
            return plain | {"boards": list(spec.boards)}


def _spec(spec: Declared) -> Request:
    """The same as its shape. Not checked: what was declared by other ways is shown as it is."""
    fields = spec_fields(spec)
    for name, shape in _SHAPES.items():
        if fields.get(name) is not None:
            fields[name] = shape.model_construct(**fields[name])
    return _SPECS[resource_of(spec)].model_construct(**fields)


def view_fields(view: View) -> dict[str, Any]:
    """A declared thing as it is shown."""
    stored = view.stored
    resource, owner = resource_of(stored.spec), stored.owner
    return {
        "key": stored.spec.key,
        "version": stored.spec.version,
        "spec": _spec(stored.spec),
        "declared_at": stored.declared_at,
        "declared_by": stored.declared_by,
        "retired_at": stored.retired_at,
        "managed_by": owner and {"uid": owner.uid, "name": owner.name, "generation": owner.generation},
        "status": _status(view),
        "links": _links(view, resource),
    }


def declared_fields(done: Declaration, *, dry_run: bool) -> dict[str, Any]:
    """What came of a declaration."""
    after = spec_fields(done.view.stored.spec)
    before = None if done.before is None else spec_fields(done.before)
    changes = [
        {"pointer": f"/{name}", "before": before and before[name], "after": value}
        for name, value in after.items()
        if before is None or before[name] != value
    ]
    return view_fields(done.view) | {"outcome": str(done.outcome), "changes": changes, "dry_run": dry_run}


def snapshot_fields(view: View) -> dict[str, Any] | None:
    """The final standings of a declared season, board by board; None until all are there."""
    spec, truth = view.stored.spec, view.truth
    if not isinstance(truth, PlanTruth) or not isinstance(spec, SeasonPlan) or truth.checksum is None:
        return None
    boards = [
        {
            "board": row.season.board_key,
            "season_id": row.season.id,
            "name": row.season.name,
            "players": row.players,
            "checksum": (row.checksum or b"").hex(),
            "links": {"entries": f"/api/v1/boards/{row.season.board_key}/entries?season={row.season.id}"},
        }
        for row in truth.seasons
    ]
    own = address(Resource.SEASONS, spec.key)
    links = {"self": f"{own}/snapshot", "season": own}
    return {"key": spec.key, "title": spec.name, "checksum": truth.checksum.hex(), "boards": boards, "links": links}


def _links(view: View, resource: Resource) -> dict[str, str]:
    key = view.stored.spec.key
    links = {"self": address(resource, key), "all": f"{PATH}/{resource}"}
    if resource is Resource.BOARDS:
        links["board"] = f"/api/v1/boards/{key}"
    return links


def _status(view: View) -> dict[str, Any]:
    match view.truth:
        case BoardTruth(season, players, frozen):
            return {"season": season and season_fields(season), "players": players, "frozen": frozen}
        case KindTruth(counts_on, retired_boards):
            return {"counts_on": list(counts_on), "retired_boards": list(retired_boards)}
        case PolicyTruth(open_cases):
            return {"open_cases": open_cases}
        case PlanTruth():
            return _plan_status(view.stored.spec.key, view.truth)


def _plan_status(key: str, truth: PlanTruth) -> dict[str, Any]:
    boards = [
        {
            "board": row.season.board_key,
            "season_id": row.season.id,
            "name": row.season.name,
            "status": str(row.season.status),
            "starts_at": row.season.starts_at,
            "ends_at": row.season.ends_at,
            "players": row.players,
            "checksum": None if row.checksum is None else row.checksum.hex(),
        }
        for row in truth.seasons
    ]
    archived = truth.phase is Phase.ARCHIVED and truth.checksum is not None
    return {
        "phase": str(truth.phase),
        "snapshot": f"{address(Resource.SEASONS, key)}/snapshot" if archived else None,
        "checksum": truth.checksum.hex() if archived and truth.checksum is not None else None,
        "boards": boards,
    }
