"""What is declared as the admin's endpoints see it: current version, its moment, its retirement, its owner."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, Table, and_, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.declaration import Owner, Resource
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.domain.season_plan import SeasonPlan
from scoreboard.storage import catalog
from scoreboard.storage.catalog import Declarable
from scoreboard.storage.database import Transaction
from scoreboard.storage.tables import action_kinds, boards, declaration_owners, policies, season_plans

_TABLES: dict[Resource, Table] = {
    Resource.BOARDS: boards,
    Resource.KINDS: action_kinds,
    Resource.POLICIES: policies,
    Resource.SEASONS: season_plans,
}
_LOCK = 0x5C07E_DEC1  # any number that nothing else locks


@dataclass(frozen=True, slots=True)
class Stored:
    """A declared thing: its current version, when and by whom that was declared, and who owns it now."""

    spec: Declarable
    declared_at: datetime
    declared_by: str | None
    retired_at: datetime | None
    owner: Owner | None


async def lock(tx: Transaction) -> None:
    """Declare one after the other, on all pods: what is declared names other things, and owners are checked."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _select(resource: Resource) -> Select[*tuple[object, ...]]:
    table, owners = _TABLES[resource], declaration_owners
    own = and_(owners.c.resource == str(resource), owners.c.key == table.c.key)
    return select(table, owners.c.uid, owners.c.name, owners.c.generation).outerjoin(owners, own).where(table.c.current)


async def find(tx: Transaction, resource: Resource, key: str) -> Stored | None:
    """One of them, retired or not; None when it was never declared."""
    found = await _read(tx, resource, _select(resource).where(_TABLES[resource].c.key == key))
    return found[0] if found else None


async def page(tx: Transaction, resource: Resource, after: str, limit: int, *, retired: bool) -> list[Stored]:
    """Those with a key above ``after``, by key."""
    table = _TABLES[resource]
    statement = _select(resource).where(table.c.key > after)
    if not retired:
        statement = statement.where(table.c.retired_at.is_(None))
    return await _read(tx, resource, statement.order_by(table.c.key).limit(limit))


async def _read(tx: Transaction, resource: Resource, statement: Select[*tuple[object, ...]]) -> list[Stored]:
    found = []
    for row in (await tx.execute(statement)).mappings():
        owner = None if row["name"] is None else Owner(row["name"], row["uid"], row["generation"])
        spec = _spec(resource, row["key"], row["version"], row["spec"])
        found.append(Stored(spec, row["created_at"], row["managed_by"], row["retired_at"], owner))
    return found


def _spec(resource: Resource, key: str, version: int, fields: dict[str, object]) -> Declarable:
    match resource:
        case Resource.BOARDS:
            return catalog.decode(Board, key, version, fields)
        case Resource.KINDS:
            return catalog.decode(ActionKind, key, version, fields)
        case Resource.POLICIES:
            return catalog.decode(AntiCheatPolicy, key, version, fields)
        case Resource.SEASONS:
            return catalog.decode(SeasonPlan, key, version, fields)


async def put(tx: Transaction, spec: Declarable, declared_by: str) -> int:
    """Make this the current version; the same again changes nothing. Returns the current version's number."""
    match spec:
        case Board():
            return (await catalog.put_board(tx, spec, declared_by)).version
        case ActionKind():
            return (await catalog.put_kind(tx, spec, declared_by)).version
        case AntiCheatPolicy():
            return (await catalog.put_policy(tx, spec, declared_by)).version
        case SeasonPlan():
            return (await catalog.put_plan(tx, spec, declared_by)).version


async def retire(tx: Transaction, resource: Resource, key: str) -> None:
    """Mark the current version as retired."""
    table = _TABLES[resource]
    statement = update(table).where(table.c.key == key, table.c.current, table.c.retired_at.is_(None))
    await tx.execute(statement.values(retired_at=func.clock_timestamp()))


async def set_owner(tx: Transaction, resource: Resource, key: str, owner: Owner | None) -> None:
    """Say who owns it; None: nobody."""
    table = declaration_owners
    if owner is None:
        await tx.execute(delete(table).where(table.c.resource == str(resource), table.c.key == key))
        return
    values = {"uid": owner.uid, "name": owner.name, "generation": owner.generation}
    statement = insert(table).values(resource=str(resource), key=key, since=func.clock_timestamp(), **values)
    again = {**values, "since": func.clock_timestamp()}
    await tx.execute(statement.on_conflict_do_update(index_elements=["resource", "key"], set_=again))
