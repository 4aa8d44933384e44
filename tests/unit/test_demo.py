"""How the demo's players take a "no", against a server made of prepared answers; and who they are."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from scoreboard.domain.player import fold_username, username_fault
from scoreboard_cli.demo.account import Account, TurnedAway
from scoreboard_cli.demo.api import Api, Turns
from scoreboard_cli.demo.door import Door
from scoreboard_cli.demo.measures import Measures
from scoreboard_cli.demo.memory import Memory, Remembered, open_memory
from scoreboard_cli.demo.names import cheat_name, honest_name
from scoreboard_cli.demo.roster import draw_roster
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.families import FAMILIES

SOON = 0.001
Reply = httpx.Response | Exception


class Server:
    """Gives the prepared answers in turn and keeps what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def paths(self) -> list[str]:
        return [request.url.path.rsplit("/", 1)[-1] for request in self.asked]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.asked]


def api_of(server: Callable[[httpx.Request], httpx.Response], measures: Measures | None = None) -> Api:
    http = httpx.AsyncClient(base_url="http://api.test", transport=httpx.MockTransport(server))
    return Api(http, Turns(10_000, 100), measures or Measures(), chance(1))


def no(status: int, code: str, retry_after: float | None = SOON) -> httpx.Response:
    body = {"code": code} | ({} if retry_after is None else {"retry_after": retry_after})
    return httpx.Response(status, json=body)


def session(token: str = "access", refresh: str = "refresh", expires_in: int = 600) -> httpx.Response:
    signing = {"key_id": "019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b", "key": "A" * 43}
    body = {
        **{"access_token": token, "refresh_token": refresh, "expires_in": expires_in},
        **{"signing": signing, "player": {"id": "1"}},
    }
    return httpx.Response(200, json=body)


def account_of(server: Server, memory: Memory) -> Account:
    return Account("Ada", api_of(server), Door(100, SOON), memory, lambda code: None)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path, "http://api.test", "a demo password")


@pytest.mark.parametrize(
    "refusal",
    [
        no(503, "OVERLOADED"),
        no(504, "DEADLINE_EXCEEDED"),
        no(500, "INTERNAL_ERROR"),
        no(409, "IDEMPOTENCY_KEY_IN_FLIGHT"),
        no(429, "USER_RATE_LIMIT"),
        no(429, "TOO_MANY_REQUESTS"),
        httpx.Response(502, text="<html>a proxy</html>"),
        httpx.ConnectError("away"),
        httpx.ReadTimeout("late"),
    ],
)
async def test_what_may_pass_is_repeated_with_the_same_key(refusal: Reply) -> None:
    server = Server(refusal, httpx.Response(200, json={"done": True}))
    measures = Measures()
    answer = await api_of(server, measures).call("POST", "/api/v1/actions", {"kind": "quiz"}, token="t", key="k-1")
    assert answer.ok
    assert [request.headers["idempotency-key"] for request in server.asked] == ["k-1", "k-1"]
    assert server.bodies[0] == server.bodies[1]
    assert measures.repeated == 1
    assert measures.away_for is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "ALREADY_COMPLETED"), (422, "INVALID_SCORE"), (429, "COOLDOWN"), (429, "ACTION_LIMIT"), (403, "FORBIDDEN")],
)
async def test_what_is_decided_is_not_repeated(status: int, code: str) -> None:
    server, told = Server(no(status, code)), []
    answer = await api_of(server).call("POST", "/api/v1/actions", {}, refused=told.append)
    assert (answer.status, answer.code) == (status, code)
    assert told == [code]


async def test_a_server_that_is_away_is_noticed() -> None:
    measures = Measures()
    assert await api_of(Server(httpx.ConnectError("away")), measures).ask("GET", "/") is None
    assert measures.away_for is not None


async def test_the_wait_of_the_header_counts_when_the_body_says_nothing() -> None:
    server = Server(httpx.Response(429, headers={"Retry-After": "7"}, json={"code": "COOLDOWN"}))
    assert (await api_of(server).call("POST", "/api/v1/actions", {})).retry_after == 7


async def test_an_ended_session_is_renewed_and_the_request_repeated_as_it_was(memory: Memory) -> None:
    server = Server(
        session("first", "r1"),
        no(401, "TOKEN_REVOKED"),
        session("second", "r2"),
        httpx.Response(200, json={}),
    )
    account = account_of(server, memory)
    await account.enter()
    assert (await account.call("POST", "/api/v1/scores/update", {"kind": "tap"}, key="k")).ok
    assert server.paths == ["register", "update", "refresh", "update"]
    assert [server.asked[n].headers["authorization"] for n in (1, 3)] == ["Bearer first", "Bearer second"]
    assert [server.asked[n].headers["idempotency-key"] for n in (1, 3)] == ["k", "k"]
    assert memory.accounts["Ada"] == Remembered("Ada", "r2")


async def test_a_session_near_its_end_is_renewed_before_it_is_used(memory: Memory) -> None:
    memory.put("Ada", Remembered("Ada", "r0"))
    server = Server(session("first"), httpx.Response(200, json={}))
    await account_of(server, memory).call("GET", "/api/v1/players/me")
    assert server.paths == ["refresh", "me"]


@pytest.mark.parametrize("code", ["INVALID_TOKEN", "TOKEN_EXPIRED", "REFRESH_REUSED", "TOKEN_REVOKED"])
async def test_a_refresh_token_that_is_no_good_leads_to_the_door(code: str, memory: Memory) -> None:
    memory.put("Ada", Remembered("Ada", "old"))
    server = Server(no(401, code), session())
    await account_of(server, memory).enter()
    assert server.paths == ["refresh", "login"]


async def test_a_platform_that_forgot_the_account_gets_it_again(memory: Memory) -> None:
    memory.put("Ada", Remembered("Ada 1-2"))
    server = Server(no(401, "INVALID_CREDENTIALS"), session())
    await account_of(server, memory).enter()
    assert server.paths == ["login", "register"]
    assert server.bodies[1]["username"] == "Ada 1-2"


async def test_a_name_of_a_former_demo_is_logged_in(memory: Memory) -> None:
    server = Server(no(409, "CONFLICT"), session())
    await account_of(server, memory).enter()
    assert server.paths == ["register", "login"]


async def test_a_name_of_somebody_else_is_left_to_them(memory: Memory) -> None:
    server = Server(no(409, "CONFLICT"), no(401, "INVALID_CREDENTIALS"), session())
    await account_of(server, memory).enter()
    assert server.paths == ["register", "login", "register"]
    assert server.bodies[2]["username"] == "Ada 1-2"
    assert memory.accounts["Ada"].username == "Ada 1-2"


@pytest.mark.parametrize("code", ["TOO_MANY_REQUESTS", "USER_RATE_LIMIT"])
async def test_at_a_full_door_one_waits_as_long_as_asked(code: str, memory: Memory) -> None:
    server = Server(no(429, code), session())
    await account_of(server, memory).enter()
    assert server.paths == ["register", "register"]


async def test_a_suspended_player_is_turned_away_with_the_time(memory: Memory) -> None:
    memory.put("Ada", Remembered("Ada", "r0"))
    with pytest.raises(TurnedAway) as caught:
        await account_of(Server(no(403, "ACCOUNT_SUSPENDED", 90.0)), memory).enter()
    assert (caught.value.code, caught.value.retry_after) == ("ACCOUNT_SUSPENDED", 90.0)


async def test_a_player_suspended_while_playing_is_turned_away(memory: Memory) -> None:
    account = account_of(Server(session(), no(403, "ACCOUNT_BANNED", None)), memory)
    with pytest.raises(TurnedAway, match="ACCOUNT_BANNED"):
        await account.call("POST", "/api/v1/actions", {})


def test_accounts_are_kept_for_their_owner_only_and_for_each_platform(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_memory(folder, "http://one") as first:
        first.put("Ада", Remembered("Ада 1-2", "secret"))
    with open_memory(folder, "http://two") as other:
        assert other.accounts == {}
        assert other.password == first.password
        other.put("Bo", Remembered("Bo", "another"))
    with open_memory(folder, "http://one") as again:
        assert again.accounts == {"Ада": Remembered("Ада 1-2", "secret")}
    assert {path.stat().st_mode & 0o777 for path in (folder / "accounts.json", folder / "password")} == {0o600}


def test_unreadable_accounts_are_as_none(tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text("{half a fi")
    with open_memory(tmp_path, "http://one") as memory:
        assert memory.accounts == {}


def test_two_demos_do_not_share_accounts(tmp_path: Path) -> None:
    with (
        open_memory(tmp_path, "http://one"),
        pytest.raises(ExpectedError, match="A demo plays here already"),
        open_memory(tmp_path, "http://one"),
    ):
        pass


def test_every_name_can_be_registered_and_none_twice() -> None:
    names = [honest_name(number) for number in range(300)]
    names += [cheat_name(family, number) for family in FAMILIES for number in range(3)]
    assert [name for name in names if username_fault(name)] == []
    assert len({fold_username(name) for name in names}) == len(names)


def test_names_stay_and_chance_follows_the_seed() -> None:
    one, two = draw_roster(40, 3, 1), draw_roster(40, 3, 2)
    assert [each.name for each in one] == [each.name for each in two]
    assert [each.person for each in one] != [each.person for each in two]
    assert one == draw_roster(40, 3, 1)


def test_cheats_are_among_the_first_to_arrive() -> None:
    roster = draw_roster(40, 3, 1)
    assert len(roster) == 43
    cheats = [place for place, each in enumerate(roster) if each.family is not None]
    assert len(cheats) == 3
    assert max(cheats) < 15
    assert all(each.family is not None for each in draw_roster(0, 5, 1))


def test_a_ring_is_one_person_with_several_accounts() -> None:
    ring = [each for each in draw_roster(0, 40, 1) if each.family is not None and each.family.together]
    assert len(ring) > 1
    assert len({each.person for each in ring}) == 1
    assert len({each.ring_seed for each in ring}) == 1
    assert len({each.seed for each in ring}) == len(ring)


def test_latencies_and_refusals_are_summed_up() -> None:
    measures = Measures(total=2)
    assert measures.latency(0.5) is None
    for milliseconds in range(1, 101):
        measures.answered(milliseconds / 1000)
    assert (measures.latency(0.5), measures.latency(0.95)) == (0.05, 0.095)
    for code, cheat in itertools.product(("COOLDOWN", "ALREADY_COMPLETED"), (True, False)):
        measures.count_refused(code, cheat=cheat)
    assert measures.refused == measures.refused_cheats == {"COOLDOWN": 1}
    assert measures.arriving
