"""The feed: numbering, gaps, repeated announcements, replay. Events are put in as the stream would bring them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from scoreboard.domain.events import Ranks
from scoreboard.live.bus import Published, ScoreEvent, ScoreItem
from scoreboard.live.leaderboard import SeasonProjection
from scoreboard.usecases.platform import Platform
from scoreboard_realtime.feed import Feed
from scoreboard_realtime.messages import Position
from scoreboard_realtime.news import item_parcels

AT = datetime(2026, 1, 1, tzinfo=UTC)
ADA, BOB = UUID(int=1), UUID(int=2)
FURTHER = ((0, 0, 15, 25),)
"""What an item does after the usual one."""


def item(seq: int, player: UUID = ADA, **fields: Any) -> ScoreItem:
    values = {
        "seq": seq,
        "at": AT,
        "entry_type": "applied",
        "action_id": UUID(int=seq),
        "player_id": player,
        "username": "name",
        "kind": "quiz",
        "points": 10,
        "verdict": "allow",
        "places": ((0, 0, 5, 15),),
        **fields,
    }
    return ScoreItem(**values)


def event(first: int, *items: ScoreItem, epoch: str = "e", ready: bool = True) -> Published:
    projection = SeasonProjection(ready, "l", 1, True, (Ranks(4, 3, True),) * len(items))
    return Published(f"{first}-0", epoch, first, (projection,), ScoreEvent((("main", 7),), items, AT))


class Log:
    def __init__(self) -> None:
        self.events: list[Published] = []
        self.items: list[int] = []
        self.losses: list[bool] = []
        catalog = SimpleNamespace(known_boards=dict)
        platform = cast(Platform, SimpleNamespace(settings=SimpleNamespace(replay_window=120.0), catalog=catalog))
        self.feed = Feed(
            platform,
            on_event=self.events.append,
            on_item=lambda published, index: self.items.append(published.event.items[index].seq),
            on_loss=self.losses.append,
        )
        self.feed.available = True

    def take(self, *events: Published) -> None:
        for each in events:
            self.feed._take(each)


async def test_items_are_handed_on_once_in_order() -> None:
    log = Log()
    log.take(event(1, item(11), item(12)), event(3, item(13)))
    assert (log.items, log.losses) == ([11, 12, 13], [])
    assert log.feed.position() == Position("e", 3)
    log.take(event(3, item(13)))
    assert log.items == [11, 12, 13]


async def test_an_entry_announced_again_reaches_the_boards_but_not_its_owner() -> None:
    log = Log()
    log.take(event(1, item(11)), event(2, item(11), item(12)))
    assert len(log.events) == 2
    assert log.items == [11, 12]


async def test_a_gap_means_that_everybody_is_resynced() -> None:
    log = Log()
    log.take(event(1, item(11)), event(5, item(15)))
    assert log.losses == [True]
    assert log.items == [11, 15]
    assert log.feed.replay(ADA, Position("e", 1)) is None
    assert log.feed.replay(ADA, Position("e", 4)) is not None


async def test_another_epoch_means_that_everybody_is_resynced() -> None:
    log = Log()
    log.take(event(1, item(11)), event(1, item(12), epoch="f"))
    assert log.losses == [True]
    assert log.feed.position() == Position("f", 1)
    assert log.feed.replay(ADA, Position("e", 1)) is None


async def test_replay_brings_a_players_own_news_after_a_position() -> None:
    log = Log()
    log.take(event(1, item(11), item(12, BOB)), event(3, item(13, places=FURTHER)))
    replayed = log.feed.replay(ADA, Position("e", 1))
    assert replayed is not None
    assert [parcel.content["data"]["action_id"] for parcel in replayed] == [UUID(int=13)]
    assert [parcel.content["seq"] for parcel in replayed] == [3]
    assert log.feed.replay(BOB, Position("e", 2)) == []
    log.feed.available = False
    assert log.feed.replay(ADA, Position("e", 1)) is None


async def test_memory_is_bounded() -> None:
    log = Log()
    for number in range(1, 20_102):
        before = number // 50 * 10
        log.take(event(number, item(number, UUID(int=number % 50), places=((0, 0, before, before + 10),))))
    assert len(log.feed._ring) == 20_000
    assert sum(len(own) for own in log.feed._by_player.values()) == 20_000
    assert log.feed.replay(ADA, Position("e", 100)) is None
    assert log.feed.replay(ADA, Position("e", 101)) is not None


def test_a_score_tells_board_score_and_rank() -> None:
    [parcel] = item_parcels(event(1, item(11)), 0, AT, ())
    assert parcel.type == "score.update"
    assert parcel.content["data"] == {
        "action_id": UUID(int=11),
        "kind": "quiz",
        "points": 10,
        "verdict": "allow",
        "entry_type": "applied",
        "status": "completed",
        "board": "main",
        "score": {"previous": 5, "current": 15},
        "rank": {"previous": 4, "current": 3},
    }


def test_held_points_are_pending_and_ranks_unknown_without_a_leaderboard() -> None:
    [held] = item_parcels(event(1, item(11, entry_type="held", verdict="hold", places=())), 0, AT, ())
    assert (held.type, held.content["data"]["verdict"], held.content["data"]["rank"]) == ("score.update", "hold", None)
    [unranked] = item_parcels(event(1, item(11), ready=False), 0, AT, ())
    assert unranked.content["data"]["rank"] is None
    [voided] = item_parcels(event(1, item(11, entry_type="voided")), 0, AT, ())
    assert voided.type == "correction"


async def test_there_is_no_replay_of_what_came_in_another_order_than_it_happened() -> None:
    log = Log()
    log.take(event(1, item(12, places=FURTHER)), event(2, item(11)))
    assert log.feed.replay(ADA, Position("e", 0)) is None
    assert log.feed.replay(ADA, Position("e", 1)) is None, "the client knows the later one already"
    assert log.feed.replay(ADA, Position("e", 2)) == []
