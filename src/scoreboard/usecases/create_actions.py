"""Begin a batch of actions: check that each may be done, give it an id and a one-time token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from scoreboard import telemetry
from scoreboard.domain.action import (
    Action,
    ActionKind,
    ActionStatus,
    Usage,
    expected_points,
    require_allowed,
    require_signed,
)
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player, require_playing
from scoreboard.security import action_token
from scoreboard.security.action_token import ActionToken
from scoreboard.security.identifiers import new_id
from scoreboard.storage import actions, idempotency, players
from scoreboard.storage.database import Transaction
from scoreboard.storage.idempotency import StoredReply
from scoreboard.usecases.platform import Platform

_CREATED = 201


@dataclass(frozen=True, slots=True)
class CreationRequest:
    """A player's wish to begin an action of a kind."""

    player_id: UUID
    kind_key: str
    fingerprint: bytes
    idempotency_key: str | None = None
    signed: bool = False


class CreatedAction(msgspec.Struct, frozen=True):
    """An action that was begun. ``min_duration_s`` tells the client how long it has to last at least."""

    action_id: UUID
    kind: str
    kind_version: int
    action_token: str
    expected_points: int | None
    min_points: int
    max_points: int
    min_duration_s: float
    created_at: datetime
    expires_at: datetime
    replayed: bool = False


async def create_actions(platform: Platform, requests: Sequence[CreationRequest]) -> list[CreatedAction | Refusal]:
    """Begin actions in one transaction.

    Returns:
        What was begun, or why not, for each request in order.

    Raises:
        StoreUnavailable: Postgres cannot be used; nothing was begun.
    """
    kinds = await platform.catalog.kinds({request.kind_key for request in requests})
    telemetry.BATCH_ITEMS.labels("create").observe(len(requests))

    async def work(tx: Transaction) -> tuple[list[CreatedAction | Refusal], list[Action]]:
        keyed = [(request.player_id, request.idempotency_key) for request in requests if request.idempotency_key]
        stored = await idempotency.find(tx, keyed) if keyed else {}
        known = await players.find_many(tx, {request.player_id for request in requests})
        usage = await actions.usage(tx, {(request.player_id, request.kind_key) for request in requests}, lock=False)
        now = await actions.clock(tx)
        answers: list[CreatedAction | Refusal] = []
        begun: list[Action] = []
        replies: dict[tuple[UUID, str], StoredReply] = {}
        for request in requests:
            key = (request.player_id, request.idempotency_key or "")
            earlier = stored.get(key) or replies.get(key)
            try:
                if request.kind_key in kinds:
                    require_signed(kinds[request.kind_key], signed=request.signed)
                if earlier is not None:
                    answers.append(_replay(request, earlier))
                    continue
                player, kind = _allowed(request, known, kinds, usage, now)
            except Refusal as refusal:
                answers.append(refusal)
                continue
            action = _begin(player, kind, now)
            created = _created(platform, action, kind)
            begun.append(action)
            answers.append(created)
            if request.idempotency_key:
                reply = msgspec.to_builtins(created)
                replies[key] = StoredReply(*key, request.fingerprint, _CREATED, reply)
        if replies:
            await idempotency.add(tx, list(replies.values()))
        if begun:
            await actions.add(tx, begun)
        return answers, begun

    answers, begun = await platform.database.transact(work)
    for action in begun:
        telemetry.ACTIONS_CREATED.labels(action.kind_key).inc()
    return answers


def _replay(request: CreationRequest, stored: StoredReply) -> CreatedAction | Refusal:
    if stored.fingerprint != request.fingerprint:
        return Refusal(ErrorCode.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for a different request.")
    return msgspec.structs.replace(msgspec.convert(stored.reply, CreatedAction), replayed=True)


def _allowed(
    request: CreationRequest,
    known: dict[UUID, Player],
    kinds: dict[str, ActionKind],
    usage: dict[tuple[UUID, str], Usage],
    now: datetime,
) -> tuple[Player, ActionKind]:
    player = known.get(request.player_id)
    if player is None:
        raise Refusal(ErrorCode.INVALID_TOKEN, "This account does not exist any more.")
    require_playing(player, now)
    kind = kinds.get(request.kind_key)
    if kind is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such kind of action.")
    if not kind.enabled:
        raise Refusal(ErrorCode.CONFLICT, "Actions of this kind are switched off at the moment.")
    require_allowed(kind, usage.get((player.id, kind.key), Usage()), now)
    return player, kind


def _begin(player: Player, kind: ActionKind, now: datetime) -> Action:
    expires = now + timedelta(seconds=kind.token_ttl_s)
    return Action(new_id(), player.id, kind.key, kind.version, ActionStatus.CREATED, now, expires)


def _created(platform: Platform, action: Action, kind: ActionKind) -> CreatedAction:
    token = ActionToken(action.id, action.player_id, kind.version, action.created_at)
    return CreatedAction(
        action_id=action.id,
        kind=kind.key,
        kind_version=kind.version,
        action_token=action_token.issue(platform.action_token_key, token),
        expected_points=expected_points(kind),
        min_points=kind.min_points if kind.points is None else kind.points,
        max_points=kind.max_points if kind.points is None else kind.points,
        min_duration_s=kind.min_duration_s,
        created_at=action.created_at,
        expires_at=action.expires_at,
    )
