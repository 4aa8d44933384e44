"""Beginning an action: what the reply says, and what is kept."""

import asyncio
from datetime import datetime, timedelta

from scoreboard.domain.action import ActionKind
from scoreboard.security import action_token
from scoreboard.usecases.configure import configure
from tests.conftest import Api
from tests.stage import register


async def test_what_a_begun_action_says(api: Api) -> None:
    ada = await register(api.client)
    reply = await ada.post("/api/v1/actions", {"kind": "match"})
    begun = reply.json()
    assert reply.status_code == 201
    assert reply.headers["Location"] == begun["links"]["self"] == f"/api/v1/actions/{begun['action_id']}"
    assert reply.headers["Cache-Control"] == "no-store"
    assert (begun["kind"], begun["kind_version"], begun["status"]) == ("match", 1, "created")
    assert (begun["expected_points"], begun["min_points"], begun["max_points"]) == (None, -100, 100)
    created, expires = (datetime.fromisoformat(begun[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(seconds=600)
    token = action_token.read(api.platform.action_token_key, begun["action_token"])
    assert (str(token.action_id), str(token.player_id), token.kind_version) == (begun["action_id"], ada.id, 1)
    fixed = await ada.begin("quiz")
    assert (fixed["expected_points"], fixed["min_points"], fixed["max_points"]) == (10, 10, 10)
    assert (await ada.begin("slow"))["min_duration_s"] == 60
    brief = await ada.begin("brief")
    left = datetime.fromisoformat(brief["expires_at"]) - datetime.fromisoformat(brief["created_at"])
    assert left == timedelta(seconds=1)


async def test_its_state_is_read_back(api: Api) -> None:
    ada = await register(api.client)
    begun = await ada.begin("match")
    path = begun["links"]["self"]
    state = (await ada.get(path)).json()
    assert (state["status"], state["points"], state["completed_at"]) == ("created", None, None)
    await ada.complete(begun, points=4)
    state = (await ada.get(path)).json()
    assert (state["status"], state["points"]) == ("completed", 4)
    assert state["completed_at"] >= state["created_at"]


async def test_many_at_once_are_many(api: Api) -> None:
    ada = await register(api.client)
    begun = await asyncio.gather(*(ada.begin("quiz") for _ in range(50)))
    assert len({one["action_id"] for one in begun}) == 50
    replies = await asyncio.gather(*(ada.complete(one) for one in begun))
    assert sorted(reply.json()["score"]["current"] for reply in replies) == [10 * n for n in range(1, 51)]


async def test_a_kind_keeps_the_version_under_which_it_was_begun(api: Api) -> None:
    ada = await register(api.client)
    begun = await ada.begin("quiz")
    dearer = ActionKind("quiz", "Quiz", points=20, boards=("main",))
    await configure(api.platform, [], [dearer], managed_by="test")
    assert (await ada.complete(begun)).json()["points"] == 10
    later = await ada.begin("quiz")
    assert (later["kind_version"], later["expected_points"]) == (2, 20)
    assert (await ada.complete(later)).json()["points"] == 20
