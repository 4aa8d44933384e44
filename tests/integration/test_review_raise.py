"""Cases are opened and extended in the transaction of whatever noticed something."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from scoreboard.domain.events import Verdict
from scoreboard.domain.review import CaseSource
from tests.conftest import Api
from tests.integration.reviewing import NOW, is_holding, raised, suspect
from tests.stage import register


async def case_rows(api: Api, player: str) -> Sequence[tuple[object, ...]]:
    rows = await api.sql(
        "SELECT verdict, source, status, due_at, auto_release, updated_at, (SELECT array_agg(e.signal ORDER BY e.id)"
        " FROM suspicion_events e WHERE e.case_id = c.id) FROM review_cases c WHERE player_id = CAST(:id AS uuid)"
        " ORDER BY opened_at",
        id=player,
    )
    return [tuple(row) for row in rows]


async def test_a_flag_opens_one_case_and_more_evidence_extends_it(api: Api) -> None:
    ada = (await register(api.client)).id
    first = await raised(api, suspect(ada, Verdict.FLAG, "regular"), now=NOW)
    assert not await is_holding(api, ada)
    later = NOW + timedelta(hours=5)
    second = await raised(api, suspect(ada, Verdict.HOLD, "loop", source=CaseSource.MODEL, keep=True), now=later)
    assert first == second
    assert await is_holding(api, ada)
    assert await case_rows(api, ada) == [
        ("hold", "model", "open", later + timedelta(days=1), False, later, ["regular", "loop"])
    ]
    await raised(api, suspect(ada, Verdict.FLAG, "regular"), now=later + timedelta(hours=1))
    [row] = await case_rows(api, ada)
    assert row[:2] == ("hold", "model")
    assert row[3] == later + timedelta(days=1)  # no graver: no more time


async def test_many_suspects_at_once_and_one_of_them_twice(api: Api) -> None:
    people = [(await register(api.client)).id for _ in range(3)]
    found = await raised(
        api,
        *(suspect(who, Verdict.FLAG, "regular") for who in people),
        suspect(people[0], Verdict.SUSPEND, "impossibly_fast", "loop"),
    )
    assert set(found) == {UUID(who) for who in people}
    assert [row[0] for who in people for row in await case_rows(api, who)] == ["suspend", "flag", "flag"]
    assert (await case_rows(api, people[0]))[0][6] == ["regular", "impossibly_fast", "loop"]
    assert [await is_holding(api, who) for who in people] == [True, False, False]


async def test_nobody_is_raised_for_nothing(api: Api) -> None:
    assert await raised(api) == {}


async def test_of_many_who_notice_at_once_all_find_the_same_case(api: Api) -> None:
    ada = (await register(api.client)).id
    found = await asyncio.gather(*(raised(api, suspect(ada, Verdict.FLAG, f"signal-{n}")) for n in range(8)))
    assert len({case for one in found for case in one.values()}) == 1
    [row] = await case_rows(api, ada)
    assert isinstance(row[6], list)
    assert len(row[6]) == 8
