"""One action counts once, however often and from wherever it is completed."""

import asyncio
from collections import Counter
from uuid import UUID

import httpx2 as httpx
import pytest

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.identifiers import new_id
from scoreboard.storage import players
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from tests.conftest import Api, Running
from tests.ledger_check import check_ledger, leaderboards_match, settled
from tests.stage import PASSWORD, Person, Service, register

HUNDRED = 100


def without_ranks(reply: httpx.Response) -> dict[str, object]:
    body = reply.json()
    standings = [{**standing, "rank": None} for standing in body["standings"]]
    return {**body, "rank": None, "standings": standings}


async def test_a_hundred_tries_with_one_key_count_once(running: Running) -> None:
    ada = await register(running.client)
    begun = await ada.begin("quiz")
    path, body = f"/api/v1/actions/{begun['action_id']}/complete", {"action_token": begun["action_token"]}
    replies = await asyncio.gather(*(ada.post(path, body, Idempotency_Key="one") for _ in range(HUNDRED)))
    assert {reply.status_code for reply in replies} == {200}
    assert all(without_ranks(reply) == without_ranks(replies[0]) for reply in replies)
    assert sum(reply.headers.get("Idempotency-Replayed") == "true" for reply in replies) == HUNDRED - 1
    assert replies[0].json()["score"] == {"previous": None, "current": 10}
    report = await check_ledger(running.platform, [replies[0].json()])
    assert len(report.of(ada.id)) == 1


async def test_a_hundred_tries_without_a_key_count_once(running: Running) -> None:
    ada = await register(running.client)
    begun = await ada.begin("quiz")
    replies = await asyncio.gather(*(ada.complete(begun) for _ in range(HUNDRED)))
    assert Counter(reply.status_code for reply in replies) == {200: 1, 409: HUNDRED - 1}
    first = next(reply for reply in replies if reply.status_code == 200)
    for reply in replies:
        if reply is not first:
            assert reply.json()["code"] == "ALREADY_COMPLETED"
            recorded = reply.json()["result"]
            assert {**recorded, "rank": None, "standings": None} == {**first.json(), "rank": None, "standings": None}
    assert len((await check_ledger(running.platform)).of(ada.id)) == 1


async def test_a_hundred_direct_updates_of_one_id_count_once(running: Running) -> None:
    ada = await register(running.client)
    body = {"action_id": "mine", "kind": "tap"}
    replies = await asyncio.gather(*(ada.post("/api/v1/scores/update", body) for _ in range(HUNDRED)))
    assert Counter(reply.status_code for reply in replies) == {200: 1, 409: HUNDRED - 1}
    assert len((await check_ledger(running.platform)).of(ada.id)) == 1


async def test_the_same_request_twice_without_redis_memory(api: Api) -> None:
    ada = await register(api.client)
    begun = await ada.begin("quiz")
    first = await ada.complete(begun)
    again = await ada.complete(begun)
    assert (first.status_code, again.status_code) == (200, 409)
    assert again.json()["result"]["score"] == first.json()["score"]
    assert again.headers["content-type"] == "application/problem+json"


async def test_a_spent_token_with_other_points_is_refused(api: Api) -> None:
    ada = await register(api.client)
    begun = await ada.begin("match")
    assert (await ada.complete(begun, points=7)).status_code == 200
    other = await ada.complete(begun, points=8)
    assert (other.status_code, other.json()["code"]) == (403, "TOKEN_ALREADY_USED")


async def test_a_spent_token_on_another_action_is_refused(api: Api) -> None:
    ada = await register(api.client)
    spent, open_ = await ada.begin("quiz"), await ada.begin("quiz")
    assert (await ada.complete(spent)).status_code == 200
    reply = await ada.complete({**open_, "action_token": spent["action_token"]})
    assert (reply.status_code, reply.json()["code"]) == (403, "TOKEN_ALREADY_USED")
    unspent = await ada.begin("quiz")
    reply = await ada.complete({**open_, "action_token": unspent["action_token"]})
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
    assert (await ada.complete(open_)).status_code == 200


async def test_another_players_token_is_refused(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    begun = await ada.begin("quiz")
    reply = await bob.complete(begun)
    assert (reply.status_code, reply.json()["code"]) == (403, "UNAUTHORIZED")
    reply = await bob.post("/api/v1/scores/update", {"action_token": begun["action_token"]})
    assert (reply.status_code, reply.json()["code"]) == (403, "UNAUTHORIZED")
    assert (await ada.complete(begun)).status_code == 200


def request(player: Person, begun: dict[str, str], points: int | None = None) -> CompletionRequest:
    action_id = UUID(begun["action_id"])
    mark = f"{action_id}{points}".encode()
    return CompletionRequest(UUID(player.id), action_id, mark, points=points)


def direct(player: Person, client_id: str, kind: str, points: int | None = None) -> CompletionRequest:
    mark = f"{client_id}{kind}{points}".encode()
    return CompletionRequest(UUID(player.id), new_id(), mark, client_id=client_id, kind_key=kind, points=points)


async def test_one_bad_item_of_a_batch_fails_alone(api: Api, module_marker: OutboxMarker) -> None:
    ada, bob = await register(api.client), await register(api.client)
    good, bad, theirs = await ada.begin("match"), await ada.begin("match"), await bob.begin("quiz")
    answers = await complete_actions(
        api.platform, [request(ada, good, 5), request(ada, bad, 101), request(bob, theirs)], module_marker
    )
    assert isinstance(answers[0], Completion)
    assert isinstance(answers[1], Refusal)
    assert answers[1].code is ErrorCode.INVALID_SCORE
    assert isinstance(answers[2], Completion)
    await check_ledger(api.platform)


async def test_two_completions_of_one_player_in_a_batch_see_each_other(api: Api, module_marker: OutboxMarker) -> None:
    ada = await register(api.client)
    first, second = await ada.begin("match"), await ada.begin("match")
    answers = await complete_actions(api.platform, [request(ada, first, 5), request(ada, second, 6)], module_marker)
    places = [answer.places[0] for answer in answers if isinstance(answer, Completion)]
    assert [(place.previous, place.current) for place in places] == [(None, 5), (5, 11)]
    daily = [await ada.begin("daily"), await ada.begin("daily")]
    done, refused = await complete_actions(api.platform, [request(ada, each) for each in daily], module_marker)
    assert isinstance(done, Completion)
    assert isinstance(refused, Refusal)
    assert refused.code is ErrorCode.COOLDOWN
    same = [direct(ada, "twice", "tap"), direct(ada, "twice", "tap"), direct(ada, "twice", "huge", 3)]
    done, repeated, other = await complete_actions(api.platform, same, module_marker)
    assert isinstance(done, Completion)
    assert isinstance(repeated, Refusal)
    assert repeated.code is ErrorCode.ALREADY_COMPLETED
    assert isinstance(other, Refusal)
    assert other.code is ErrorCode.TOKEN_ALREADY_USED
    await check_ledger(api.platform)


async def test_two_processes_lose_no_update_of_one_player(running: Running) -> None:
    """Different kinds feed one board, so nothing but the total itself is locked in common."""
    second = Service("api", running.environment, running.folder / "second.log")
    second.start()
    try:
        await second.ready()
        async with httpx.AsyncClient(base_url=second.url, timeout=15) as other:
            ada = await register(running.client)
            twin = Person(other, ada.id, ada.username, ada.session)
            replies = await asyncio.gather(
                *(
                    player.post("/api/v1/scores/update", {"action_id": f"{kind}-{n}", "kind": kind, "points": points})
                    for n in range(40)
                    for player in (ada, twin)
                    for kind, points in (("tap", 1), ("tap2", 2))
                )
            )
            assert Counter(reply.status_code for reply in replies) == {200: 80, 409: 80}
            report = await check_ledger(running.platform, [r.json() for r in replies if r.status_code == 200])
            assert report.of(ada.id)[-1].current == (40 * 1 + 40 * 2,)
            await settled(running.platform)
            begun = await ada.begin("quiz")
            both = await asyncio.gather(*(who.complete(begun) for who in [ada, twin] * 20))
            assert Counter(reply.status_code for reply in both) == {200: 1, 409: 39}
            await check_ledger(running.platform)
    finally:
        second.stop()


async def test_first_scores_that_meet_are_both_counted(platform: Platform) -> None:
    """Two processes, two kinds, one board, and no total yet that could be locked."""
    other = open_platform(platform.settings, application="test")
    mine, theirs = OutboxMarker(platform), OutboxMarker(other)
    for round_ in range(25):
        ids = [new_id() for _ in range(3)]
        for n, player_id in enumerate(ids):
            await platform.database.transact(
                lambda tx, p=player_id, name=f"r{round_}-{n}": players.add(  # type: ignore[misc]
                    tx, p, name, Role.PLAYER, email=None, password_hash=None
                )
            )
        batches = [
            [CompletionRequest(p, new_id(), kind.encode(), client_id=kind, kind_key=kind) for p in order]
            for kind, order in (("tap", ids), ("tap2", ids[::-1]))
        ]
        both = await asyncio.gather(
            complete_actions(platform, batches[0], mine), complete_actions(other, batches[1], theirs)
        )
        assert all(isinstance(answer, Completion) for answers in both for answer in answers), both
    await check_ledger(platform)
    assert await leaderboards_match(platform)
    await mine.finish()
    await theirs.finish()
    await other.close()


@pytest.fixture
async def server(api: Api) -> Person:
    """A trusted game server."""
    person = await register(api.client)
    await api.platform.database.transact(lambda tx: players.set_role(tx, UUID(person.id), Role.SERVICE))
    reply = await api.client.post("/api/v1/auth/login", json={"username": person.username, "password": PASSWORD})
    return Person(api.client, person.id, person.username, reply.json())


async def test_a_batch_of_a_trusted_server_answers_item_by_item(api: Api, server: Person) -> None:
    ada, bob = await register(api.client), await register(api.client)
    first, second, theirs = await ada.begin("match"), await ada.begin("match"), await bob.begin("quiz")

    def item(player: Person, begun: dict[str, str], **fields: object) -> dict[str, object]:
        return {"player_id": player.id, "action_token": begun["action_token"], **fields}

    items = [
        item(ada, first, points=3),
        item(ada, second, points=1000),
        item(bob, theirs),
        item(bob, first, points=3),
        item(ada, {"action_token": "nonsense"}),
        {"player_id": "nobody", "action_token": theirs["action_token"]},
        item(ada, first, points=3),
    ]
    path = "/api/v1/actions/complete-batch"
    reply = await server.post(path, {"items": items}, Idempotency_Key="b1")
    assert reply.status_code == 200, reply.text
    results = reply.json()["items"]
    assert [result["status"] for result in results] == [200, 422, 200, 403, 401, 404, 409]
    assert results[6]["problem"]["result"]["score"] == results[0]["result"]["score"]
    again = await server.post(path, {"items": items}, Idempotency_Key="b1")
    assert [result["status"] for result in again.json()["items"]] == [200, 422, 200, 403, 401, 404, 409]
    assert again.json()["items"][0]["result"]["action_id"] == first["action_id"]
    # When a server sends them tells the anti-cheat nothing about the players.
    untimed = {str(row.action_id) for row in await api.sql("SELECT action_id FROM untimed_actions")}
    assert untimed == {first["action_id"], theirs["action_id"]}
    changed = [{**items[0], "points": 4}, *items[1:]]
    other = await server.post(path, {"items": changed}, Idempotency_Key="b1")
    assert other.json()["items"][0]["problem"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    await check_ledger(api.platform)


async def test_only_trusted_servers_send_batches(api: Api, server: Person) -> None:
    ada = await register(api.client)
    path, body = "/api/v1/actions/complete-batch", {"items": [{"player_id": ada.id, "action_token": "x"}]}
    assert (await ada.post(path, body, Idempotency_Key="k")).json()["code"] == "FORBIDDEN"
    missing = await server.post(path, body)
    assert (missing.status_code, missing.json()["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")
    too_many = {"items": body["items"] * (api.wiring.settings.batch_items + 1)}
    reply = await server.post(path, too_many, Idempotency_Key="k")
    assert (reply.status_code, reply.json()["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("kind", ["best", "latest"])
async def test_operators_keep_the_moment_while_the_score_stays(platform: Platform, kind: str) -> None:
    board = Board(kind, kind, operator=Operator(kind))
    feeding = ActionKind(kind, kind, min_points=0, max_points=100, direct=True, boards=(kind,))
    await configure(platform, [board], [feeding], managed_by="test")
    await restore_missing(platform)
    player_id = new_id()
    await platform.database.transact(
        lambda tx: players.add(tx, player_id, "ada", Role.PLAYER, email=None, password_hash=None)
    )
    marker = OutboxMarker(platform)
    scores = []
    for n, points in enumerate((5, 3, 5, 9)):
        one = CompletionRequest(player_id, new_id(), bytes([n]), client_id=str(n), kind_key=kind, points=points)
        [answer] = await complete_actions(platform, [one], marker)
        assert isinstance(answer, Completion)
        scores.append(answer.places[0].current)
    assert scores == ([5, 5, 5, 9] if kind == "best" else [5, 3, 5, 9])
    await marker.finish()
    await check_ledger(platform)
    assert await leaderboards_match(platform)
