"""What the anti-cheat's rules cost in the completion path: processor time an item, over a batch of different players.

``python -m benchmarks.anticheat_inline``. Every player has a full memory; nineteen of twenty play like people, one like
a script. Measured is all that judging adds to a completion: the beat, the memory, the signals, the verdict. The best of
the rounds counts: what disturbs a round only ever adds to it.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from benchmarks import report
from scoreboard.domain.action import ActionKind, Usage
from scoreboard.domain.judgement import Leave, judge_completion
from scoreboard.domain.pace import Beat, beat_of, with_beat
from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.domain.policy import AntiCheatPolicy, Policies
from scoreboard.domain.suspicion import Memory
from scoreboard.security.identifiers import new_id
from scoreboard_cli.simulation.human import human_intervals
from scoreboard_cli.simulation.person import draw_person
from scoreboard_cli.simulation.scripts import fixed_interval

_BEGAN = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
_KIND = ActionKind("match", "Match", min_points=0, max_points=100, min_duration_s=2, boards=("main",))
_POLICIES = Policies({}, AntiCheatPolicy("default"))
_REMEMBERED = 30
_SCRIPT_EVERY = 20


@dataclass(slots=True)
class Playing:
    """One player in the middle of play."""

    player: Player
    memory: Memory
    intervals: Iterator[float]
    now: datetime
    points: Random


def _players(count: int, seed: int) -> list[Playing]:
    found = []
    for number in range(count):
        rng = Random(f"{seed}/{number}")
        honest = bool(number % _SCRIPT_EVERY)
        intervals = human_intervals(rng, draw_person(rng)) if honest else fixed_interval(rng, period=5)
        player = Player(new_id(), f"p{number}", Role.PLAYER, PlayerStatus.ACTIVE, None, _BEGAN, _BEGAN)
        one = Playing(player, Memory(), intervals, _BEGAN, rng)
        for _ in range(_REMEMBERED):
            one.now += timedelta(seconds=2 + next(intervals))
            one.memory = one.memory._replace(recent=with_beat(one.memory.recent, _beat(one)))
        found.append(one)
    return found


def _beat(one: Playing) -> Beat:
    begun = one.now - timedelta(seconds=2 + one.points.random())
    return beat_of(one.memory.recent, _KIND, Usage(), one.points.randint(0, 100), one.now, begun_at=begun, clock=0)


def _round(playing: list[Playing]) -> float:
    """One batch. Returns µs of processor time an item."""
    usage, leave = Usage(), Leave.GRANTED
    batch = [
        (one.player, one.memory, at, at - timedelta(seconds=3), one.player.id)
        for one in playing
        for at in [one.now + timedelta(seconds=2 + next(one.intervals))]
    ]
    began = time.process_time()
    for player, memory, at, begun, action_id in batch:
        beat = beat_of(memory.recent, _KIND, usage, 50, at, begun_at=begun, clock=0)
        judge_completion(
            player,
            memory,
            beat,
            _POLICIES.of(_KIND.key),
            at,
            action_id=action_id,
            leave=leave,
            players_at_address=3,
        )
    return (time.process_time() - began) / len(batch) * 1e6


def measure(rounds: int = 200, batch: int = 200, seed: int = 1) -> list[float]:
    """µs of processor time an item, for each round; the first rounds only warm up."""
    playing = _players(batch, seed)
    return [_round(playing) for _ in range(rounds + 20)][20:]


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=200, help="completions of one transaction")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    facts = report.tell_machine(stores=False)
    found = measure(asked.rounds, asked.batch)
    report.table(f"Judging a completion, batch of {asked.batch}", ["µs an item"], [[str(report.spread(found))]])
    measured = {"inline_us": min(found)}
    passed = report.judge("anticheat_inline", measured)
    report.write_json(asked.json, {"machine": facts, "rounds": found, "measured": measured})
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
