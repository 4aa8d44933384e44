"""Plays through the rules of a completion without stores: intervals in, verdicts out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scoreboard.domain.action import Action, ActionKind, ActionStatus
from scoreboard.domain.board import Board
from scoreboard.domain.completion import CompletionRequest, Decision, Rows, Suspended, decide, fold, fold_suspended
from scoreboard.domain.errors import Refusal
from scoreboard.domain.events import EntryType, Verdict
from scoreboard.domain.judgement import Judgement, Leave
from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.domain.policy import AntiCheatPolicy, Policies
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.suspicion import Memory
from scoreboard_cli.simulation.play import KindRules, Step

BEGAN = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
ADA = UUID(int=1)
KINDS = (
    ActionKind("quiz", "Quiz", points=10, min_duration_s=1, boards=("main",)),
    ActionKind("match", "Match", min_points=0, max_points=100, min_duration_s=2, boards=("main",)),
    ActionKind("daily", "Daily", points=50, cooldown_s=60, boards=("main",)),
    ActionKind("tap", "Tap", points=1, direct=True, boards=("main",)),
)
RULES = tuple(
    KindRules(
        kind.key,
        points=kind.points,
        min_points=kind.min_points,
        max_points=kind.max_points,
        cooldown_s=kind.cooldown_s,
        min_duration_s=kind.min_duration_s,
        direct=kind.direct,
    )
    for kind in KINDS
)


@dataclass
class Play:
    """One player under one policy. ``verdicts`` grows by one for each completion."""

    policy: AntiCheatPolicy = field(default_factory=lambda: AntiCheatPolicy("test"))
    leave: Leave = Leave.GRANTED
    role: Role = Role.PLAYER
    status: PlayerStatus = PlayerStatus.ACTIVE
    verdicts: list[Verdict] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    now: datetime = BEGAN
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        player = Player(ADA, "ada", self.role, self.status, None, BEGAN, BEGAN)
        self.rows = Rows(
            players={ADA: player},
            actions={},
            direct={},
            kinds={kind.key: kind for kind in KINDS},
            versions={(kind.key, 1): kind for kind in KINDS},
            boards={"main": Board("main", "Main")},
            seasons={"main": Season(7, "main", "s", BEGAN, None, SeasonStatus.OPEN)},
            usage={},
            totals={},
            policies=Policies({}, self.policy),
            leave={ADA: self.leave},
        )

    @property
    def memory(self) -> Memory:
        return self.rows.memories.get(ADA, Memory())

    @property
    def first(self) -> dict[Verdict, int]:
        """The number of the completion at which each verdict was first given."""
        return {verdict: self.verdicts.index(verdict) + 1 for verdict in dict.fromkeys(self.verdicts)}

    @property
    def entry_types(self) -> set[EntryType]:
        return {EntryType.HELD if verdict is Verdict.HOLD else EntryType.APPLIED for verdict in self.verdicts}

    @property
    def signals(self) -> set[str]:
        """What reviewers were told of."""
        told = [one.notes if one.suspect is None else one.suspect.events for one in self.judgements]
        return {event.signal for events in told for event in events}

    def complete(
        self, kind: str, after: float, *, lasts: float = 0.0, points: int | None = None, **changes: object
    ) -> Decision | Suspended:
        """One completion, so many seconds after the last one."""
        self.now += timedelta(seconds=after)
        number = len(self.verdicts)
        action_id = UUID(int=1000 + number)
        direct = self.rows.kinds[kind].direct
        if not direct:
            began = self.now - timedelta(seconds=lasts)
            self.rows.actions[action_id] = Action(
                action_id, ADA, kind, 1, ActionStatus.CREATED, began, self.now + timedelta(minutes=10)
            )
        request = CompletionRequest(
            ADA,
            action_id,
            bytes(8),
            client_id=str(number) if direct else None,
            kind_key=kind if direct else None,
            points=points,
            **changes,  # type: ignore[arg-type]
        )
        outcome = decide(request, self.rows, self.now)
        assert isinstance(outcome, Decision | Suspended)
        if isinstance(outcome, Suspended):
            fold_suspended(outcome, self.rows)
        else:
            fold(outcome, self.rows)
        self.verdicts.append(outcome.judgement.verdict)
        self.judgements.append(outcome.judgement)
        return outcome

    def taps(self, intervals: Iterable[float]) -> "Play":
        """Direct completions with these intervals, until a suspension."""
        for interval in intervals:
            if isinstance(self.complete("tap", interval), Suspended):
                break
        return self

    def tasks(self, steps: Iterator[Step], count: int) -> "Play":
        """Completions of a simulated player, until a suspension. What the rules refuse is left out."""
        for step, _ in zip(steps, range(count), strict=False):
            points = None if step.points is None else min(step.points, step.kind.max_points)
            try:
                done = self.complete(
                    step.kind.key, step.pause_s + step.duration_s, lasts=step.duration_s, points=points
                )
            except Refusal:
                continue
            if isinstance(done, Suspended):
                break
        return self
