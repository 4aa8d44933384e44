"""Clients in trouble: their answer is lost, a hundred of them ask at once, their clocks are wrong. Each counts once.

The client with a wrong clock is the live page's own code, run by Node. Where libfaketime is here its whole process has
that clock; elsewhere only ``Date.now`` has.
"""

import asyncio
import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from tests.chaos.fault_run import FaultRun
from tests.chaos.ground import Ground, open_ground
from tests.chaos.invariants import Proof
from tests.chaos.load import UPDATE
from tests.chaos.thief import MARK, Thief
from tests.ledger_check import check_ledger
from tests.stage import PASSWORD, Person, register, until

PLAYERS = 10
AT_ONCE = 100
TOLD_EVERY = 100
RECORDED = ("action_id", "verdict", "points", "score")
CLIENT = Path(__file__).parent / "node" / "skewed_player.mjs"
PAGE = Path(__file__).parents[2] / "services" / "api" / "scoreboard_api" / "page" / "app"
FAKERS = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")
SKEWS: dict[int, list[int]] = {
    # seconds: what the client's requests are answered, one after the other
    -30: [201, 200],
    30: [401, 201, 200],
    -90: [401, 201, 200],
    90: [401, 201, 200],
}
PATIENCE = 60.0


@pytest_asyncio.fixture(scope="module")
async def ground() -> AsyncIterator[Ground]:
    async with open_ground("api", "worker") as opened:
        yield opened


@dataclass(frozen=True)
class Wish:
    """One request that is to count once."""

    path: str
    body: dict[str, Any]


async def _wish(player: Person, number: int, name: str) -> Wish:
    """Every third begins an action and completes it, the others score in one call."""
    if number % 3:
        return Wish(UPDATE, {"action_id": name, "kind": "tap"})
    begun = await player.begin("quiz")
    return Wish(f"/api/v1/actions/{begun['action_id']}/complete", {"action_token": begun["action_token"]})


def without_ranks(answer: dict[str, Any]) -> dict[str, Any]:
    """What of an answer is recorded with the completion itself."""
    standings = [{**each, "rank": None} for each in answer["standings"]]
    return {**answer, "rank": None, "standings": standings}


@dataclass
class Losses:
    """Answers that were lost on the way, and asked for again past the thief."""

    thief: Thief
    robbed: httpx.AsyncClient
    answered: list[dict[str, Any]] = field(default_factory=list)

    async def lose(self, player: Person, number: int, name: str) -> None:
        """Lose one answer, then ask for it again: with its key, or, each second time, without one."""
        wish = await _wish(player, number, name)
        headers = {**player.headers, **({"Idempotency-Key": name} if number % 2 else {})}
        with pytest.raises(httpx.TransportError):
            await self.robbed.post(wish.path, json=wish.body, headers={**headers, MARK: name})
        lost = self.thief.stolen[name]
        assert lost.status == 200, lost

        async def repeated() -> bool:
            """At once without ranks at the least: they are added to the kept answer with the next batch."""
            again = await player.client.post(wish.path, json=wish.body, headers=headers)
            assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true"), again.text
            assert without_ranks(again.json()) == without_ranks(lost.body)
            return bool(again.json() == lost.body)

        if number % 2:
            await until(repeated, within=10, every=0.05, what="the same answer")
        else:
            again = await player.client.post(wish.path, json=wish.body, headers=headers)
            told = again.json()
            assert (again.status_code, told["code"]) == (409, "ALREADY_COMPLETED"), again.text
            # Ranks are of their moment and not recorded.
            assert {part: told["result"][part] for part in RECORDED} == {part: lost.body[part] for part in RECORDED}
        self.answered.append(dict(lost.body))


@pytest.mark.fault("lost-answer")
async def test_an_answer_that_was_lost_after_the_commit_is_given_again(ground: Ground, fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    # One connection for each request: the thief breaks the one that it robs.
    fresh = httpx.Limits(max_keepalive_connections=0)
    async with (
        Thief.before(ground.apis[0]) as thief,
        httpx.AsyncClient(base_url=thief.url, timeout=30, limits=fresh) as robbed,
        httpx.AsyncClient(base_url=ground.apis[0], timeout=30) as client,
    ):
        crowd = [await register(client) for _ in range(PLAYERS)]
        losses, numbers = Losses(thief, robbed), iter(range(1, fault.count + 1))

        async def play(player: Person) -> None:
            for number in numbers:
                if number % TOLD_EVERY == 0:
                    fault.say(f"lost-answer: {number} of {fault.count}")
                await losses.lose(player, number, f"lost-{fault.seed}-{number}")
                fault.did(1)

        await asyncio.gather(*map(play, crowd))
    await check_ledger(ground.platform, losses.answered, hidden=True)
    assert len({answer["action_id"] for answer in losses.answered}) == fault.count
    await proof.round(extra=fault.count)
    await proof.end()
    fault.note(lost=len(thief.stolen))


def _outcome(reply: httpx.Response, first: dict[str, Any]) -> str:
    """What became of one of the hundred. Whoever did not count is told what did, or to ask again in a moment."""
    told = reply.json()
    if reply.status_code == 200:
        assert without_ranks(told) == without_ranks(first)
        return "replayed" if "Idempotency-Replayed" in reply.headers else "counted"
    if told["code"] == "ALREADY_COMPLETED":
        assert told["result"]["points"] == first["points"]
    else:
        assert told["code"] == "IDEMPOTENCY_KEY_IN_FLIGHT", told
        assert int(reply.headers["Retry-After"]) >= 1
    return str(told["code"])


def _keyed(number: int, place: int) -> dict[str, str]:
    """In turn: one key for all, a key for each, no keys."""
    names = (f"all-{number}", f"each-{number}-{place}", None)
    name = names[number % len(names)]
    return {} if name is None else {"Idempotency_Key": name}


@pytest.mark.fault("parallel-completions")
async def test_of_a_hundred_parallel_completions_of_one_token_one_counts(ground: Ground, fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    answered: list[dict[str, Any]] = []
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=ground.apis[0], timeout=60, limits=limits) as client:
        player = await register(client)
        for number in fault.rounds:
            begun = await player.begin("quiz")
            path = f"/api/v1/actions/{begun['action_id']}/complete"
            replies = await asyncio.gather(
                *(
                    player.post(path, {"action_token": begun["action_token"]}, **_keyed(number, n))
                    for n in range(AT_ONCE)
                )
            )
            first = [each for each in replies if each.status_code == 200 and "Idempotency-Replayed" not in each.headers]
            assert len(first) == 1, Counter(reply.status_code for reply in replies)
            outcomes = Counter(_outcome(reply, first[0].json()) for reply in replies)
            assert outcomes["counted"] == 1, outcomes
            answered.append(first[0].json())
        standing = (await player.get("/api/v1/boards/main/me")).json()
    assert standing["score"] == 10 * len(answered)
    report = await check_ledger(ground.platform, answered, hidden=True)
    assert len(report.of(player.id)) == fault.count
    await proof.round(extra=fault.count)
    await proof.end()
    fault.note(tries=AT_ONCE * fault.count, counted=len(answered))


def faketime() -> str | None:
    """The library that gives a process another clock; None where it is not installed."""
    for pattern in FAKERS:
        for path in sorted(Path("/").glob(pattern.lstrip("/"))):
            return str(path)
    return None


async def _play(ground: Ground, skew: int) -> dict[str, Any]:
    """A player registers, begins and completes, by a clock that is wrong by so many seconds; what the client tells."""
    library = faketime()
    environment = dict(os.environ)
    if library is not None:
        faked = {"LD_PRELOAD": library, "FAKETIME": f"{skew:+d}s", "DONT_FAKE_MONOTONIC": "1"}
        environment |= faked
    name = f"skewed-{secrets.token_hex(5)}"
    node = shutil.which("node") or ""
    shift = "0" if library is not None else str(skew)
    asked = [node, str(CLIENT), str(PAGE), ground.apis[0], name, PASSWORD, shift]
    process = await asyncio.create_subprocess_exec(
        *asked, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, errors.decode()
    told: dict[str, Any] = json.loads(out)
    return told


@pytest.mark.fault("client-clock")
async def test_a_client_with_a_wrong_clock_corrects_itself_and_succeeds(ground: Ground, fault: FaultRun) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not here: it runs the page's client")
    proof = await Proof(ground, fault).begin()
    answered = []
    for number in fault.rounds:
        skew = list(SKEWS)[(number - 1) % len(SKEWS)]
        fault.say(f"  {skew:+d} s")
        told = await _play(ground, skew)
        assert abs(told["clock_s"] - skew) < PATIENCE / 2, f"its clock was not wrong by {skew} s: {told['clock_s']}"
        assert [each["status"] for each in told["replies"]] == SKEWS[skew], told["replies"]
        for each in told["replies"]:
            assert each["code"] == ("STALE_REQUEST" if each["status"] == 401 else None), each
            assert (each["server_time"] is not None) == (each["status"] == 401), each
        assert told["completed"]["points"] == 10
        answered.append(told["completed"])
        fault.note(corrected=told["replies"][0]["status"] == 401)
    await check_ledger(ground.platform, answered, hidden=True)
    await proof.round(extra=len(answered))
    await proof.end()
