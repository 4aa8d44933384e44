"""The invariants I1 to I12, checked from outside after every fault; nothing here asks the product whether it is well.

``Proof`` is what a test of a fault keeps: it knows the ledger as it was before, and every load and watcher since.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from scoreboard.domain.events import EntryType
from scoreboard.domain.player import PlayerStatus
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.verify_audit import verify_audit
from tests.chaos.fault_run import FaultRun
from tests.chaos.ground import Ground
from tests.chaos.load import UPDATE, Load
from tests.chaos.watchers import Watcher
from tests.ledger_check import check_ledger, settled
from tests.stage import until

SETTLES_WITHIN = 30.0
_REPLAYED = 25
_TWINS = 30
_REVOKED_AFTER = 1.0
_SUMS = {
    "scores": "",
    "actions": "",
    "ledger": "",
    "ledger_keys": "",
    "ledger_head": "",
    "audit_log": "",
    # A begun usage row without a completion is only room for a lock.
    "player_kinds": "WHERE completed > 0",
}


class Proof:
    """What has to hold, from the moment of :meth:`begin` on."""

    def __init__(self, ground: Ground, run: FaultRun) -> None:
        self.ground, self.run = ground, run
        self.loads: list[Load] = []
        self.watchers: list[Watcher] = []
        self._before: set[UUID] = set()

    async def begin(self) -> "Proof":
        """Take down what the ledger holds before the fault."""
        self._before = (await check_ledger(self.ground.platform, hidden=True)).actions
        return self

    def load(self, *arguments: Any, **options: Any) -> Load:
        """A load that is held against the ledger at the end of its round."""
        made = Load(*arguments, **options)
        self.loads.append(made)
        return made

    async def round(self, *, within: float = SETTLES_WITHIN, extra: int = 0) -> None:
        """After a round, when nobody plays: I1 to I5 and I8 over the whole database.

        Args:
            within: seconds until every leaderboard has to equal Postgres.
            extra: completions that were made beside the loads.
        """
        held = set(self.run.fault.holds)
        acknowledged = [answer for load in self.loads for answer in load.acknowledged]
        report = await check_ledger(self.ground.platform, acknowledged, hidden=True)
        # Everything was insisted on: nothing may be in the ledger that was not answered in the end.
        counted = {str(action) for action in report.actions - self._before}
        answered = {answer["action_id"] for answer in acknowledged}
        assert answered <= counted, f"acknowledged, but not counted: {answered - counted}"
        assert len(counted) == len(answered) + extra, f"counted twice or for nobody: {counted - answered}"
        await settled(self.ground.platform, within=within)
        self.run.held |= held & {"I1", "I2", "I3", "I4", "I5", "I8"}

    async def end(self) -> None:
        """After the last round: what is left of what the catalogue demands for the fault."""
        checks: dict[str, Callable[[], Awaitable[None]]] = {
            "I4": self._replays,
            "I6": self._watched,
            "I7": self._concealed,
            "I8": self._one_token,
            "I9": self._revoked,
            "I10": self._audited,
            "I11": self._refused_changes_nothing,
            "I12": self._logged_once,
        }
        for name in self.run.fault.holds:
            if name in checks:
                await checks[name]()
                self.run.held.add(name)

    async def _replays(self) -> None:
        """I4: what was counted is told again, the same."""
        kept = [each for load in self.loads for each in load.kept]
        for each in self.run.rng.sample(kept, min(_REPLAYED, len(kept))):
            reply = await each.player.client.post(
                self.ground.apis[0] + each.path,
                json=each.body,
                headers={**each.player.headers, "Idempotency-Key": each.key},
            )
            assert reply.status_code == 200, reply.text
            assert same_result(reply.json(), each.answer), f"{reply.json()} after {each.answer}"
            assert reply.headers["Idempotency-Replayed"] == "true"

    async def _watched(self) -> None:
        """I6: no watcher met anything wrong, and all that was shown is in the ledger."""
        assert self.watchers, "nobody watched"
        await check_watchers(self.ground, self.watchers)

    async def _concealed(self) -> None:
        """I7: the hidden and the banned player have points, and no page holds them."""
        assert self.ground.concealed
        rows = await self.ground.sql(
            "SELECT player_id, visible FROM scores WHERE player_id = ANY($1::uuid[])", list(self.ground.concealed)
        )
        assert rows
        assert not any(row["visible"] for row in rows)
        for url in self.ground.apis:
            for path in ("boards/main/top?limit=100", "boards/main/entries?limit=500"):
                page = (await self.ground.client.get(f"{url}/api/v1/{path}")).json()
                assert not self.ground.concealed & {each["player_id"] for each in page["entries"]}
        for watcher in self.watchers:
            assert not self.ground.concealed & set(watcher.shown)

    async def _one_token(self) -> None:
        """I8: one token, sent many times at once."""
        person = await self.ground.person()
        begun = await self._begin(person)
        replies = await asyncio.gather(
            *(
                self.ground.client.post(
                    f"{self.ground.apis[n % len(self.ground.apis)]}/api/v1/actions/{begun['action_id']}/complete",
                    json={"action_token": begun["action_token"]},
                    headers=person.headers,
                )
                for n in range(_TWINS)
            )
        )
        assert [reply.status_code for reply in replies].count(200) == 1, [reply.text for reply in replies]
        report = await check_ledger(self.ground.platform, hidden=True)
        assert len(report.of(person.id)) == 1

    async def _begin(self, person: Any) -> dict[str, Any]:
        reply = await self.ground.client.post(
            f"{self.ground.apis[0]}/api/v1/actions", json={"kind": "quiz"}, headers=person.headers
        )
        assert reply.status_code == 201, reply.text
        begun: dict[str, Any] = reply.json()
        return begun

    async def _revoked(self) -> None:
        """I9: a second after the log-out no process takes the session's word for anything."""
        person = await self.ground.person()
        reply = await self.ground.client.post(f"{self.ground.apis[0]}/api/v1/auth/logout", headers=person.headers)
        assert reply.status_code < 300, reply.text
        await asyncio.sleep(_REVOKED_AFTER)
        for n, url in enumerate(self.ground.apis):
            body = {"action_id": f"late-{n}", "kind": "tap"}
            reply = await self.ground.client.post(url + UPDATE, json=body, headers=person.headers)
            assert (reply.status_code, reply.json()["code"]) == (401, "TOKEN_REVOKED"), reply.text
        assert not (await check_ledger(self.ground.platform, hidden=True)).of(person.id)

    async def _audited(self) -> None:
        """I10: a change of state leaves its one row, and the whole log verifies."""
        person = await self.ground.person()
        for status in (PlayerStatus.HIDDEN, PlayerStatus.ACTIVE):
            await change_status(self.ground.platform, person.username, status, by="chaos")
        concerned = [person.id, *self.ground.concealed]
        rows = await self.ground.sql(
            "SELECT subject, count(*) AS rows FROM audit_log WHERE detail->>'by' = 'chaos' AND subject = ANY($1)"
            " GROUP BY subject",
            concerned,
        )
        assert {row["subject"]: row["rows"] for row in rows} == dict.fromkeys(concerned, 1) | {person.id: 2}
        report = await verify_audit(self.ground.platform, lambda done, total: None)
        assert report.finding is None, report.finding

    async def _sums(self) -> dict[str, str]:
        await settled(self.ground.platform, within=SETTLES_WITHIN)
        sums = {}
        for table, condition in _SUMS.items():
            [row] = await self.ground.sql(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS sum FROM {table} t {condition}"
            )
            sums[table] = row["sum"]
        return sums

    async def _refused_changes_nothing(self) -> None:
        """I11: requests that are refused, each for another reason, and every table as it was."""
        person = await self.ground.person()
        begun = await self._begin(person)
        complete = f"/api/v1/actions/{begun['action_id']}/complete"
        token = begun["action_token"]
        before = await self._sums()
        for path, body, headers, status in (
            (UPDATE, {"action_id": "no", "kind": "nothing"}, person.headers, 404),
            (UPDATE, {"action_id": "no", "kind": "tap", "points": 7}, person.headers, 422),
            (UPDATE, {"action_id": "no", "kind": "tap"}, {"Authorization": "Bearer no"}, 401),
            (complete, {"action_token": token[:-2] + ("AA" if token[-2:] != "AA" else "BB")}, person.headers, 401),
            ("/api/v1/actions", {"kind": "off"}, person.headers, None),
        ):
            reply = await self.ground.client.post(self.ground.apis[0] + path, json=body, headers=headers)
            assert 400 <= reply.status_code < 500, reply.text
            assert status is None or reply.status_code == status, reply.text
        assert await self._sums() == before

    async def _logged_once(self) -> None:
        """I12: each refusal that a load was told has its one line."""
        told = {
            refusal.request_id for load in self.loads for refusal in load.refusals if refusal.request_id is not None
        }
        reply = await self.ground.client.post(f"{self.ground.apis[0]}{UPDATE}", json={})
        told.add(reply.json()["request_id"])

        def written() -> dict[str, int]:
            return rejections(self.ground, told)

        await until(lambda: set(written()) == told, within=10, what="a line for each refusal")
        assert set(written().values()) == {1}


def same_result(again: dict[str, Any], first: dict[str, Any]) -> bool:
    """Whether both tell the same, except that one may know ranks that the other was sent without.

    Ranks come of Redis after the commit: a reply that was asked for again before that has none.
    """

    def ranks(answer: dict[str, Any]) -> list[Any]:
        return [answer["rank"], *(each["rank"] for each in answer["standings"])]

    def rest(answer: dict[str, Any]) -> dict[str, Any]:
        return answer | {"rank": None, "standings": [{**each, "rank": None} for each in answer["standings"]]}

    pairs = zip(ranks(again), ranks(first), strict=True)
    return rest(again) == rest(first) and all(None in pair or pair[0] == pair[1] for pair in pairs)


async def check_watchers(ground: Ground, watchers: Sequence[Watcher]) -> None:
    """I6: what each watcher was shown was published, and nothing it met was wrong. Raises AssertionError."""
    problems = [problem for watcher in watchers for problem in watcher.problems]
    assert not problems, problems[:5]
    report = await check_ledger(ground.platform, hidden=True)
    season = await ground.sql("SELECT id FROM seasons WHERE board_key = 'main' AND status = 'open'")
    published: dict[str, set[int | None]] = {}
    for entry in report.entries:
        if entry.entry_type is EntryType.HELD:
            continue
        for each, score in zip(entry.season_ids, entry.current, strict=True):
            if each == season[0]["id"]:
                published.setdefault(str(entry.player_id), set()).add(score)
    for watcher in watchers:
        for player, scores in watcher.shown.items():
            unknown = scores - published.get(player, set())
            assert not unknown, f"{unknown} was shown of {player}, and was never published"


def rejections(ground: Ground, request_ids: set[str]) -> dict[str, int]:
    """How many lines about a refusal the API's processes wrote for each of these requests."""
    found: dict[str, int] = {}
    for service in ground.services.values():
        if service.name != "api":
            continue
        for line in service.log.read_text("utf-8", errors="replace").splitlines():
            if '"rejected"' not in line or not line.startswith("{"):
                continue
            request_id = json.loads(line).get("request_id")
            if request_id in request_ids:
                found[request_id] = found.get(request_id, 0) + 1
    return found
