"""More is held of a player than is added up: it is counted all the same, and nobody's request suffers from it."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio

from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.errors import Refusal
from scoreboard.domain.events import Verdict
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.completion_answers import Completion
from tests.amending import hold
from tests.conftest import Api, open_api
from tests.integration.reviewing import check_case, decided, moderator, raised, suspect
from tests.refusals import check
from tests.stage import Stores, register


@pytest_asyncio.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, SCOREBOARD_HELD_COUNTED="3", SCOREBOARD_HELD_ACTIONS_LIMIT="6") as opened:
        yield opened


async def test_one_held_player_breaks_no_batch(api: Api) -> None:
    """Everything that is read of the held player is of another board; both requests are answered."""
    ada, bob = UUID((await register(api.client)).id), UUID((await register(api.client)).id)
    await raised(api, suspect(str(ada), Verdict.HOLD, "regular_intervals"))
    for _ in range(4):
        await hold(api.platform, ada, "huge", 5)
    requests = [CompletionRequest(who, new_id(), b"x", client_id=f"tap-{who}", kind_key="tap") for who in (ada, bob)]
    held, counted = await complete_actions(api.platform, requests, api.wiring.marker)
    assert isinstance(held, Completion)
    assert isinstance(counted, Completion)
    assert (held.verdict, counted.verdict) == ("hold", "allow")
    [place] = held.places
    assert place.provisional is not None
    assert (place.provisional.score, place.provisional.rank) == (None, None)
    assert counted.places[0].rank_current == 1


async def test_what_is_not_read_is_unknown_and_not_nothing(api: Api) -> None:
    ada = await register(api.client)
    await raised(api, suspect(ada.id, Verdict.HOLD, "regular_intervals"))
    check(await ada.get("/api/v1/boards/main/me"), "NOT_FOUND")
    for _ in range(3):
        await hold(api.platform, UUID(ada.id), "huge", 5)
    dense = (await ada.get("/api/v1/boards/dense/me")).json()
    assert dense["pending"] == {"actions": 3, "points": 15, "score": 15, "rank": 1}
    await hold(api.platform, UUID(ada.id), "tap", 1)
    await hold(api.platform, UUID(ada.id), "tap", 1)
    main = (await ada.get("/api/v1/boards/main/me")).json()
    assert main["pending"] == {"actions": 2, "points": 2, "score": None, "rank": None}
    dense = (await ada.get("/api/v1/boards/dense/me")).json()
    assert dense["pending"] == {"actions": 3, "points": 15, "score": None, "rank": None}
    check(await ada.get("/api/v1/boards/fastest/me"), "NOT_FOUND")


async def test_no_more_is_held_than_people_can_look_at(api: Api) -> None:
    mia, ada = await moderator(api), await register(api.client)
    case = (await raised(api, suspect(ada.id, Verdict.HOLD, "regular_intervals")))[UUID(ada.id)]
    begun = await ada.begin("quiz")
    for _ in range(4):
        await hold(api.platform, UUID(ada.id), "tap", 1)
    requests = [
        CompletionRequest(UUID(ada.id), new_id(), b"x", client_id=f"tap-{number}", kind_key="tap")
        for number in range(3)
    ]
    *held, refused = await complete_actions(api.platform, requests, api.wiring.marker)
    assert [one.verdict for one in held if isinstance(one, Completion)] == ["hold", "hold"]
    assert isinstance(refused, Refusal)
    assert refused.code == "ACTION_LIMIT"
    told = check(await ada.complete(begun), "ACTION_LIMIT")
    assert told["retry_after"] == 3600
    assert await api.sql("SELECT 1 FROM review_cases WHERE status = 'open' AND verdict <> 'hold'") == []
    check_case(await decided(mia, str(case), "reject"))
    assert (await ada.complete(begun)).status_code == 200
