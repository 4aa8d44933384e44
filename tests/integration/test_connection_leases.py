"""Live connections in Redis: counted over all processes that live, given back, and those of a dead process not."""

import asyncio
import random
from collections import Counter, defaultdict
from uuid import UUID

import pytest

from scoreboard.live import keys, registry, sessions
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.live.registry import KEPT, Admitted, Entrant
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.platform import Platform
from scoreboard_realtime.leases import Leases
from tests.stage import until

ADA, BOB = new_id(), new_id()
HERE, THERE = "10.0.0.1", "10.0.0.2"


@pytest.fixture
async def pods(platform: Platform) -> tuple[Leases, Leases]:
    """Two processes that live."""
    found = Leases(platform), Leases(platform)
    for each in found:
        await each.renew()
    return found


async def counted(leases: Leases, *entrants: Entrant) -> list[tuple[int, int]]:
    """All at once, as in a storm; in the order in which they came."""
    found = await asyncio.gather(*(leases.take(one) for one in entrants))
    assert None not in found
    return [(one.of_player, one.of_address) for one in found if one is not None]


async def test_everybody_is_counted_by_player_and_by_address_over_all_processes(pods: tuple[Leases, Leases]) -> None:
    one, other = pods
    assert await counted(one, Entrant("c1", HERE), Entrant("c2", HERE, ADA)) == [(0, 1), (1, 2)]
    some = [Entrant("c3", THERE, ADA), Entrant("c4", THERE, BOB), Entrant("c5", HERE, BOB)]
    assert await counted(other, *some) == [(2, 1), (1, 2), (2, 3)]
    assert await counted(one, Entrant("c6", HERE, BOB)) == [(3, 4)]


async def test_a_connection_that_comes_again_is_one(pods: tuple[Leases, Leases]) -> None:
    """A spectator logs in: the same connection has a player now."""
    assert await counted(pods[0], Entrant("c1", HERE)) == [(0, 1)]
    assert await counted(pods[0], Entrant("c1", HERE, ADA)) == [(1, 1)]


async def test_what_is_given_back_counts_no_more(platform: Platform, pods: tuple[Leases, Leases]) -> None:
    one, other = pods
    await counted(one, Entrant("c1", HERE, ADA), Entrant("c2", HERE, ADA))
    await counted(other, Entrant("c3", HERE, ADA))
    one.drop("c1")
    await one.give_back()
    assert await registry.count(platform.live, ADA, HERE) == (2, 2)
    await one.end()
    assert await registry.count(platform.live, ADA, HERE) == (1, 1)
    other.drop("c3")
    await other.give_back()
    assert not await platform.live.redis.exists(keys.connections(ADA), keys.address_connections(HERE))


async def test_what_a_dead_process_held_counts_no_more(platform: Platform) -> None:
    """Everybody comes back after a crash, and nobody is refused for what died with it."""
    one, other = Leases(platform), Leases(platform)
    await registry.beat(platform.live, one._process, 1)  # and never again
    await other.renew()
    limit = platform.settings.sockets_per_player
    assert await counted(one, *(Entrant(f"c{n}", HERE, ADA) for n in range(limit))) == [
        (n, n) for n in range(1, limit + 1)
    ]

    async def lapsed() -> bool:
        return await registry.count(platform.live, ADA, HERE) == (0, 0)

    await until(lapsed, within=10, what="the silent process counting as dead")
    assert await counted(other, *(Entrant(f"d{n}", HERE, ADA) for n in range(limit))) == [
        (n, n) for n in range(1, limit + 1)
    ]
    assert 0 < await platform.live.redis.ttl(keys.connections(ADA)) <= KEPT


async def test_who_was_taken_for_dead_tells_all_it_has(platform: Platform, pods: tuple[Leases, Leases]) -> None:
    """Redis lost everything, or the process could not reach it for long: others have forgotten it."""
    one, other = pods
    await counted(one, Entrant("c1", HERE, ADA), Entrant("c2", HERE))
    await platform.live.redis.flushdb()
    assert await counted(other, Entrant("c3", HERE, ADA)) == [(1, 1)]
    await one.renew()
    await other.renew()
    assert await registry.count(platform.live, ADA, HERE) == (2, 3)


async def test_what_an_older_copy_of_redis_says_of_a_process_counts_no_more(
    platform: Platform, pods: tuple[Leases, Leases]
) -> None:
    """A restart from a snapshot, or a replica that was behind: it names a connection that has ended since."""
    one = pods[0]
    await counted(one, Entrant("c1", HERE, ADA), Entrant("c2", HERE, ADA))
    one.drop("c1")
    one._gone.clear()  # that was told to the server that is gone
    one._server = "the server that is gone"
    await one.renew()
    assert await registry.count(platform.live, ADA, HERE) == (1, 1)


async def test_who_comes_with_a_session_that_ended_is_told(pods: tuple[Leases, Leases], platform: Platform) -> None:
    ended, alive = new_id(), new_id()
    await sessions.mark_revoked(platform.live, [ended], "banned", 60)
    entrants = [Entrant("c1", HERE, ADA, ended), Entrant("c2", HERE, BOB, alive), Entrant("c3", HERE)]
    found = await asyncio.gather(*(pods[0].take(one) for one in entrants))
    assert found == [Admitted(1, 1, True, "banned"), Admitted(1, 2, True, None), Admitted(0, 3, True, None)]


async def test_a_server_that_forgot_its_sessions_says_so(platform: Platform, pods: tuple[Leases, Leases]) -> None:
    """Then only Postgres can tell."""
    await platform.live.redis.delete(keys.REVOCATIONS)
    found = await pods[0].take(Entrant("c1", HERE, ADA, new_id()))
    assert found is not None
    assert (found.knows_sessions, found.ended) == (False, None)


async def test_one_that_ends_while_it_comes_keeps_no_place(platform: Platform, pods: tuple[Leases, Leases]) -> None:
    one = pods[0]
    coming = [asyncio.create_task(one.take(Entrant(f"c{n}", HERE, ADA))) for n in range(4)]
    await asyncio.sleep(0)
    one.drop("c0")
    coming[1].cancel()
    await asyncio.gather(*coming, return_exceptions=True)
    one.drop("c2")
    await one.give_back()
    assert await registry.count(platform.live, ADA, HERE) == (1, 1)


async def test_what_could_not_be_told_is_told_later(platform: Platform, pods: tuple[Leases, Leases]) -> None:
    one = pods[0]
    await counted(one, Entrant("c1", HERE, ADA), Entrant("c2", HERE, ADA))
    await platform.live.redis.config_set("maxmemory", 1)
    try:
        one.drop("c1")
        with pytest.raises(LiveUnavailable):
            await registry.tell(platform.live, "p", {HERE: 1})
    finally:
        await platform.live.redis.config_set("maxmemory", 0)

    async def told() -> bool:
        try:
            await one.give_back()
        except LiveUnavailable:  # the pause after a failure
            return False
        return await registry.count(platform.live, ADA, HERE) == (1, 1)

    await until(told, within=5)


async def renewed(leases: Leases) -> bool:
    """Redis is left alone for a moment after a call that failed."""
    try:
        await leases.renew()
    except LiveUnavailable:
        return False
    return True


async def test_who_came_while_redis_took_nothing_is_told_afterwards(
    platform: Platform, pods: tuple[Leases, Leases]
) -> None:
    one, other = pods
    await platform.live.redis.config_set("maxmemory", 1)
    try:
        assert await one.take(Entrant("c1", HERE, ADA)) is None
    finally:
        await platform.live.redis.config_set("maxmemory", 0)
    await until(lambda: renewed(one), within=5)
    assert await registry.count(platform.live, ADA, HERE) == (1, 1)
    assert await counted(other, Entrant("c2", HERE, ADA)) == [(2, 2)]


async def test_a_telling_that_failed_is_done_again(platform: Platform, pods: tuple[Leases, Leases]) -> None:
    one = pods[0]
    await counted(one, Entrant("c1", HERE, ADA))
    await platform.live.redis.delete(keys.LIVE_PROCESSES, keys.connections(ADA), keys.address_connections(HERE))
    await registry.beat(platform.live, one._process, 60)  # its answer was lost
    one._all_due = True
    await platform.live.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(LiveUnavailable):
            await one.renew()
    finally:
        await platform.live.redis.config_set("maxmemory", 0)
    await until(lambda: renewed(one), within=5)
    assert await registry.count(platform.live, ADA, HERE) == (1, 1)


async def test_one_that_comes_as_somebody_else_is_taken_from_the_first(
    platform: Platform, pods: tuple[Leases, Leases]
) -> None:
    await counted(pods[0], Entrant("c1", HERE, ADA))
    await counted(pods[0], Entrant("c1", HERE, BOB))
    await pods[0].give_back()
    assert await registry.count(platform.live, ADA, HERE) == (0, 1)
    assert await registry.count(platform.live, BOB, HERE) == (1, 1)


async def test_what_is_written_is_not_older_than_what_has_ended(
    platform: Platform, pods: tuple[Leases, Leases]
) -> None:
    """Somebody goes while somebody else's place is being written."""
    one = pods[0]
    await counted(one, Entrant("c1", HERE))
    async with one._telling:
        coming = asyncio.create_task(one.take(Entrant("c2", HERE)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        one.drop("c1")
    await coming
    assert await registry.count(platform.live, None, HERE) == (0, 1)


async def test_any_order_of_calls_counts_as_a_set_would(platform: Platform, pods: tuple[Leases, Leases]) -> None:
    rng = random.Random(7)
    players: list[UUID | None] = [None, *(new_id() for _ in range(30))]
    addresses = [f"10.1.0.{n}" for n in range(20)]
    held: dict[str, tuple[Leases, UUID | None, str]] = {}
    of_player: Counter[UUID | None] = Counter()
    of_address: Counter[str] = Counter()
    gone: dict[Leases, int] = defaultdict(int)
    for n in range(250):
        if held and rng.random() < 0.45:
            name = rng.choice(sorted(held))
            leases, player, address = held.pop(name)
            leases.drop(name)
            of_player[player] -= 1
            of_address[address] -= 1
            gone[leases] += 1
            await leases.give_back()
            continue
        leases, player, address = rng.choice(pods), rng.choice(players), rng.choice(addresses)
        if of_player[player] >= platform.settings.sockets_per_player and player is not None:
            continue
        held[f"c{n}"] = (leases, player, address)
        of_player[player] += 1
        of_address[address] += 1
        expected = (0 if player is None else of_player[player], of_address[address])
        assert await counted(leases, Entrant(f"c{n}", address, player)) == [expected]
        if rng.random() < 0.1:
            await rng.choice(pods).renew()
    assert min(gone.values()) > 10
    for address in addresses:
        assert (await registry.count(platform.live, None, address))[1] == of_address[address]
