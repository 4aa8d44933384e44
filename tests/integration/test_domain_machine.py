"""Actions, tokens, keys, cooldowns, holds, corrections, bans, seasons in any order, against sixty lines of Python.

Every step goes through the use cases to real stores; after each the totals in Postgres are those of the model, and at
the end of a run so are the leaderboards in Redis and the final standings.
"""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.correction import Scope
from scoreboard.domain.errors import Refusal
from scoreboard.domain.events import EntryType
from scoreboard.domain.player import PlayerStatus
from scoreboard.live import leaderboard
from scoreboard.security.identifiers import new_id
from scoreboard.storage.database import Transaction
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.check_platform import check_platform
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.correction_views import CorrectionView
from scoreboard.usecases.create_actions import CreatedAction, CreationRequest, create_actions
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from scoreboard.usecases.sign_seasons import sign_seasons
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.amending import amend, hold
from tests.arena import BOARDS, KINDS, Arena
from tests.integration.domain_theatre import MORE, Theatre, theatre
from tests.scores_model import Attempt, ScoresModel

__all__ = ["theatre"]

ALL = {kind.key: kind for kind in (KINDS[0], *MORE)}
NAMES = ("ada", "bob")
PLAYERS, POINTS = st.sampled_from(NAMES), st.integers(-10, 10)
BEGUN = st.sampled_from([kind.key for kind in MORE])
DIRECT = st.sampled_from([kind.key for kind in ALL.values() if kind.direct])


class Machine(RuleBasedStateMachine):
    """The steps. ``theatre`` is set by the test."""

    theatre: Theatre
    attempts: Bundle[Attempt] = Bundle("attempts")
    held: Bundle[Attempt] = Bundle("held")
    corrections: Bundle[tuple[CorrectionView, list[Attempt]]] = Bundle("corrections")

    def __init__(self) -> None:
        super().__init__()
        self.arena: Arena = self.theatre.arena
        self.do = self.theatre.do
        self.arena.people = {}
        self.people: dict[str, UUID] = {}
        self.full_names = {name: f"{name}-{new_id().hex[-12:]}" for name in NAMES}
        for name in NAMES:
            self.people[name] = self.do(self.arena.person(self.full_names[name]))
        boards = {board.key: board for board in BOARDS}
        self.model = ScoresModel(boards, ALL, statuses=dict.fromkeys(NAMES, "active"))
        self.note_seasons()

    def note_seasons(self) -> None:
        rows = self.do(self.arena.sql("SELECT board_key, id FROM seasons WHERE status = 'open'"))
        self.model.running = {row.board_key: row.id for row in rows}

    def complete(self, request: CompletionRequest) -> Completion | str:
        [answer] = self.do(complete_actions(self.arena.platform, [request], self.arena.marker))
        return str(answer.code) if isinstance(answer, Refusal) else answer

    def expect(self, attempt: Attempt, answer: Completion | str) -> None:
        """The answer is the model's, which goes on from there."""
        refusal = self.model.refusal(attempt)
        if refusal is not None:
            assert answer == refusal
            return
        assert isinstance(answer, Completion), answer
        before = {board: self.standing(attempt.player, board) for board in ALL[attempt.kind].boards}
        self.model.record(attempt, "completed")
        assert (answer.action_id, answer.points, answer.replayed) == (attempt.id, attempt.points, False)
        assert {one.board: (one.season, one.previous, one.current) for one in answer.places} == {
            board: (season, before[board], self.standing(attempt.player, board))
            for board, season in attempt.seasons.items()
        }

    def standing(self, player: str, board: str) -> int | None:
        scored = self.model.score(board, self.model.running[board], player)
        return None if scored is None else scored[0]

    @rule(target=attempts, player=PLAYERS, kind=BEGUN, points=POINTS)
    def begin(self, player: str, kind: str, points: int) -> Attempt:
        attempt = Attempt(new_id(), player, kind, points, new_id().bytes)
        wanted = CreationRequest(self.people[player], kind, attempt.body)
        [answer] = self.do(create_actions(self.arena.platform, [wanted]))
        expected = self.model.refusal(attempt, beginning=True)
        assert (answer.code if isinstance(answer, Refusal) else None) == expected
        if isinstance(answer, CreatedAction):
            attempt.id = answer.action_id
            self.model.attempts.append(attempt)
        else:
            attempt.state = "never"
        return attempt

    @rule(attempt=attempts, key=st.booleans(), tries=st.integers(1, 3))
    def finish(self, attempt: Attempt, key: bool, tries: int) -> None:
        """Complete it; whoever tries again with the same key hears the same."""
        if attempt.state == "never":
            return
        name = new_id().hex if key else None
        request = CompletionRequest(
            self.people[attempt.player], attempt.id, attempt.body, points=attempt.points, idempotency_key=name
        )
        first = self.complete(request)
        counted = isinstance(first, Completion)
        self.expect(attempt, first)
        for _ in range(tries - 1):
            again = self.complete(request)
            if counted and key:
                assert isinstance(again, Completion)
                assert isinstance(first, Completion)
                assert again.replayed
                assert (again.points, len(again.places)) == (first.points, len(first.places))
            else:
                self.expect(attempt, again)

    @rule(attempt=attempts, thief=PLAYERS)
    def misuse(self, attempt: Attempt, thief: str) -> None:
        """Another player's action, or a spent token with another body, has no effect."""
        if attempt.state == "never" or self.model.statuses[thief] in ("banned", "suspended"):
            return
        request = CompletionRequest(self.people[thief], attempt.id, b"another body", points=attempt.points)
        if thief != attempt.player:
            assert self.complete(request) == "UNAUTHORIZED"
        elif attempt.state in ("completed", "held"):
            assert self.complete(request) == "TOKEN_ALREADY_USED"

    @rule(player=PLAYERS, kind=DIRECT, points=POINTS)
    def play(self, player: str, kind: str, points: int) -> None:
        attempt = Attempt(new_id(), player, kind, points, new_id().bytes)
        self.model.attempts.append(attempt)
        self.expect(
            attempt,
            self.complete(
                CompletionRequest(
                    *(self.people[player], attempt.id, attempt.body),
                    client_id=attempt.id.hex,
                    kind_key=kind,
                    points=points,
                )
            ),
        )

    @rule(target=held, player=PLAYERS, points=st.integers(-9, 9))
    def suspect(self, player: str, points: int) -> Attempt:
        action_id = self.do(hold(self.arena.platform, self.people[player], "run", points))
        attempt = Attempt(action_id, player, "run", points, action_id.bytes)
        self.model.record(attempt, "held")
        self.model.attempts.append(attempt)
        return attempt

    @rule(attempt=held, entry_type=st.sampled_from([EntryType.RELEASED, EntryType.REJECTED, EntryType.RESTORED]))
    def decide(self, attempt: Attempt, entry_type: EntryType) -> None:
        if attempt.state == "voided":
            return  # that is for the correction's undoing
        follows = {
            ("held", EntryType.RELEASED): "completed",
            ("held", EntryType.REJECTED): "rejected",
            ("rejected", EntryType.RESTORED): "completed",
        }
        state = follows.get((attempt.state, entry_type))
        if state is None:
            with pytest.raises(Refusal):
                self.do(amend(self.arena.platform, entry_type, attempt.id))
            return
        self.do(amend(self.arena.platform, entry_type, attempt.id))
        attempt.state = state

    @rule(target=corrections, player=PLAYERS, kind=st.sampled_from([None, "run", "match"]))
    def correct(self, player: str, kind: str | None) -> tuple[CorrectionView | None, list[Attempt]]:
        struck = [
            one
            for one in self.model.attempts
            if (one.player, one.state) == (player, "completed") and kind in (None, one.kind)
        ]
        if not struck:
            return None, []
        view = self.do(self.arena.correct(Scope(player_id=self.people[player], kind=kind)))
        for one in struck:
            one.state = "voided"
        return view, struck

    @rule(correction=corrections)
    def undo(self, correction: tuple[CorrectionView | None, list[Attempt]]) -> None:
        view, struck = correction
        if view is not None and struck:
            self.do(self.arena.undo(view))
            for one in struck:
                one.state = "completed"
            struck.clear()

    @rule(player=PLAYERS, status=st.sampled_from(["active", "active", "hidden", "suspended", "banned"]))
    def judge(self, player: str, status: str) -> None:
        self.do(change_status(self.arena.platform, self.people[player], PlayerStatus(status), by="test"))
        self.model.statuses[player] = status

    @rule()
    def close(self) -> None:
        self.do(self.arena.end_seasons())
        self.do(rebuild_leaderboards(self.arena.platform, None, lambda done, total: None))
        self.note_seasons()

    @invariant()
    def totals_are_the_models(self) -> None:
        statement = "SELECT season_id, player_id, score, visible FROM scores WHERE player_id = ANY(:ids) AND NOT empty"
        rows = self.do(self.arena.sql(statement, ids=list(self.people.values())))
        places = {(board, season) for one in self.model.attempts for board, season in one.seasons.items()}
        expected = {
            (season, self.people[player]): (scored[0], self.model.statuses[player] == "active")
            for board, season in places
            for player in NAMES
            if (scored := self.model.score(board, season, player)) is not None
        }
        assert {(row.season_id, row.player_id): (row.score, row.visible) for row in rows} == expected

    def teardown(self) -> None:
        """Leaderboards and final standings have the model's order."""
        while self.do(sweep_outbox(self.arena.platform, older_than=0)):
            pass
        shown = [name for name in NAMES if self.model.statuses[name] == "active"]
        for board in BOARDS:
            found = self.do(
                leaderboard.read_players(
                    self.arena.platform.live, self.model.running[board.key], board, self.people.values()
                )
            )
            assert found is not None
            placed = [
                (one.position, name, one.entry.score) for name, one in zip(NAMES, found.standings, strict=True) if one
            ]
            expected = self.model.order(board.key, self.model.running[board.key], shown)
            assert [(name, score) for _, name, score in sorted(placed)] == expected
        closed = {
            (board, season)
            for one in self.model.attempts
            for board, season in one.seasons.items()
            if season != self.model.running[board]
        }
        names = {player: name for name, player in self.people.items()}
        for board_key, season in closed:
            statement = (
                "SELECT player_id, score FROM season_standings WHERE season_id = :id AND player_id = ANY(:ids)"
                " ORDER BY position"
            )
            rows = self.do(self.arena.sql(statement, id=season, ids=list(names)))
            assert [(names[row.player_id], row.score) for row in rows] == self.model.order(
                board_key, season, list(NAMES)
            )


def run(theatre: Theatre, *, runs: int, steps: int, **options: Any) -> None:
    """Go through so many runs, and hold all that they left behind against the ledger."""
    machine = type("Machine", (Machine,), {"theatre": theatre})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            **options,
        ),
    )

    async def everything(_: Transaction | None = None) -> None:
        while await sign_seasons(theatre.arena.platform):
            pass
        findings = await check_platform(theatre.arena.platform, None, lambda step, done, total: None)
        assert findings.told == []

    theatre.do(everything())


def test_whatever_happens_scores_are_the_models(theatre: Theatre) -> None:
    """The same steps every time; a failure is not made shorter, which would take minutes."""
    run(theatre, runs=12, steps=30, derandomize=True, phases=[Phase.generate])


@pytest.mark.full
def test_whatever_happens_scores_are_the_models_at_length(theatre: Theatre) -> None:
    run(theatre, runs=500, steps=50)
