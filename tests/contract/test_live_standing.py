"""What a player is told of the own standing: every move once, and never an older state for a newer one."""

import asyncio
from uuid import uuid4

from scoreboard.domain.player import Role
from scoreboard.security.access_token import AccessTokens, Claims
from scoreboard.supervision import end_tasks, supervise
from scoreboard.telemetry import utc_now
from scoreboard_realtime.app import Realtime
from scoreboard_realtime.boards import Boards
from scoreboard_realtime.channels import ME, board_channel
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.errors import Close
from scoreboard_realtime.messages import Position
from scoreboard_realtime.parcel import Codec, Parcel
from scoreboard_realtime.rooms import Rooms
from scoreboard_realtime.session import Session
from tests.contract.conftest import Contestant, Stage
from tests.stage import until

_AT = Position("e", 9)


class Listener:
    """An outlet that remembers what it was given."""

    transport = "test"
    codec = Codec.PLAIN

    def __init__(self) -> None:
        self.got: list[Parcel] = []

    def send(self, parcel: Parcel) -> None:
        self.got.append(parcel)

    def wire(self) -> None:
        return None

    def backlog(self) -> int:
        return 0

    def close(self, code: Close, reason: str) -> None: ...


def listening(stage: Stage, contestant: Contestant, board: str) -> Connection:
    """A connection of this player that follows a board and its own news."""
    session = Session(stage.platform.settings)
    now = utc_now()
    claims: Claims = AccessTokens(stage.platform.settings).verify(contestant.token)
    session.connected(0)
    session.verified(claims, (claims.expires_at - now).total_seconds(), 0)
    assert claims.role is Role.PLAYER
    for channel in (ME, board_channel(board)):
        session.joined(channel)
    return Connection(uuid4().hex, "127.0.0.1", Listener(), session)


async def test_a_standing_says_first_what_moved_since_the_player_was_told(stage: Stage) -> None:
    board, ada, ben = await stage.board(), await stage.player(), await stage.player("ben")
    await stage.score(ada, board, 5)
    await stage.score(ben, board, 9)
    season, connection = await stage.season_id(board), listening(stage, ada, board)
    boards = Boards(stage.platform, Rooms())

    connection.told[season] = 1  # before ben came
    moved, standing = await boards.standing(connection, _AT)
    assert (moved.type, moved.content["season"]) == ("rank.change", season)
    assert moved.content["data"] == {"board": board, "rank": {"previous": 1, "current": 2}}
    assert (moved.content["epoch"], moved.content["seq"]) == ("e", 9)
    assert standing.type == "standing.initial"
    assert [row["rank"] for row in standing.content["data"]["standings"] if row["board"] == board] == [2]
    assert connection.told[season] == 2

    [again] = await boards.standing(connection, _AT)
    assert again.type == "standing.initial"


async def test_a_player_who_was_told_nothing_yet_hears_of_no_move(stage: Stage) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 5)
    connection = listening(stage, ada, board)
    [standing] = await Boards(stage.platform, Rooms()).standing(connection, _AT)
    assert standing.type == "standing.initial"
    assert connection.told == {await stage.season_id(board): 1}


async def test_what_is_lost_while_a_standing_is_read_brings_another_one(stage: Stage) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 5)
    realtime = Realtime(stage.platform)
    standings = realtime.reception.standings
    connection = listening(stage, ada, board)
    listener = connection.outlet
    assert isinstance(listener, Listener)

    standings.resync(connection, marked=False)  # it begins to listen: nothing was missed
    assert connection.held
    standings.resync(connection, marked=False)
    assert not connection.lost_news
    standings.resync(connection)  # news were lost, and the read that is under way may be older than they were
    assert connection.lost_news
    assert listener.got == []
    await until(lambda: not connection.held)
    assert [parcel.type for parcel in listener.got] == ["standing.initial"]

    catching_up = asyncio.create_task(supervise("test", realtime.fanout.round, every=0))
    await until(lambda: len(listener.got) == 3)
    await end_tasks([catching_up])
    assert [parcel.type for parcel in listener.got] == ["standing.initial", "sync", "standing.initial"]
