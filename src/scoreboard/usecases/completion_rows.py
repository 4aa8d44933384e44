"""The rows of a batch of completions: locked and loaded before it is decided, written after."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from scoreboard.domain.completion import CompletionRequest, Rows, find_action
from scoreboard.domain.season import Season, counts_at
from scoreboard.storage import (
    actions,
    completions,
    idempotency,
    ledger,
    players,
    scores,
    seasons,
    suspicion,
    suspicion_events,
)
from scoreboard.storage.database import Contended, Transaction
from scoreboard.storage.idempotency import StoredReply
from scoreboard.usecases.completion_answers import Answers, completion_of, stored_reply
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.raise_cases import raise_cases


async def load_rows(
    platform: Platform, tx: Transaction, requests: Sequence[CompletionRequest], rows: Rows
) -> tuple[datetime, dict[tuple[UUID, str], StoredReply]]:
    """Lock what the batch touches, in one order everywhere: actions, usage, suspicion, seasons, scores."""
    begun = [request.action_id for request in requests if request.client_id is None]
    direct = [(request.player_id, request.client_id) for request in requests if request.client_id is not None]
    if begun:
        rows.actions = await actions.lock(tx, begun)
    if direct:
        rows.direct = await actions.by_client_ids(tx, direct)
    # After the actions: whoever completed one of them under the same key has committed the key together with it.
    keyed = [(request.player_id, request.idempotency_key) for request in requests if request.idempotency_key]
    stored = await idempotency.find(tx, keyed) if keyed else {}
    pairs, versions = set(), set()
    for request in requests:
        action = find_action(request, rows)
        if action is not None:
            versions.add((action.kind_key, action.kind_version))
            pairs.add((action.player_id, action.kind_key))
        elif request.kind_key is not None:
            pairs.add((request.player_id, request.kind_key))
    rows.versions = await platform.catalog.kind_versions(tx, versions)
    known = {(player, kind) for player, kind in pairs if kind in rows.kinds}
    if known:
        rows.usage = await actions.usage(tx, known, lock=True)
        rows.memories = await suspicion.lock(tx, {player for player, _ in known})
        await _count_held(platform, tx, rows)
    # Only now: who suspends or bans holds the suspicion until the commit, and is not overtaken by who waited for it.
    rows.players = await players.find_many(tx, {request.player_id for request in requests})
    wanted = {key for _, kind in known for key in _boards_of(rows, kind)}
    candidates, now = await seasons.share(tx, wanted) if wanted else ([], None)
    now = now or await actions.clock(tx)
    rows.seasons = _open(candidates, now)
    if rows.seasons:
        places = {
            (rows.seasons[key].id, player)
            for player, kind in known
            for key in _boards_of(rows, kind) & set(rows.seasons)
        }
        rows.totals = await scores.lock(tx, places) if places else {}
    return now, stored


async def _count_held(platform: Platform, tx: Transaction, rows: Rows) -> None:
    """Of players under suspicion only: of nobody else anything is held before this batch."""
    rows.held.limit = platform.settings.held_actions_limit
    holding = [player for player, memory in rows.memories.items() if memory.holding]
    if holding:
        rows.held.counts = await actions.count_held(tx, holding, rows.held.limit)


def _boards_of(rows: Rows, kind_key: str) -> set[str]:
    """Boards that any loaded version of a kind feeds."""
    keys = {key for (kind, _), version in rows.versions.items() if kind == kind_key for key in version.boards}
    return keys | set(rows.kinds[kind_key].boards if kind_key in rows.kinds else ())


def _open(candidates: Sequence[Season], now: datetime) -> dict[str, Season]:
    return {season.board_key: season for season in candidates if counts_at(season, now)}


async def save_decisions(tx: Transaction, answers: Answers, rows: Rows, now: datetime) -> tuple[int, int]:
    """Write everything; the ledger's head comes last, because other batches wait for it until the commit."""
    decisions = list(answers.decisions.values())
    replies = [stored_reply(one, completion_of(one)) for one in decisions if one.request.idempotency_key]
    if replies:
        await idempotency.add(tx, replies)
    judgements = answers.judgements()
    suspects = [judgement.suspect for judgement in judgements if judgement.suspect is not None]
    if suspects:
        await raise_cases(tx, suspects, now)
    notes = [(note, None) for judgement in judgements for note in judgement.notes]
    if notes:
        await suspicion_events.add(tx, notes)
    judged = {decision.action.player_id for decision in decisions} | rows.suspended
    memories = {player: rows.memories[player] for player in sorted(judged) if player in rows.memories}
    if not decisions:
        if memories:
            await suspicion.save(tx, memories)
        return 0, 0
    totals = {(total.season_id, total.player_id): total for decision in decisions for total in decision.totals}
    usage = {(decision.action.player_id, decision.action.kind_key): decision.usage for decision in decisions}
    own = {decision.action.id for decision in decisions}
    changed = [totals[key] for key in sorted(totals) if totals[key].last_action_id in own]
    untimed = [decision.action.id for decision in decisions if not decision.request.timed]
    if untimed:
        await actions.mark_untimed(tx, untimed)
    head = await completions.save_progress(tx, usage, changed, memories)
    if head is None:
        raise Contended("another batch made one of these totals first")
    first = head[0] + 1
    fresh = [
        replace(decision.action, ledger_seq=first + offset)
        for offset, decision in enumerate(decisions)
        if decision.fresh
    ]
    if fresh:
        await actions.add_finished(tx, fresh)
    ended = [None if decision.fresh else decision.action for decision in decisions]
    return first, await ledger.append(tx, head, [decision.entry for decision in decisions], ended)
