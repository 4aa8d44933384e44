"""How many players act from one address at a time, as one process sees it."""

from uuid import UUID

from scoreboard_api.crowds import Crowds
from tests.stage import make_keys, settings_from

URLS = {"DATABASE_URL": "postgresql://u:p@127.0.0.1/x", "REDIS_URL": "redis://127.0.0.1"}


def crowds(**settings: str) -> Crowds:
    return Crowds(settings_from({**make_keys(), **URLS, **settings}))


async def test_players_of_one_address_are_counted_once_each() -> None:
    seen = crowds()
    assert [seen.count("192.0.2.1", UUID(int=number)) for number in (1, 2, 1, 3)] == [1, 2, 2, 3]
    assert seen.count("192.0.2.2", UUID(int=4)) == 1
    assert seen.count(None, UUID(int=4)) == 0


async def test_an_address_of_very_many_is_a_providers() -> None:
    seen = crowds()
    counts = [seen.count("192.0.2.1", UUID(int=number)) for number in range(500)]
    assert max(counts) == 199
    assert set(counts[199:]) == {0}


async def test_who_acted_long_ago_is_not_there_any_more() -> None:
    seen = crowds(SCOREBOARD_ADDRESS_WINDOW="0.000001")
    assert [seen.count("192.0.2.1", UUID(int=number)) for number in range(5)] == [1] * 5


async def test_memory_is_bounded() -> None:
    seen = crowds(SCOREBOARD_ADDRESS_MEMORY="16")
    for number in range(100):
        assert seen.count(f"address {number}", UUID(int=number)) == 1
    assert seen.count("address 99", UUID(int=1)) == 2
    assert seen.count("address 1", UUID(int=1)) == 1
