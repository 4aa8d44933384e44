"""Two processes commit one after the other and announce in another order: nobody is shown the older score last."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.contract.conftest import Stage
from tests.contract.live_clients import PlainClient
from tests.stage import Service, free_port, patient


@pytest_asyncio.fixture
async def silent(stage: Stage) -> AsyncIterator[Stage]:
    """The same place as an API process has it that dies right after each commit: Redis hears nothing of it."""
    nowhere = {**stage.environment, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    platform = open_platform(patient(nowhere), application="test-silent")
    marker = OutboxMarker(platform)
    yield Stage(nowhere, platform, stage.sign_in, marker, stage.played)
    await marker.finish()
    await platform.close()


async def standing(client: PlainClient, board: str) -> int | None:
    """The score that a fresh standing tells, whatever else comes before it but scores."""
    message: dict[str, Any] = {"type": ""}
    while message["type"] != "standing.initial":
        message = await client.hear()
        assert message["type"] != "score.update", message
    [score] = [each["score"] for each in message["data"]["standings"] if each["board"] == board]
    return score  # type: ignore[no-any-return]


async def score_update(client: PlainClient) -> dict[str, int]:
    message: dict[str, Any] = {"type": ""}
    while message["type"] != "score.update":
        message = await client.hear()
    return message["data"]["score"]  # type: ignore[no-any-return]


async def join(client: PlainClient, token: str, board: str, **more: Any) -> None:
    await client.open(token)
    await client.hear("auth.ok")
    await client.say({"type": "subscribe", "channels": [f"board:{board}", "me"], **more})


async def test_an_own_score_that_was_announced_late_brings_a_fresh_standing(
    realtime: Service, stage: Stage, silent: Stage
) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 1)
    client = PlainClient(realtime.url)
    await join(client, ada.token, board)
    assert await standing(client, board) == 1

    await silent.score(ada, board, 10)
    await stage.score(ada, board, 100)
    assert await standing(client, board) == 111, "the 10 are missing, so what is known is read"
    while await sweep_outbox(stage.platform, older_than=0):
        pass
    assert await standing(client, board) == 111, "the 10 come, and do not take the 100 away"

    await stage.score(ada, board, 1000)
    assert await score_update(client) == {"previous": 111, "current": 1111}
    await client.leave()


async def test_who_resumes_before_a_late_score_gets_a_fresh_standing_too(
    realtime: Service, stage: Stage, silent: Stage
) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 1)
    client = PlainClient(realtime.url)
    await join(client, ada.token, board)
    message = await client.hear()
    while message["type"] != "standing.initial":
        message = await client.hear()
    since = {"me": {"epoch": message["epoch"], "seq": message["seq"]}}
    await client.leave()

    await stage.score(ada, board, 10)
    await silent.score(ada, board, 100)
    await stage.score(ada, board, 1000)
    while await sweep_outbox(stage.platform, older_than=0):
        pass
    again = PlainClient(realtime.url)
    await join(again, ada.token, board, since=since)
    assert await standing(again, board) == 1111
    await again.leave()
