"""Reading boards: pages, places, names of any script, ten thousand players."""

from typing import Any
from uuid import UUID

import pytest

from scoreboard.domain.board import Board
from scoreboard.usecases.read_board import read_top
from scoreboard.usecases.rebuild_leaderboard import rebuild_season
from tests.conftest import Api
from tests.ledger_check import leaderboards_match
from tests.stage import Person, register

MANY = 10_000
NAMES = ["Zoë", "李雷", "Ольга", "محمد", "שרה", "さくら", "김철수", "🙂 smile", "<b>bold</b>", "O'Neill|x", "a\\b%c"]


@pytest.fixture(scope="module")
async def crowd(api: Api) -> list[dict[str, Any]]:
    """Ten thousand players with a score on the board ``dense``, as the API shows them page by page."""
    season = await api.platform.catalog.season("dense", None)
    await api.sql(
        "INSERT INTO players (id, username, username_key) SELECT md5('p' || n)::uuid, 'player ' || n, 'player ' || n"
        " FROM generate_series(1, CAST(:many AS int)) n",
        many=MANY,
    )
    await api.sql(
        "INSERT INTO scores (season_id, player_id, score, reached_at, version)"
        " SELECT :season, md5('p' || n)::uuid, n * 7919 % 997, now() - make_interval(secs => n % 5), 1"
        " FROM generate_series(1, CAST(:many AS int)) n",
        season=season.id,
        many=MANY,
    )
    await rebuild_season(api.platform, await api.platform.catalog.board("dense"), season)
    return await pages(api, "dense", limit=500)


async def pages(api: Api, board: str, **params: Any) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = {**params, **({"cursor": cursor} if cursor else {})}
        reply = await api.client.get(f"/api/v1/boards/{board}/entries", params=asked)
        assert reply.status_code == 200, reply.text
        page = reply.json()
        entries += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            return entries


async def test_pages_cover_everybody_once(api: Api, crowd: list[dict[str, Any]]) -> None:
    assert len(crowd) == len({entry["player_id"] for entry in crowd}) == MANY
    assert [entry["score"] for entry in crowd] == sorted((entry["score"] for entry in crowd), reverse=True)
    ranks = [entry["rank"] for entry in crowd]
    assert ranks == sorted(ranks)
    assert set(ranks) == set(range(1, 998))
    assert await pages(api, "dense", limit=499) == crowd
    assert await leaderboards_match(api.platform)


@pytest.mark.parametrize("place", [0, 1, 3, 5000, MANY - 2, MANY - 1])
async def test_around_a_player(api: Api, crowd: list[dict[str, Any]], place: int) -> None:
    player = crowd[place]["player_id"]
    for radius in (0, 3, 50):
        reply = await api.client.get("/api/v1/boards/dense/around", params={"player_id": player, "radius": radius})
        assert reply.json()["entries"] == crowd[max(0, place - radius) : place + radius + 1]


async def test_looking_up_friends(api: Api, crowd: list[dict[str, Any]]) -> None:
    wanted = [crowd[n] for n in (9000, 5, 77)]
    ids = [entry["player_id"] for entry in wanted]
    body = {"player_ids": [*ids, ids[0], "nonsense", str(UUID(int=5))]}
    reply = (await api.client.post("/api/v1/boards/dense/lookup", json=body)).json()
    assert reply["entries"] == sorted(wanted, key=crowd.index)
    assert reply["total"] == MANY
    too_many = {"player_ids": [str(UUID(int=n)) for n in range(101)]}
    assert (await api.client.post("/api/v1/boards/dense/lookup", json=too_many)).status_code == 400


async def test_my_place_and_percentile(api: Api, crowd: list[dict[str, Any]]) -> None:
    ada = await register(api.client)
    assert (await ada.get("/api/v1/boards/dense/me")).json()["code"] == "NOT_FOUND"
    done = await ada.post("/api/v1/scores/update", {"action_id": "m", "kind": "huge", "points": 10**6})
    assert done.json()["standings"][0]["rank"] == 1
    mine = (await ada.get("/api/v1/boards/dense/me")).json()
    assert (mine["rank"], mine["total"], mine["percentile"], mine["score"]) == (1, MANY + 1, 100.0, 10**6)
    await ada.post("/api/v1/scores/update", {"action_id": "n", "kind": "huge", "points": -2 * 10**6})
    mine = (await ada.get("/api/v1/boards/dense/me")).json()
    assert (mine["rank"], mine["percentile"], mine["score"]) == (998, 0.0, -(10**6))
    around = (await ada.get("/api/v1/boards/dense/around", radius=1)).json()
    assert [entry["username"] for entry in around["entries"]] == [crowd[-1]["username"], ada.username]


async def test_the_top_and_its_caches(api: Api, crowd: list[dict[str, Any]]) -> None:
    for limit in (1, 10, 100):
        page = await api.client.get("/api/v1/boards/dense/top", params={"limit": limit})
        assert len(page.json()["entries"]) == limit
        assert page.headers["Cache-Control"] == "public, s-maxage=1"
        again = await api.client.get(
            "/api/v1/boards/dense/top", params={"limit": limit}, headers={"If-None-Match": page.headers["ETag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
    ada = await register(api.client)
    private = await ada.get("/api/v1/boards/hidden/top")
    assert private.headers["Cache-Control"] == "private, no-cache"
    default = (await api.client.get("/api/v1/leaderboard/top")).json()
    assert default["board"] == "main"


async def test_a_change_below_the_boards_own_size_is_seen_in_a_longer_top(api: Api) -> None:
    people = [await register(api.client) for _ in range(13)]
    for n, person in enumerate(people):
        await person.score("lap", points=100 + n)
    assert (await api.platform.catalog.board("fastest")).size == 10
    first = await read_top(api.platform, "fastest", 13)
    assert [entry.score for entry in first.page.entries] == list(range(100, 113))
    await people[12].score("lap", points=111)
    second = await read_top(api.platform, "fastest", 13)
    assert [entry.score for entry in second.page.entries] == [*range(100, 112), 111]
    assert second.page.seq == first.page.seq  # what the board publishes did not move


async def test_an_empty_board(api: Api) -> None:
    ada = await register(api.client)
    page = (await ada.get("/api/v1/boards/hidden/entries")).json()
    assert (page["entries"], page["total"], page["next_cursor"]) == ([], 0, None)
    assert (await ada.get("/api/v1/boards/hidden/top")).json()["entries"] == []
    assert (await ada.post("/api/v1/boards/hidden/lookup", {"player_ids": [ada.id]})).json()["entries"] == []
    for path in ("me", "around"):
        assert (await ada.get(f"/api/v1/boards/hidden/{path}")).json()["code"] == "NOT_FOUND"


async def test_private_boards_are_for_members(api: Api) -> None:
    ada = await register(api.client)
    listed = {board["key"] for board in (await api.client.get("/api/v1/boards")).json()["items"]}
    assert "hidden" not in listed
    assert "hidden" in {board["key"] for board in (await ada.get("/api/v1/boards")).json()["items"]}
    await ada.score("secret")
    assert (await ada.get("/api/v1/boards/hidden/entries")).json()["entries"][0]["username"] == ada.username
    for path in ("", "/top", "/entries", "/seasons", "/around", f"/around?player_id={ada.id}"):
        assert (await api.client.get(f"/api/v1/boards/hidden{path}")).status_code == 401
    assert (await api.client.post("/api/v1/boards/hidden/lookup", json={"player_ids": [ada.id]})).status_code == 401


@pytest.mark.parametrize("name", NAMES)
async def test_names_of_any_script_come_through(api: Api, name: str) -> None:
    person = await register(api.client, name)
    await person.score("match", points=100)
    for params in ({}, {"limit": 100}):
        entries = (await api.client.get("/api/v1/boards/main/entries", params=params)).json()["entries"]
        assert name in [entry["username"] for entry in entries]
    assert (await person.get("/api/v1/boards/main/me")).json()["username"] == name
    view = await api.client.post("/api/v1/boards/main/lookup", json={"player_ids": [person.id]})
    assert view.json()["entries"][0]["username"] == name


async def test_a_history_pages_backwards(api: Api) -> None:
    ada = await register(api.client)
    for n in range(7):
        await ada.post("/api/v1/scores/update", {"action_id": f"h{n}", "kind": "tap"})
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = (await ada.get("/api/v1/players/me/history", limit=3, **({"cursor": cursor} if cursor else {}))).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [item["scores"][0]["current"] for item in seen] == [7, 6, 5, 4, 3, 2, 1]
    assert [item["scores"][0]["previous"] for item in seen] == [6, 5, 4, 3, 2, 1, None]
    assert (await ada.get(f"/api/v1/players/{ada.id}/history")).json()["items"] == seen


async def test_kinds_and_boards_are_described(api: Api) -> None:
    kinds = {kind["key"]: kind for kind in (await api.client.get("/api/v1/action-kinds")).json()["items"]}
    assert kinds["quiz"]["points"] == 10
    assert (kinds["match"]["points"], kinds["match"]["min_points"], kinds["match"]["max_points"]) == (None, -100, 100)
    assert (kinds["daily"]["cooldown_s"], kinds["tap"]["direct"], kinds["once"]["once"]) == (60, True, True)
    board = (await api.client.get("/api/v1/boards/fastest")).json()
    assert (board["order"], board["operator"], board["rank_style"]) == ("asc", "best", "ordinal")
    assert board["season"]["name"] == "All time"
    assert isinstance(await api.platform.catalog.board("main"), Board)


async def test_profiles(api: Api, crowd: list[dict[str, Any]]) -> None:
    ada, bob = await register(api.client), await register(api.client)
    me = (await ada.get("/api/v1/players/me")).json()
    assert (me["id"], me["username"], me["role"], me["status"]) == (ada.id, ada.username, "player", "active")
    seen: Person = bob
    assert (await seen.get(f"/api/v1/players/{ada.id}")).json() == me
    assert "email" not in me
