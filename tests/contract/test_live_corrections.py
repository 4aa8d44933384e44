"""A correction as watchers and its player hear it, over both transports."""

from typing import Any
from uuid import UUID

from scoreboard.domain.correction import Scope
from scoreboard.domain.events import EntryType
from scoreboard.domain.player import Role
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.correction_views import CorrectionView
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.undo_correction import undo_correction
from tests.amending import amend, hold
from tests.contract.conftest import Stage
from tests.contract.live_clients import LiveClient
from tests.contract.test_live_protocol import Connect, client_of  # noqa: F401 - a fixture
from tests.stage import Service


async def correct(stage: Stage, scope: Scope, by: UUID) -> CorrectionView:
    seen = await preview_correction(stage.platform, scope)
    return await apply_correction(stage.platform, Wanted(scope, "secret", seen.digest), Actor(by, Role.MODERATOR))


async def watch(client: LiveClient, channel: str) -> list[dict[str, Any]]:
    """Listen to a board; what it shows."""
    await client.open()
    await client.say({"type": "subscribe", "channels": [channel]})
    await client.hear("subscribed")
    entries: list[dict[str, Any]] = (await client.hear("leaderboard.initial"))["data"]
    return entries


async def attend(client: LiveClient, token: str) -> None:
    """Listen to one's own news."""
    await client.open(token)
    await client.hear("auth.ok")
    await client.say({"type": "subscribe", "channels": ["me"]})
    await client.hear("subscribed")
    await client.hear("standing.initial")


async def news(client: LiveClient, type_: str) -> dict[str, Any]:
    """The next message of a type, whatever else the change of the board brings: a frame may come before it."""
    while True:
        message = await client.hear(type_, "rank.change", "leaderboard.update", within=2)
        if message["type"] == type_:
            return message


async def test_watchers_hear_of_a_correction_and_then_see_it(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, other = await stage.board(), await stage.board()
    ada, bob, moderator = await stage.player("ada"), await stage.player("bob"), await stage.player("mo")
    await stage.score(ada, board, 9)
    await stage.score(bob, board, 5)
    season = await stage.season_id(board)
    watcher, elsewhere, owner = (client_of(realtime) for _ in range(3))
    await watch(watcher, f"board:{board}")
    await watch(elsewhere, f"board:{other}")
    await attend(owner, ada.token)

    made = await correct(stage, Scope(player_id=ada.id), moderator.id)
    told = await news(watcher, "correction")
    assert (told["meta"], told["channel"], told["season"]) == ({"code": 200}, f"board:{board}", season)
    assert told["data"] == {
        "correction_id": str(made.id),
        "number": made.number,
        "undone": False,
        "boards": [{"board": board, "season": season, "players": 1}],
    }
    after = await news(watcher, "leaderboard.initial")
    assert [(entry["username"], entry["score"]) for entry in after["data"]] == [(bob.name, 5)]
    lost = await news(owner, "correction")
    assert lost["channel"] == "me"
    assert (lost["data"]["status"], lost["data"]["undone"], lost["data"]["points"]) == ("voided", False, 9)
    assert lost["data"]["score"] == {"previous": 9, "current": None}
    assert lost["data"]["rank"] == {"previous": 1, "current": None}
    assert "secret" not in str((told, lost))

    await undo_correction(stage.platform, made.id, "secret", Actor(moderator.id, Role.MODERATOR))
    told = await news(watcher, "correction")
    assert (told["data"]["undone"], told["data"]["number"]) == (True, made.number)
    after = await news(watcher, "leaderboard.initial")
    assert [(entry["username"], entry["score"]) for entry in after["data"]] == [(ada.name, 9), (bob.name, 5)]
    back = await news(owner, "correction")
    assert (back["data"]["status"], back["data"]["undone"]) == ("completed", True)
    assert back["data"]["score"] == {"previous": None, "current": 9}
    assert await elsewhere.silence() == []


async def test_release_and_rejection_are_told_to_their_player(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, ada = await stage.board(), await stage.player("ada")
    held, bad = [await hold(stage.platform, ada.id, board, points) for points in (7, 3)]
    watcher, owner = client_of(realtime), client_of(realtime)
    assert await watch(watcher, f"board:{board}") == []
    await attend(owner, ada.token)
    await amend(stage.platform, EntryType.RELEASED, held)
    told = await news(owner, "score.update")
    assert (told["data"]["action_id"], told["data"]["status"]) == (str(held), "completed")
    assert (told["data"]["verdict"], told["data"]["entry_type"]) == ("allow", "released")
    assert told["data"]["score"] == {"previous": None, "current": 7}
    assert told["data"]["rank"] == {"previous": None, "current": 1}
    seen = await watcher.hear("leaderboard.update", within=2)
    assert [entry["score"] for entry in seen["data"]] == [7]
    await amend(stage.platform, EntryType.REJECTED, bad)
    told = await news(owner, "score.update")
    assert (told["data"]["action_id"], told["data"]["status"]) == (str(bad), "rejected")
    assert told["data"]["score"] == {"previous": 7, "current": 7}


async def test_a_closed_seasons_watchers_hear_of_it_too(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, ada, moderator = await stage.board(), await stage.player("ada"), await stage.player("mo")
    await stage.score(ada, board, 9)
    season = await stage.season_id(board)
    await stage.close_season(board)
    watcher = client_of(realtime)
    assert [entry["score"] for entry in await watch(watcher, f"board:{board}@{season}")] == [9]
    await correct(stage, Scope(player_id=ada.id), moderator.id)
    told = await news(watcher, "correction")
    assert (told["channel"], told["season"]) == (f"board:{board}@{season}", season)
    assert (await news(watcher, "leaderboard.initial"))["data"] == []
