"""Hold what is stored about players against their ledger entries: totals, actions, keys, usage, stored replies.

Some hundred players at a time, each time in one state of the database: it may be written to meanwhile.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.events import LedgerEntry
from scoreboard.domain.replay import Replay
from scoreboard.domain.score import Total
from scoreboard.storage import ledger, proofs, season_roots
from scoreboard.storage.database import Transaction
from scoreboard.storage.proofs import PlayerRow, StoredTotal
from scoreboard.usecases.check_findings import Check, Findings
from scoreboard.usecases.platform import Platform

_PLAYERS = 100
_ACTIONS = 2000
OnProgress = Callable[[int, int], None]


async def check_players(platform: Platform, sample: int | None, findings: Findings, on_progress: OnProgress) -> None:
    """Check every player, or about ``sample`` of those who have scored.

    Raises:
        StoreUnavailable: Postgres cannot be used.
    """
    boards = await platform.catalog.boards()
    if sample is not None:
        some = await platform.database.transact(lambda tx: proofs.some_players(tx, sample))
        for start in range(0, len(some), _PLAYERS):
            await _check(platform, boards, some[start : start + _PLAYERS], findings)
            on_progress(min(start + _PLAYERS, len(some)), len(some))
        return
    total, done, last = await platform.database.transact(proofs.estimated_players), 0, proofs.LOWEST
    while True:
        players = await platform.database.transact(lambda tx, a=last: proofs.players_after(tx, a, _PLAYERS))  # type: ignore[misc]
        if not players:
            return
        await _check(platform, boards, players, findings)
        last, done = players[-1].id, done + len(players)
        on_progress(done, max(total, done))


async def _check(
    platform: Platform, boards: Mapping[str, Board], players: Sequence[PlayerRow], findings: Findings
) -> None:
    async def work(tx: Transaction) -> _Rows:
        await tx.freeze()
        return await _load(tx, boards, [player.id for player in players])

    rows = await platform.database.transact(work)
    # In a thread: a chunk of busy players takes long, and the connection has to be kept alive.
    await asyncio.to_thread(_compare, rows, players, findings)


class _Rows:
    """Everything that is stored about some players."""

    def __init__(self, boards: Mapping[int, Board], entries: Sequence[tuple[int, LedgerEntry]]) -> None:
        self.boards = boards
        self.entries: dict[UUID, list[tuple[int, LedgerEntry]]] = {}
        for seq, entry in entries:
            self.entries.setdefault(entry.player_id, []).append((seq, entry))
        self.ids = list({entry.action_id for _, entry in entries})
        self.totals: dict[UUID, dict[int, StoredTotal]] = {}
        self.actions: dict[UUID, tuple[Any, ...]] = {}
        self.keys: dict[UUID, set[tuple[UUID, str, int, int]]] = {}
        self.completed: dict[UUID, dict[str, int]] = {}
        self.replies: dict[UUID, list[tuple[str, dict[str, Any]]]] = {}
        self.others: dict[UUID, tuple[int, LedgerEntry]] = {}


async def _load(tx: Transaction, boards: Mapping[str, Board], players: list[UUID]) -> _Rows:
    seasons = await season_roots.known_seasons(tx)
    of_season = {id_: boards[season.board_key] for id_, season in seasons.items() if season.board_key in boards}
    rows = _Rows(of_season, await proofs.entries_of(tx, players))
    for total in await proofs.totals_of(tx, list(seasons), players):
        rows.totals.setdefault(total.player_id, {})[total.season_id] = total
    rows.actions = await proofs.action_rows(tx, rows.ids)
    for key in await proofs.key_rows(tx, rows.ids):
        rows.keys.setdefault(key[0], set()).add(key)
    for (player, kind), number in (await proofs.completed_of(tx, players)).items():
        rows.completed.setdefault(player, {})[kind] = number
    strangers = set()
    for player, name, reply in await proofs.stored_completions(tx, players):
        rows.replies.setdefault(player, []).append((name, reply))
        strangers.add(UUID(reply["action_id"]))
    # What a game server completed for others is kept under its own name.
    rows.others = await ledger.of_actions(tx, strangers) if strangers else {}
    return rows


def _compare(rows: _Rows, players: Sequence[PlayerRow], findings: Findings) -> None:
    for player in players:
        replay = Replay(rows.boards, player.id)
        entries = rows.entries.get(player.id, [])
        replay.tell(entries)
        findings.looked(Check.LEDGER, len(entries))
        for seq, words in replay.faults:
            findings.add(Check.LEDGER, f"entry {seq}", f"Entry {seq} cannot be: {words}.")
        _compare_totals(player, replay, rows.totals.get(player.id, {}), findings)
        _compare_actions(replay, rows, findings)
        _compare_usage(player, replay, rows.completed.get(player.id, {}), findings)
        _compare_replies(player, rows, findings)


def _compare_totals(player: PlayerRow, replay: Replay, stored: Mapping[int, StoredTotal], findings: Findings) -> None:
    findings.looked(Check.SCORES, len(replay.totals.keys() | stored.keys()))
    for season in sorted(replay.totals.keys() | stored.keys()):
        words = _total_fault(player, replay.totals.get(season), stored.get(season))
        if words:
            subject = f"{player.username} in season {season}"
            findings.add(Check.SCORES, subject, f"The total of {subject} {words}.")


def _total_fault(player: PlayerRow, told: Total | None, row: StoredTotal | None) -> str:
    if row is None:
        return f"is missing; the ledger comes to {told.standing if told else None}"
    if told is None:
        return f"is {row.score}, and the ledger knows nothing of it"
    if told.empty != row.empty or (not row.empty and told.score != row.score):
        return f"is {'empty' if row.empty else row.score}; the ledger comes to {told.standing}"
    if (told.reached_at, told.last_action_id) != (row.reached_at, row.last_action_id):
        return f"says it was reached at {row.reached_at.isoformat()}; the ledger says {told.reached_at.isoformat()}"
    # Whoever is hidden or shown again has a higher one.
    if row.version < told.version:
        return f"has version {row.version}; the ledger counts {told.version} changes"
    if row.visible != (player.active and not row.empty):
        return "is shown although it should not be" if row.visible else "is hidden although it should be shown"
    return ""


def _compare_actions(replay: Replay, rows: _Rows, findings: Findings) -> None:
    findings.looked(Check.ACTIONS, len(replay.actions))
    for action_id, told in replay.actions.items():
        row = rows.actions.get(action_id)
        if row is None:
            findings.add(Check.ACTIONS, f"action {action_id}", f"Entry {told.seq}'s action {action_id} has no row.")
        elif row != told.row:
            words = ", ".join(f"{a} instead of {b}" for a, b in zip(row, told.row, strict=True) if a != b)
            findings.add(Check.ACTIONS, f"action {action_id}", f"The row of action {action_id} holds {words}.")
    stored = set().union(*(rows.keys.get(action_id, set()) for action_id in replay.actions))
    for action_id, type_, _, seq in sorted(replay.keys - stored):
        words = f"Entry {seq} ({type_}) is not protected against being recorded twice: its key is missing."
        findings.add(Check.ACTIONS, f"action {action_id}", words)
    for action_id, type_, _, seq in sorted(stored - replay.keys):
        words = f"Action {action_id} has a key for an entry {seq} ({type_}) that is not there."
        findings.add(Check.ACTIONS, f"action {action_id}", words)


def _compare_usage(player: PlayerRow, replay: Replay, stored: Mapping[str, int], findings: Findings) -> None:
    for kind in sorted(replay.completed.keys() | stored.keys()):
        if replay.completed[kind] != stored.get(kind, 0):
            words = (
                f"{player.username} completed {kind} {replay.completed[kind]} times; {stored.get(kind, 0)} are noted."
            )
            findings.add(Check.ACTIONS, player.username, words)


def _compare_replies(player: PlayerRow, rows: _Rows, findings: Findings) -> None:
    replies = rows.replies.get(player.id, [])
    findings.looked(Check.REPLIES, len(replies))
    for key, reply in replies:
        found = rows.others.get(UUID(reply["action_id"]))
        if found is None:
            words = f"The reply kept for {player.username} tells of action {reply['action_id']}, which never counted."
            findings.add(Check.REPLIES, key, words)
            continue
        seq, entry = found
        told = [entry.points, *zip(entry.season_ids, entry.previous, entry.current, strict=True)]
        said = [reply["points"], *((one["season"], one["previous"], one["current"]) for one in reply["places"])]
        if told != said:
            words = f"The reply kept for {player.username} says otherwise than entry {seq}: {said} instead of {told}."
            findings.add(Check.REPLIES, key, words)


async def check_actions(platform: Platform, sample: int | None, findings: Findings, on_progress: OnProgress) -> None:
    """The other way round: every action that is said to have been completed or held is in the ledger.

    Args:
        platform: stores.
        sample: how many actions, from a place picked by chance on; None: all.
        findings: gets what does not fit.
        on_progress: told the actions that are done and about how many there are.

    Raises:
        StoreUnavailable: Postgres cannot be used.
    """
    total = await platform.database.transact(proofs.estimated_actions) if sample is None else sample
    last = proofs.LOWEST if sample is None else await platform.database.transact(proofs.some_action)
    done = 0
    while sample is None or done < sample:
        actions = await platform.database.transact(lambda tx, a=last: proofs.actions_after(tx, a, _ACTIONS))  # type: ignore[misc]
        if not actions:
            return
        for action in actions:
            if action.recorded == (action.status in ("created", "expired")):
                words = "is not in the ledger" if not action.recorded else "is in the ledger all the same"
                findings.add(
                    Check.ACTIONS, f"action {action.id}", f"Action {action.id} is {action.status} and {words}."
                )
            if not action.owned:
                words = f"Action {action.id} belongs to {action.player_id}, whom nobody knows."
                findings.add(Check.ACTIONS, f"action {action.id}", words)
        last, done = actions[-1].id, done + len(actions)
        findings.looked(Check.ACTIONS, len(actions))
        on_progress(done, max(total, done))
