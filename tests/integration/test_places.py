"""Places that are asked for in the same moment: everybody gets the own answer, and the stores are asked once."""

import asyncio
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Look
from scoreboard.live.around import Around
from scoreboard.usecases.read_board import BoardView
from scoreboard.usecases.read_places import OwnPlace, Place, read_own_places, read_places_around
from tests.conftest import Api
from tests.stage import Person, register
from tests.store_calls import store_calls

NOBODY = UUID(int=1)


async def players(api: Api) -> list[Person]:
    found = [await register(api.client) for _ in range(3)]
    for points, player in zip((5, 9, 7), found, strict=True):
        await player.score("match", points=points)
    await api.wiring.marker.finish()
    return found


async def test_each_gets_the_own_place_and_a_wrong_question_only_the_own_refusal(api: Api) -> None:
    ada, bob, _ = await players(api)
    main, unknown = Place("main", None, Look()), Place("no-such-board", None, Look())
    asked = [(main, UUID(bob.id)), (unknown, UUID(bob.id)), (main, NOBODY), (main, UUID(ada.id)), (main, UUID(bob.id))]
    answers = await read_own_places(api.platform, asked)
    codes = [answer.code if isinstance(answer, Refusal) else None for answer in answers]
    assert codes == [None, ErrorCode.NOT_FOUND, ErrorCode.NOT_FOUND, None, None]
    scores = [answer.own.score for answer in answers if isinstance(answer, OwnPlace)]
    assert scores == [9, 5, 9]


async def test_each_gets_the_places_around_the_own_player(api: Api) -> None:
    ada, bob, eve = await players(api)
    main = Place("main", None, Look())
    centres = [(UUID(ada.id), 0), (NOBODY, 5), (UUID(eve.id), 1), (UUID(bob.id), 0)]
    views = await read_places_around(api.platform, [(main, Around(*centre)) for centre in centres])
    shown = [
        [str(entry.player_id) for entry in view.page.entries] if isinstance(view, BoardView) else [] for view in views
    ]
    assert shown[0] == [ada.id]
    assert shown[1] == []
    assert eve.id in shown[2]
    assert len(shown[2]) == 3
    assert shown[3] == [bob.id]


async def test_who_asks_in_the_same_moment_shares_the_calls(api: Api) -> None:
    """What comes while a batch is under way makes the next one: two batches at most, whatever their number."""
    found = await players(api)
    asked = [(Place("main", None, Look()), UUID(player.id)) for player in found] * 20
    with store_calls(api.platform) as calls:
        answers = await asyncio.gather(*(api.wiring.own_places.submit(one) for one in asked))
        around = [(place, Around(player, 2)) for place, player in asked]
        views = await asyncio.gather(*(api.wiring.arounds.submit(one) for one in around))
    assert [answer.own.score for answer in answers] == [5, 9, 7] * 20
    assert all(
        str(player) in {str(entry.player_id) for entry in view.page.entries}
        for view, (_, player) in zip(views, asked, strict=True)
    )
    assert calls == ["read_players", "postgres", "read_around"]
