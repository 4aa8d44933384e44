"""Leases of live connections in Redis: counted over all pods, told apart, given back, and lapsing by themselves."""

import random
from collections import defaultdict
from uuid import UUID

from scoreboard.live import keys, registry, sessions
from scoreboard.live.registry import Admitted, Entrant
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.platform import Platform
from tests.stage import until

TTL = 60
ADA, BOB = new_id(), new_id()


async def admitted(platform: Platform, *entrants: Entrant, ttl: int = TTL) -> list[tuple[int, int]]:
    found = await registry.admit(platform.live, entrants, ttl)
    return [(one.of_player, one.of_address) for one in found]


async def test_everybody_is_counted_by_player_and_by_address(platform: Platform) -> None:
    """In one call for many, as pods ask, and over several of them."""
    assert await admitted(platform, Entrant("c1", "10.0.0.1"), Entrant("c2", "10.0.0.1", ADA)) == [(0, 1), (1, 2)]
    other = [Entrant("c3", "10.0.0.2", ADA), Entrant("c4", "10.0.0.2", BOB), Entrant("c5", "10.0.0.1", BOB)]
    assert await admitted(platform, *other) == [(2, 1), (1, 2), (2, 3)]
    assert await registry.count(platform.live, ADA, "10.0.0.2") == (2, 2)


async def test_a_connection_that_comes_again_is_one(platform: Platform) -> None:
    """A spectator logs in: the same connection has a player now."""
    assert await admitted(platform, Entrant("c1", "10.0.0.1")) == [(0, 1)]
    assert await admitted(platform, Entrant("c1", "10.0.0.1", ADA)) == [(1, 1)]


async def test_what_is_given_back_counts_no_more(platform: Platform) -> None:
    await admitted(platform, Entrant("c1", "10.0.0.1", ADA), Entrant("c2", "10.0.0.1", ADA))
    await registry.remove(platform.live, [(ADA, "10.0.0.1", "c1")])
    assert await registry.count(platform.live, ADA, "10.0.0.1") == (1, 1)
    assert await admitted(platform, Entrant("c3", "10.0.0.1", ADA)) == [(2, 2)]


async def test_what_a_dead_pod_held_lapses(platform: Platform) -> None:
    await admitted(platform, Entrant("c1", "10.0.0.1", ADA), ttl=1)
    await admitted(platform, Entrant("c2", "10.0.0.1", ADA))

    async def lapsed() -> bool:
        return await registry.count(platform.live, ADA, "10.0.0.1") == (1, 1)

    await until(lapsed, within=10, what="the lease of the dead pod lapsing")
    assert await admitted(platform, Entrant("c3", "10.0.0.1", ADA)) == [(2, 2)]
    # The key itself goes too, some time after its last lease.
    ttl = await platform.live.redis.ttl(keys.connections(ADA))
    assert 0 < ttl <= 2 * TTL


async def test_who_comes_with_a_session_that_ended_is_told(platform: Platform) -> None:
    ended, alive = new_id(), new_id()
    await sessions.mark_revoked(platform.live, [ended], "banned", 60)
    found = await registry.admit(
        platform.live,
        [
            Entrant("c1", "10.0.0.1", ADA, ended),
            Entrant("c2", "10.0.0.1", BOB, alive),
            Entrant("c3", "10.0.0.1"),
        ],
        TTL,
    )
    assert found == [Admitted(1, 1, True, "banned"), Admitted(1, 2, True, None), Admitted(0, 3, True, None)]


async def test_a_server_that_forgot_its_sessions_says_so(platform: Platform) -> None:
    """Then only Postgres can tell."""
    await platform.live.redis.delete(keys.REVOCATIONS)
    [found] = await registry.admit(platform.live, [Entrant("c1", "10.0.0.1", ADA, new_id())], TTL)
    assert (found.knows_sessions, found.ended) == (False, None)


async def test_any_order_of_calls_counts_as_a_set_would(platform: Platform) -> None:
    rng = random.Random(7)
    players: list[UUID | None] = [None, ADA, BOB]
    addresses = ["10.0.0.1", "10.0.0.2", "::1"]
    held: dict[str, tuple[UUID | None, str, str]] = {}
    of_player: dict[UUID | None, set[str]] = defaultdict(set)
    of_address: dict[str, set[str]] = defaultdict(set)
    for n in range(200):
        if held and rng.random() < 0.4:
            gone = rng.sample(sorted(held), k=min(len(held), rng.randint(1, 3)))
            leases = [held.pop(name) for name in gone]
            await registry.remove(platform.live, leases)
            for player, address, name in leases:
                of_player[player].discard(name)
                of_address[address].discard(name)
            continue
        crowd = [Entrant(f"{n}-{k}", rng.choice(addresses), rng.choice(players)) for k in range(rng.randint(1, 5))]
        expected = []
        for one in crowd:
            held[one.connection] = (one.player_id, one.address, one.connection)
            of_player[one.player_id].add(one.connection)
            of_address[one.address].add(one.connection)
            seen = 0 if one.player_id is None else len(of_player[one.player_id])
            expected.append((seen, len(of_address[one.address])))
        assert await admitted(platform, *crowd) == expected
    await registry.renew(platform.live, list(held.values()), TTL)
    for address in addresses:
        assert (await registry.count(platform.live, ADA, address))[1] == len(of_address[address])
