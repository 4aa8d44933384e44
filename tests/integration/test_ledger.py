"""The checker itself: it sees every kind of harm that it is there to see."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Api, open_api
from tests.ledger_check import check_ledger
from tests.stage import Stores, register


@pytest.fixture
async def played(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores) as api:
        people = [await register(api.client) for _ in range(3)]
        for n in range(4):
            for person in people:
                await person.score("match", points=n)
                await person.post("/api/v1/scores/update", {"action_id": f"a{n}", "kind": "tap"})
        await check_ledger(api.platform)
        yield api


HARM = {
    "points of an entry": "UPDATE ledger SET points = points + 1 WHERE seq = 3",
    "a total of an entry": "UPDATE ledger SET current[1] = 99 WHERE seq = 3",
    "the player of an entry": "UPDATE ledger SET player_id = gen_random_uuid() WHERE seq = 3",
    "a missing entry": "DELETE FROM ledger WHERE seq = 3",
    "the newest entry gone": "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)",
    "a forged hash": "UPDATE ledger SET hash = sha256('x') WHERE seq = 3",
    "the head": "UPDATE ledger_head SET seq = seq + 1",
    "a score": "UPDATE scores SET score = score + 1 WHERE ctid = (SELECT min(ctid) FROM scores)",
    "a lost score": "DELETE FROM scores WHERE ctid = (SELECT min(ctid) FROM scores)",
    "a moment": "UPDATE scores SET reached_at = now() WHERE ctid = (SELECT min(ctid) FROM scores)",
    "a version": "UPDATE scores SET version = version + 1 WHERE ctid = (SELECT min(ctid) FROM scores)",
    "an action reopened": "UPDATE actions SET status = 'created' WHERE ledger_seq = 3",
    "an action closed": "INSERT INTO actions (id, player_id, kind_key, kind_version, status, created_at, expires_at)"
    " SELECT gen_random_uuid(), player_id, 'tap', 1, 'completed', now(), now() FROM actions LIMIT 1",
    "a usage": "UPDATE player_kinds SET completed = completed + 1",
    "a key": "DELETE FROM ledger_keys WHERE seq = 3",
}


@pytest.mark.parametrize("harm", HARM)
async def test_harm_is_seen(played: Api, harm: str) -> None:
    await played.sql("ALTER TABLE ledger DISABLE TRIGGER ALL")
    await played.sql(HARM[harm])
    with pytest.raises(AssertionError):
        await check_ledger(played.platform)


async def test_an_acknowledged_score_that_is_missing_is_seen(played: Api) -> None:
    ada = await register(played.client)
    done = await ada.score("quiz")
    await check_ledger(played.platform, [done])
    with pytest.raises((AssertionError, KeyError)):
        await check_ledger(played.platform, [{**done, "points": 11}])
    with pytest.raises((AssertionError, KeyError)):
        await check_ledger(played.platform, [{**done, "action_id": "nothing"}])
