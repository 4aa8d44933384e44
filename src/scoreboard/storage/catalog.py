"""Boards, action kinds, anti-cheat policies, declared seasons: versioned specifications. A change adds a version;
nothing is edited. What is retired can still be read, and is restored by declaring it again.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Table, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.domain.season_plan import SeasonPlan
from scoreboard.storage.database import Transaction
from scoreboard.storage.tables import action_kinds, boards, policies, season_plans

Spec = TypeVar("Spec", Board, ActionKind, AntiCheatPolicy, SeasonPlan)
Declarable = Board | ActionKind | AntiCheatPolicy | SeasonPlan


def _encode(spec: Declarable) -> dict[str, Any]:
    # By way of JSON, so that it compares equal to what the database gives back (lists, not tuples).
    fields = msgspec.json.decode(msgspec.json.encode(spec))
    return {name: value for name, value in fields.items() if name not in ("key", "version")}


def decode(kind: type[Spec], key: str, version: int, fields: dict[str, Any]) -> Spec:
    """A specification from its row."""
    return msgspec.convert({**fields, "key": key, "version": version}, kind)


async def current_boards(tx: Transaction) -> list[Board]:
    """Every board in its current version, by key; retired ones too, as their scores can still be read."""
    rows = await tx.execute(select(boards).where(boards.c.current).order_by(boards.c.key))
    return [decode(Board, row.key, row.version, row.spec) for row in rows]


async def board_at(tx: Transaction, key: str, moment: datetime) -> Board | None:
    """A board in the version that was current at a moment; None when there was no such board then."""
    statement = select(boards).where(boards.c.key == key, boards.c.created_at <= moment)
    row = (await tx.execute(statement.order_by(boards.c.version.desc()).limit(1))).first()
    return None if row is None else decode(Board, row.key, row.version, row.spec)


async def retired_boards(tx: Transaction) -> frozenset[str]:
    """Keys of the boards that are retired."""
    rows = await tx.execute(select(boards.c.key).where(boards.c.current, boards.c.retired_at.is_not(None)))
    return frozenset(rows.scalars())


async def current_kinds(tx: Transaction) -> list[ActionKind]:
    """Every action kind that is not retired, in its current version, by key."""
    live = (action_kinds.c.current, action_kinds.c.retired_at.is_(None))
    rows = await tx.execute(select(action_kinds).where(*live).order_by(action_kinds.c.key))
    return [decode(ActionKind, row.key, row.version, row.spec) for row in rows]


async def kind_versions(tx: Transaction, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], ActionKind]:
    """Action kinds in the versions under which actions were begun."""
    rows = await tx.execute(
        select(action_kinds).where(tuple_(action_kinds.c.key, action_kinds.c.version).in_(list(wanted)))
    )
    return {(row.key, row.version): decode(ActionKind, row.key, row.version, row.spec) for row in rows}


async def put_board(tx: Transaction, board: Board, managed_by: str | None) -> Board:
    """Make this the board's current version; the same specification again changes nothing. Returns what is current."""
    return await _put(tx, boards, Board, board, managed_by)


async def put_kind(tx: Transaction, kind: ActionKind, managed_by: str | None) -> ActionKind:
    """Make this the kind's current version; the same specification again changes nothing. Returns what is current."""
    return await _put(tx, action_kinds, ActionKind, kind, managed_by)


async def current_policies(tx: Transaction) -> list[AntiCheatPolicy]:
    """Every anti-cheat policy that is not retired, in its current version, by key."""
    live = (policies.c.current, policies.c.retired_at.is_(None))
    rows = await tx.execute(select(policies).where(*live).order_by(policies.c.key))
    return [decode(AntiCheatPolicy, row.key, row.version, row.spec) for row in rows]


async def put_policy(tx: Transaction, policy: AntiCheatPolicy, managed_by: str | None) -> AntiCheatPolicy:
    """Make this the policy's current version; the same specification again changes nothing. Returns what is current."""
    return await _put(tx, policies, AntiCheatPolicy, policy, managed_by)


async def put_plan(tx: Transaction, plan: SeasonPlan, managed_by: str | None) -> SeasonPlan:
    """Make this the declared season's current version, as :func:`put_board` does."""
    return await _put(tx, season_plans, SeasonPlan, plan, managed_by)


async def _put(tx: Transaction, table: Table, kind: type[Spec], spec: Spec, managed_by: str | None) -> Spec:
    fields = _encode(spec)
    row = (await tx.execute(select(table).where(table.c.key == spec.key, table.c.current).with_for_update())).first()
    if row is not None and row.retired_at is None:
        # Compared as what they mean: a stored one may lack fields that are younger than it is.
        stored = decode(kind, row.key, row.version, row.spec)
        if stored == replace(spec, version=row.version):
            return stored
    version = 1
    if row is not None:
        await tx.execute(update(table).where(table.c.key == spec.key, table.c.current).values(current=False))
        version = row.version + 1
    await tx.execute(
        insert(table).values(
            key=spec.key, version=version, current=True, spec=fields, managed_by=managed_by, created_at=func.now()
        )
    )
    return decode(kind, spec.key, version, fields)
