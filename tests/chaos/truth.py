"""What everybody has to arrive at once a fault is over, read from Postgres: watchers, jobs, the model's consumer."""

from collections import Counter
from typing import Any

from scoreboard.usecases.read_model_health import CONSUMER
from scoreboard_anticheat_ml.judging import is_regular
from tests.chaos.ground import Ground, Stopwatch
from tests.chaos.load import Load
from tests.chaos.watchers import Watcher
from tests.stage import Person, until

TOP = 10
_PATIENCE = 40.0


async def board(ground: Ground) -> list[tuple[str, int]]:
    """The main board as Postgres orders it: (player, score), best first."""
    rows = await ground.sql(
        "SELECT s.player_id, s.score FROM scores s JOIN seasons ON seasons.id = s.season_id"
        " WHERE seasons.board_key = 'main' AND seasons.status = 'open' AND s.visible AND NOT s.empty"
        " ORDER BY s.score DESC, s.reached_at, s.player_id"
    )
    return [(str(row["player_id"]), int(row["score"])) for row in rows]


async def up_to_date(ground: Ground, watchers: list[Watcher], connections: list[int] | None = None) -> float:
    """Wait until every watcher is shown what Postgres holds; the seconds it took. Nobody may play meanwhile.

    Args:
        ground: the truth.
        watchers: who is to see it.
        connections: how many connections each had before; each must have made another one.
    """
    wanted = await board(ground)
    scores = dict(wanted)
    watch = Stopwatch()

    def seen() -> bool:
        return all(
            watcher.score == scores.get(watcher.person.id)
            and watcher.top == wanted[: len(watcher.top)]
            and len(watcher.top) == min(TOP, len(wanted))
            and (connections is None or watcher.connections > before)
            for watcher, before in zip(watchers, connections or [0] * len(watchers), strict=True)
        )

    def stands() -> str:
        return f"{[(w.score, scores.get(w.person.id), w.connections, w.top[:2]) for w in watchers]} of {wanted[:2]}"

    try:
        await until(seen, within=_PATIENCE, what="every watcher being shown what Postgres holds")
    except AssertionError as error:
        raise AssertionError(f"{error}: {stands()}") from None
    return watch.seconds


class Jobs:
    """Actions that were queued for the worker."""

    def __init__(self, ground: Ground, name: str) -> None:
        self._ground, self._name = ground, name
        self._queued: list[tuple[Person, str]] = []

    async def queue(self, people: list[Person], each: int = 2) -> None:
        """Queue actions of these players."""
        for person in people:
            for n in range(each):
                name = f"job-{self._name}-{n}"
                reply = await self._ground.client.post(
                    f"{self._ground.apis[0]}/api/v1/actions/execute",
                    json={"action_id": name, "kind": "tap"},
                    headers={**person.headers, "Idempotency-Key": name},
                )
                assert reply.status_code == 202, reply.text
                self._queued.append((person, reply.json()["job_id"]))

    async def done(self) -> list[dict[str, Any]]:
        """Wait until every one has succeeded; the completions."""
        results: dict[str, dict[str, Any]] = {}

        async def all_done() -> bool:
            for person, job in self._queued:
                if job in results:
                    continue
                url = f"{self._ground.apis[0]}/api/v1/jobs/{job}"
                state = (await self._ground.client.get(url, headers=person.headers)).json()
                assert state["status"] != "failed", state
                if state["status"] != "succeeded":
                    return False
                results[job] = state["result"]
            return True

        await until(all_done, within=_PATIENCE, every=0.01, what="every job being done")
        return list(results.values())


async def announced(ground: Ground) -> None:
    """Wait until nothing is left in the outbox."""

    async def empty() -> bool:
        return not await ground.sql("SELECT 1 FROM outbox LIMIT 1")

    await until(empty, within=_PATIENCE, every=0.01, what="the outbox being empty")


async def model_caught_up(ground: Ground) -> float:
    """Wait until the model has seen the whole ledger; the seconds it took."""
    watch = Stopwatch()

    async def at_the_end() -> bool:
        rows = await ground.sql(
            "SELECT p.seq = h.seq AS done FROM consumer_positions p, ledger_head h WHERE p.consumer = $1", CONSUMER
        )
        return bool(rows) and bool(rows[0]["done"])

    await until(at_the_end, within=_PATIENCE, every=0.02, what="the model having seen the whole ledger")
    return watch.seconds


async def judged_once(ground: Ground, loads: list[Load]) -> int:
    """Each window that is due was judged, and once; how many there are. Raises AssertionError."""
    people = sorted({each.player.id for load in loads for each in load.kept})
    done = await ground.sql(
        "SELECT l.player_id, count(*) AS events FROM ledger l WHERE l.entry_type IN ('applied', 'held')"
        " AND NOT EXISTS (SELECT 1 FROM untimed_actions u WHERE u.action_id = l.action_id)"
        " AND l.player_id = ANY($1::uuid[]) GROUP BY l.player_id",
        people,
    )
    wanted = {
        (str(row["player_id"]), events)
        for row in done
        for events in range(1, int(row["events"]) + 1)
        if is_regular(events)
    }
    rows = await ground.sql("SELECT player_id, model_id, events FROM model_windows")
    found = Counter((str(row["player_id"]), row["model_id"], row["events"]) for row in rows)
    assert set(found.values()) <= {1}, f"judged twice: {[key for key, times in found.items() if times > 1][:5]}"
    left_out = wanted - {(player, events) for player, _, events in found}
    assert not left_out, f"left out: {sorted(left_out)[:5]}"
    return len(wanted)
