"""The whole of scoring in sixty lines of plain Python: what the platform is held against, step by step."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Order, TieRule

BARRED = {"suspended": "ACCOUNT_SUSPENDED", "banned": "ACCOUNT_BANNED"}


@dataclass
class Attempt:
    """An action of a player: what it is worth, where it counted, and what became of it."""

    id: UUID
    player: str
    kind: str
    points: int
    body: bytes
    state: str = "created"
    order: int = 0
    seasons: dict[str, int] = field(default_factory=dict)


@dataclass
class ScoresModel:
    """``running`` names each board's open season; ``turn`` is the moment of what counts next."""

    boards: dict[str, Board]
    kinds: dict[str, ActionKind]
    running: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    turn: int = 0

    def refusal(self, attempt: Attempt, *, beginning: bool = False) -> str | None:
        """The code with which an attempt is refused at this moment; None when it counts."""
        kind, used = self.kinds[attempt.kind], self.used[attempt.player, attempt.kind]
        if (barred := BARRED.get(self.statuses[attempt.player])) is not None:
            return barred
        if attempt.state in ("completed", "held"):
            return "ALREADY_COMPLETED"
        if attempt.state != "created":
            return "CONFLICT"
        if kind.once and used:
            return "ALREADY_COMPLETED"
        if kind.cooldown_s and used:
            return "COOLDOWN"
        if kind.attempts is not None and used >= kind.attempts:
            return "ACTION_LIMIT"
        return None if beginning or kind.min_points <= attempt.points <= kind.max_points else "INVALID_SCORE"

    def record(self, attempt: Attempt, state: str) -> None:
        self.turn += 1
        self.used[attempt.player, attempt.kind] += 1
        attempt.state, attempt.order = state, self.turn
        attempt.seasons = {board: self.running[board] for board in self.kinds[attempt.kind].boards}

    def score(self, board: str, season: int, player: str) -> tuple[int, int] | None:
        """The score and the turn in which it was reached; None without anything that counts."""
        score, reached, rules = None, 0, self.boards[board]
        for one in sorted(self.attempts, key=lambda attempt: attempt.order):
            if (one.player, one.state, one.seasons.get(board)) == (player, "completed", season):
                best = max if rules.order is Order.DESC else min
                old = one.points if score is None else score
                new = {Operator.SUM: old + one.points, Operator.LATEST: one.points}.get(
                    rules.operator, best(old, one.points)
                )
                new = one.points if score is None else new
                reached, score = (reached if new == score else one.order), new
        return None if score is None else (score, reached)

    def order(self, board: str, season: int, players: list[str]) -> list[tuple[str, int]]:
        """Those of these players who have a score, best first."""
        found = [(player, scored) for player in players if (scored := self.score(board, season, player)) is not None]
        late, high = (self.boards[board].tie_rule is TieRule.LATEST, self.boards[board].order is Order.DESC)
        found.sort(key=lambda one: (-one[1][0] if high else one[1][0], -one[1][1] if late else one[1][1]))
        return [(player, score) for player, (score, _) in found]
