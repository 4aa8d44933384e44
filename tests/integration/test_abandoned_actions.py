"""Attempts that nobody finished are forgotten; whatever was completed stays."""

import pytest

from scoreboard.usecases.forget_abandoned_actions import AbandonedActions
from scoreboard.usecases.roll_up_activity import ActivityRollUp
from tests.conftest import Api
from tests.stage import register


async def actions(api: Api, player: str) -> dict[str, str]:
    rows = await api.sql("SELECT id, status FROM actions WHERE player_id = CAST(:player AS uuid)", player=player)
    return {str(row[0]): row[1] for row in rows}


async def age(api: Api, action_id: str, hours: float) -> None:
    await api.sql(
        "UPDATE actions SET created_at = created_at - make_interval(secs => :age),"
        " expires_at = expires_at - make_interval(secs => :age) WHERE id = CAST(:id AS uuid)",
        age=hours * 3600,
        id=action_id,
    )


async def test_only_what_can_never_count_any_more_is_forgotten(api: Api) -> None:
    ada = await register(api.client)
    begun = [(await ada.begin("quiz"))["action_id"] for _ in range(3)]
    done = (await ada.score("quiz"))["action_id"]
    for action_id, hours in zip([*begun, done], (23.9, 24.1, 160, 30), strict=True):
        await age(api, action_id, hours)
    await ActivityRollUp(api.platform).run()  # nothing is forgotten that is not counted
    walk = AbandonedActions(api.platform)
    assert await walk.run() == 2
    assert await actions(api, ada.id) == {begun[0]: "created", done: "completed"}
    assert await walk.run() == 0


@pytest.mark.parametrize(("kind", "status", "token"), [("quiz", "created", "active"), ("brief", "expired", "expired")])
async def test_a_player_sees_what_became_of_the_token(api: Api, kind: str, status: str, token: str) -> None:
    ada = await register(api.client)
    begun = (await ada.begin(kind))["action_id"]
    if kind == "brief":
        await age(api, begun, 1)
    shown = (await ada.get(f"/api/v1/actions/{begun}")).json()
    assert (shown["status"], shown["token"]) == (status, token)


async def test_a_completed_action_has_consumed_its_token(api: Api) -> None:
    ada = await register(api.client)
    done = (await ada.score("quiz"))["action_id"]
    shown = (await ada.get(f"/api/v1/actions/{done}")).json()
    assert (shown["status"], shown["token"]) == ("completed", "consumed")
