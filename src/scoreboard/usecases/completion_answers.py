"""What a batch of completions answers: fresh results, replays, and repetitions of what was recorded before."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from scoreboard.domain.completion import (
    AlreadyDecided,
    CompletionRequest,
    Decision,
    Rows,
    Suspended,
    decide,
    fold,
    fold_suspended,
)
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import LedgerEntry, Ranks, Verdict
from scoreboard.domain.judgement import Judgement, suspicious
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.storage import ledger, seasons
from scoreboard.storage.database import Transaction
from scoreboard.storage.idempotency import StoredReply

_OK, _ACCEPTED = 200, 202


class Provisional(msgspec.Struct, frozen=True):
    """Where held points would lead if they counted; None where nobody can tell."""

    score: int | None
    rank: int | None


class PlacedScore(msgspec.Struct, frozen=True):
    """What an action did on one board. Ranks are None where no leaderboard could tell.

    ``current`` is None where nothing counts for the player yet; ``provisional`` is there for held actions only.
    """

    board: str
    season: int
    previous: int | None
    current: int | None
    rank_previous: int | None = None
    rank_current: int | None = None
    provisional: Provisional | None = None


class Completion(msgspec.Struct, frozen=True):
    """How an action was recorded. ``replayed``: this is the answer of an earlier, equal request."""

    action_id: UUID
    verdict: str
    points: int
    places: tuple[PlacedScore, ...]
    replayed: bool = False

    @property
    def held(self) -> bool:
        """Whether the points wait for a person's decision."""
        return self.verdict == Verdict.HOLD


class Answers:
    """The answers of one batch while it is being decided."""

    def __init__(self, requests: Sequence[CompletionRequest], rows: Rows) -> None:
        self._requests = requests
        self._rows = rows
        self._answers: dict[int, Completion | Refusal] = {}
        self._repeats: dict[int, UUID] = {}
        self._keys: dict[tuple[UUID, str], int] = {}
        self.decisions: dict[int, Decision] = {}
        self.suspended: list[Suspended] = []

    def decide_all(self, now: datetime, stored: dict[tuple[UUID, str], StoredReply]) -> None:
        """Decide item by item. Each gets its own microsecond, so that arrival order settles ties within the batch."""
        for index, request in enumerate(self._requests):
            key = (request.player_id, request.idempotency_key) if request.idempotency_key else None
            if key is not None and (key in stored or key in self._keys):
                self._repeat_by_key(index, request, key, stored)
            else:
                self._decide(index, request, now + timedelta(microseconds=index), key)

    def _repeat_by_key(
        self, index: int, request: CompletionRequest, key: tuple[UUID, str], stored: dict[tuple[UUID, str], StoredReply]
    ) -> None:
        first = stored[key].fingerprint if key in stored else self.decisions[self._keys[key]].request.fingerprint
        if first != request.fingerprint:
            self._answers[index] = Refusal(
                ErrorCode.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for a different request."
            )
        elif key in stored:
            self._answers[index] = as_replay(msgspec.convert(stored[key].reply, Completion))
        else:
            self._repeats[index] = self.decisions[self._keys[key]].action.id

    def _decide(self, index: int, request: CompletionRequest, at: datetime, key: tuple[UUID, str] | None) -> None:
        try:
            outcome = decide(request, self._rows, at)
        except Refusal as refusal:
            self._answers[index] = refusal
            return
        if isinstance(outcome, AlreadyDecided):
            self._repeats[index] = outcome.action.id
            return
        if isinstance(outcome, Suspended):
            fold_suspended(outcome, self._rows)
            self.suspended.append(outcome)
            self._answers[index] = suspicious()
            return
        fold(outcome, self._rows)
        self.decisions[index] = outcome
        if key is not None:
            self._keys[key] = index

    def judgements(self) -> list[Judgement]:
        """What the anti-cheat says to this batch, item by item."""
        found = [decision.judgement for decision in self.decisions.values()]
        return found + [suspended.judgement for suspended in self.suspended]

    def wanted_suspensions(self) -> dict[UUID, AntiCheatPolicy]:
        """Whom this batch would suspend if there was leave to, each with the policy that says so."""
        return {
            decision.action.player_id: self._rows.policies.of(decision.action.kind_key)
            for decision in self.decisions.values()
            if decision.judgement.wants_suspension
        }

    async def resolve(self, tx: Transaction) -> list[Completion | Refusal]:
        """Every answer in order, with what this batch or an earlier one recorded filled in."""
        own = {decision.action.id: completion_of(decision) for decision in self.decisions.values()}
        earlier = await self._recorded(tx, set(self._repeats.values()) - set(own))
        keyed = {self.decisions[index].action.id: key for key, index in self._keys.items()}
        for index, action_id in self._repeats.items():
            recorded = as_replay((own | earlier)[action_id])
            request = self._requests[index]
            same_key = request.idempotency_key and keyed.get(action_id) == (request.player_id, request.idempotency_key)
            self._answers[index] = recorded if same_key else _already_completed(recorded)
        for index, decision in self.decisions.items():
            self._answers[index] = own[decision.action.id]
        return [self._answers[index] for index in range(len(self._requests))]

    async def _recorded(self, tx: Transaction, action_ids: set[UUID]) -> dict[UUID, Completion]:
        """Completions that the ledger holds already. Ranks of that moment are not kept, so they are null."""
        if not action_ids:
            return {}
        entries = [entry for _, entry in (await ledger.of_actions(tx, action_ids)).values()]
        keys = {season.id: season.board_key for season in self._rows.seasons.values()}
        for season_id in {season_id for entry in entries for season_id in entry.season_ids} - set(keys):
            season = await seasons.find(tx, season_id)
            keys[season_id] = "" if season is None else season.board_key
        return {entry.action_id: _completion(entry, [keys[season] for season in entry.season_ids]) for entry in entries}


def as_replay(completion: Completion) -> Completion:
    """The same completion, marked as a repetition."""
    return msgspec.structs.replace(completion, replayed=True)


def completion_of(decision: Decision, ranks: Sequence[Ranks | None] = ()) -> Completion:
    """The result of a fresh decision, with its ranks once they are known."""
    return _completion(decision.entry, decision.board_keys, ranks)


def with_provisional(completion: Completion, found: Mapping[int, Provisional]) -> Completion:
    """A held completion with where it would lead, by season."""
    places = tuple(msgspec.structs.replace(place, provisional=found.get(place.season)) for place in completion.places)
    return msgspec.structs.replace(completion, places=places)


def stored_reply(decision: Decision, completion: Completion) -> StoredReply:
    """What a repetition with the same Idempotency-Key will be answered."""
    request = decision.request
    status = _ACCEPTED if completion.held else _OK
    reply = msgspec.to_builtins(completion)
    return StoredReply(request.player_id, request.idempotency_key or "", request.fingerprint, status, reply)


def _completion(entry: LedgerEntry, board_keys: Sequence[str], ranks: Sequence[Ranks | None] = ()) -> Completion:
    known = list(ranks) or [None] * len(board_keys)
    columns = zip(board_keys, entry.season_ids, entry.previous, entry.current, known, strict=True)
    places = tuple(
        PlacedScore(board, season, before, after, rank.previous if rank else None, rank.current if rank else None)
        for board, season, before, after, rank in columns
    )
    return Completion(entry.action_id, str(entry.verdict), entry.points, places)


def _already_completed(recorded: Completion) -> Refusal:
    return Refusal(
        ErrorCode.ALREADY_COMPLETED,
        "This action was completed before; its result is part of this answer.",
        extra={"result": recorded},
    )
