"""Golden messages: the exact bytes of the live protocol. A change here breaks clients."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.standing import Entry, Page
from scoreboard.usecases.read_board import BoardView
from scoreboard_realtime import messages
from scoreboard_realtime.errors import META_CODES, close_code
from scoreboard_realtime.parcel import EVENT_NAMES, Parcel, text_frame

AT = datetime(2026, 3, 1, 12, 30, 0, 250000, tzinfo=UTC)
ADA, BOB = UUID(int=1), UUID(int=2)
SEASON = Season(7, "main", "All time", AT, None, SeasonStatus.OPEN)


def view(seq: int, *rows: tuple[int, UUID, str, int]) -> BoardView:
    entries = tuple(Entry(rank, player, name, score, AT) for rank, player, name, score in rows)
    return BoardView(Board("main", "All players"), SEASON, Page("e1", seq, len(rows), entries), None, "redis")


BEFORE = view(4, (1, ADA, "ada", 10))
AFTER = view(5, (1, BOB, "bob", 12), (2, ADA, "ada", 10))

ADA_ROW = (
    '{"rank":%d,"player_id":"00000000-0000-0000-0000-000000000001","username":"ada","score":10,'
    '"reached_at":"2026-03-01T12:30:00.250000Z"}'
)
BOB_ROW = (
    '{"rank":1,"player_id":"00000000-0000-0000-0000-000000000002","username":"bob","score":12,'
    '"reached_at":"2026-03-01T12:30:00.250000Z"}'
)
GOLDEN: list[tuple[Parcel, str]] = [
    (
        messages.auth_ok(ADA, "ada", AT, AT),
        '{"meta":{"code":200},"type":"auth.ok","channel":null,"season":null,"data":{"player_id":'
        '"00000000-0000-0000-0000-000000000001","username":"ada","expires_at":"2026-03-01T12:30:00.250000Z"},'
        '"epoch":null,"seq":null,"at":"2026-03-01T12:30:00.250000Z"}',
    ),
    (
        messages.subscribed(["board:main", "me"], False, AT),
        '{"meta":{"code":200},"type":"subscribed","channel":null,"season":null,"data":{"channels":["board:main","me"],'
        '"resumed":false},"epoch":null,"seq":null,"at":"2026-03-01T12:30:00.250000Z"}',
    ),
    (
        messages.leaderboard_initial("board:main", BEFORE, AT),
        '{"meta":{"code":200},"type":"leaderboard.initial","channel":"board:main","season":7,"data":['
        + ADA_ROW % 1
        + "],"
        '"info":{"title":"All players","size":10,"total":1,"stale_since":null,"freeze":null},"epoch":"e1","seq":4,'
        '"at":"2026-03-01T12:30:00.250000Z"}',
    ),
    (
        messages.leaderboard_update("board:main", BEFORE, AFTER, AT),
        '{"meta":{"code":200},"type":"leaderboard.update","channel":"board:main","season":7,"data":['
        + BOB_ROW
        + ","
        + ADA_ROW % 2
        + '],"change_info":[{"player_id":"00000000-0000-0000-0000-000000000002","rank_before":null,"rank_after":1,'
        '"score_before":null,"score_after":12},{"player_id":"00000000-0000-0000-0000-000000000001","rank_before":1,'
        '"rank_after":2,"score_before":10,"score_after":10}],"info":{"title":"All players","size":10,"total":2,'
        '"stale_since":null,"freeze":null},"epoch":"e1","seq":5,"at":"2026-03-01T12:30:00.250000Z"}',
    ),
    (
        messages.server_drain(1500, AT),
        '{"meta":{"code":200},"type":"server.drain","channel":null,"season":null,"data":{"retry_ms":1500},'
        '"epoch":null,"seq":null,"at":"2026-03-01T12:30:00.250000Z"}',
    ),
    (
        messages.heartbeat("pong", 17, AT),
        '{"meta":{"code":200},"type":"pong","channel":null,"season":null,"data":{"timestamp":17},"timestamp":17,'
        '"epoch":null,"seq":null,"at":"2026-03-01T12:30:00.250000Z"}',
    ),
    (
        messages.error(Refusal(ErrorCode.INVALID_TOKEN, "No.", 0.25), AT, close=1008),
        '{"meta":{"code":401},"type":"error","channel":null,"error":{"code":"INVALID_TOKEN","detail":"No.",'
        '"retry_after":0.25,"close":1008},"at":"2026-03-01T12:30:00.250000Z"}',
    ),
]


@pytest.mark.parametrize(("parcel", "text"), GOLDEN, ids=[parcel.type for parcel, _ in GOLDEN])
def test_messages_read_exactly_so(parcel: Parcel, text: str) -> None:
    assert parcel.text == text
    assert json.loads(parcel.packet[1:]) == [EVENT_NAMES.get(parcel.type, "message"), json.loads(text)]
    assert parcel.frame == text_frame(text)
    assert parcel.packet_frame == text_frame("4" + parcel.packet)


def test_event_streams_carry_the_position_as_id() -> None:
    assert GOLDEN[2][0].sse.startswith(b"id: e1:4\nevent: leaderboard.initial\ndata: {")
    assert GOLDEN[2][0].sse.endswith(b"}\n\n")
    assert GOLDEN[0][0].sse.startswith(b"event: auth.ok\ndata: {")


def test_event_names_of_blueprint_three() -> None:
    assert EVENT_NAMES == {
        "leaderboard.initial": "scoreboard_initial",
        "leaderboard.update": "scoreboard_updated",
        "score.update": "user_score_updated",
        "rank.change": "rank_changed",
        "job.completed": "job_completed",
        "correction": "correction",
        "server.drain": "server_drain",
    }


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_say_their_length(size: int) -> None:
    frame = text_frame("x" * size)
    header = {0: 2, 125: 2, 126: 4, 65535: 4, 65536: 10}[size]
    assert len(frame) == header + size
    assert frame[0] == 0x81


def test_close_codes() -> None:
    assert {code: int(close_code(code)) for code in META_CODES} == {
        ErrorCode.VALIDATION_ERROR: 1008,
        ErrorCode.TOO_MANY_REQUESTS: 4429,
        ErrorCode.USER_RATE_LIMIT: 4429,
        ErrorCode.UNAUTHENTICATED: 4408,
        ErrorCode.DEADLINE_EXCEEDED: 4408,
        ErrorCode.INVALID_TOKEN: 1008,
        ErrorCode.TOKEN_EXPIRED: 1008,
        ErrorCode.TOKEN_REVOKED: 4501,
        ErrorCode.FORBIDDEN: 1008,
        ErrorCode.ACCOUNT_SUSPENDED: 4503,
        ErrorCode.ACCOUNT_BANNED: 4503,
        ErrorCode.NOT_FOUND: 1008,
        ErrorCode.METHOD_NOT_ALLOWED: 1008,
        ErrorCode.PAYLOAD_TOO_LARGE: 1009,
        ErrorCode.DEPENDENCY_UNAVAILABLE: 1013,
        ErrorCode.OVERLOADED: 1013,
        ErrorCode.DRAINING: 1012,
        ErrorCode.INTERNAL_ERROR: 1008,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"auth","token":"t"}', messages.Auth("t")),
        ('{"type":"auth.refresh","token":"t"}', messages.AuthRefresh("t")),
        ('{"type":"subscribe"}', messages.Subscribe()),
        ('{"type":"subscribe","channels":["me"],"since":{"epoch":"e","seq":1},"auth":"Bearer t"}',
         messages.Subscribe(("me",), {"epoch": "e", "seq": 1}, "Bearer t")),
        ('{"type":"unsubscribe","channels":["me"]}', messages.Unsubscribe(("me",))),
        ('{"type":"ping","timestamp":1.5}', messages.Ping(1.5)),
        ('{"type":"pong","timestamp":"now"}', messages.Pong("now")),
        ('{"type":"activity"}', messages.Activity()),
    ],
)  # fmt: skip
def test_inbound_messages(text: str, message: messages.Inbound) -> None:
    assert messages.read_text(text) == message
    assert messages.read_object(json.loads(text)) == message


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", "nul", '{"type":1}', '{"type":"auth"}', '{"type":"auth","token":5}', '{"type":"ping","x":1}',
     '{"type":"subscribe","channels":[1]}', '{"type":"auth","token":"\\ud800"}', '{"type":"auth","token":"\\u0000"}',
     '{"type":"subscribe","channels":' + json.dumps(["me"] * 17) + "}", "[" * 5000],
)  # fmt: skip
def test_other_messages_are_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        messages.read_text(text)
    assert refused.value.code is ErrorCode.VALIDATION_ERROR
