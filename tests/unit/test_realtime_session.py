"""The life of a live connection, driven by messages and a clock that the test holds."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.access_token import Claims
from scoreboard.settings import Settings
from scoreboard_realtime import messages
from scoreboard_realtime.channels import ME, board_channel, parse
from scoreboard_realtime.errors import Close
from scoreboard_realtime.session import Answer, Effect, End, Join, Leave, Pace, Phase, Refuse, Session, Verify

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MAIN = board_channel("main")


def claims(player: int = 1) -> Claims:
    return Claims(UUID(int=player), UUID(int=100 + player), f"player{player}", Role.PLAYER, NOW, NOW)


def session(*, heartbeats: bool = False, listens_only: bool = False, **settings: Any) -> Session:
    values = {
        "anonymous_reads": True,
        "auth_timeout": 5.0,
        "heartbeat": 25.0,
        "inactive_after": 300.0,
        "inactive_close_after": 900.0,
        "socket_payload": 8192,
        "socket_rate": 10.0,
        "socket_burst": 20,
        "default_board": "main",
        **settings,
    }
    made = Session(cast(Settings, SimpleNamespace(**values)), heartbeats=heartbeats, listens_only=listens_only)
    made.connecting()
    made.connected(0.0)
    return made


def signed_in(**settings: Any) -> Session:
    made = session(**settings)
    made.take(messages.Auth("token"), 0.0)
    made.verified(claims(), 600.0, 0.0)
    return made


def refusal_of(effects: list[Effect]) -> Refuse:
    [effect] = effects
    assert isinstance(effect, Refuse)
    return effect


def test_phases_from_connecting_to_subscribed_and_back() -> None:
    made = Session(cast(Settings, SimpleNamespace(socket_rate=1, socket_burst=1, anonymous_reads=True)))
    assert made.phase is Phase.DISCONNECTED
    made.connecting()
    assert made.phase is Phase.CONNECTING
    made = session()
    assert made.phase is Phase.CONNECTED
    assert made.take(messages.Auth("Bearer abc"), 0.0) == [Verify("abc")]
    assert made.phase is Phase.AUTHENTICATING
    assert made.verified(claims(), 600, 0.0) == [Answer("auth.ok")]
    assert made.phase is Phase.AUTHENTICATED
    assert made.take(messages.Subscribe(), 0.0) == [Join((MAIN, ME), {})]
    made.joined(MAIN)
    assert made.phase is Phase.SUBSCRIBED
    assert made.take(messages.Unsubscribe(("board:main",)), 0.0) == [Leave((MAIN,))]
    made.left(MAIN)
    assert made.phase is Phase.AUTHENTICATED
    made.disconnected()
    assert made.phase is Phase.DISCONNECTED


def test_spectators_get_the_default_board_and_nothing_of_their_own() -> None:
    assert session().take(messages.Subscribe(), 0.0) == [Join((MAIN,), {})]
    refused = refusal_of(session().take(messages.Subscribe(("me",)), 0.0))
    assert (refused.refusal.code, refused.close, refused.channel) == (ErrorCode.UNAUTHENTICATED, None, "me")


def test_a_subscription_with_a_token_goes_on_once_that_is_verified() -> None:
    made = session()
    assert made.take(messages.Subscribe(("me",), auth="Bearer t"), 0.0) == [Verify("t")]
    assert made.verified(claims(), 600, 0.0) == [Answer("auth.ok"), Join((ME,), {})]


def test_one_position_counts_for_all_channels_and_a_map_for_each() -> None:
    here = messages.Position("e", 3)
    one = session().take(messages.Subscribe(("board:main",), {"epoch": "e", "seq": 3}), 0.0)
    assert one == [Join((MAIN,), {"board:main": here})]
    each = session().take(messages.Subscribe(("board:main",), {"board:main": {"epoch": "e", "seq": 3}}), 0.0)
    assert each == one
    wrong = refusal_of(session().take(messages.Subscribe(("board:main",), {"epoch": "e"}), 0.0))
    assert wrong.refusal.code is ErrorCode.VALIDATION_ERROR


@pytest.mark.parametrize("needed", [True, False])
def test_a_token_is_due_in_five_seconds_where_one_is_needed(needed: bool) -> None:
    made = session(anonymous_reads=not needed)
    assert made.tick(4.9) == []
    if not needed:
        assert made.tick(500.0) == []
        return
    refused = refusal_of(made.tick(5.0))
    assert (refused.refusal.code, refused.close) == (ErrorCode.UNAUTHENTICATED, Close.TIMED_OUT)


def test_who_hears_nothing_and_asked_for_more_must_authenticate_soon() -> None:
    made = session()
    made.take(messages.Subscribe(("me",)), 10.0)
    assert made.tick(14.9) == []
    assert refusal_of(made.tick(15.0)).close is Close.TIMED_OUT
    watching = session()
    watching.joined(MAIN)
    watching.take(messages.Subscribe(("me",)), 10.0)
    assert watching.tick(100.0) == []


def test_a_bad_token_ends_a_new_connection_but_not_one_that_has_a_good_one() -> None:
    bad = Refusal(ErrorCode.INVALID_TOKEN, "no")
    assert refusal_of(session().refused(bad)).close is Close.AUTHENTICATION_FAILED
    assert refusal_of(signed_in().refused(bad)).close is None


def test_a_session_lives_as_long_as_its_newest_token() -> None:
    made = signed_in()
    made.joined(MAIN)
    assert made.take(messages.AuthRefresh("next"), 590.0) == [Verify("next", refresh=True)]
    assert made.verified(claims(), 600.0, 590.0) == [Answer("auth.ok")]
    made.acted(1000.0)
    assert made.tick(1189.0) == []
    refused = refusal_of(made.tick(1190.0))
    assert (refused.refusal.code, refused.close) == (ErrorCode.TOKEN_EXPIRED, Close.TIMED_OUT)


def test_a_connection_stays_with_its_player() -> None:
    made = signed_in()
    refused = refusal_of(made.verified(claims(2), 600.0, 1.0))
    assert (refused.refusal.code, refused.close) == (ErrorCode.INVALID_TOKEN, None)
    assert made.identity == claims(1)


def test_players_become_inactive_and_are_let_go_but_spectators_are_not() -> None:
    made = signed_in()
    made.verified(claims(), 10_000.0, 0.0)
    assert made.tick(299.0) == []
    assert made.tick(300.0) == [Pace(slow=True)]
    assert made.tick(301.0) == []
    assert made.acted(400.0) == [Pace(slow=False)]
    assert made.acted(401.0) == []
    assert made.tick(701.0) == [Pace(slow=True)]
    assert made.tick(1601.0) == [End(Close.NORMAL, "inactive")]
    spectator = session()
    spectator.joined(MAIN)
    assert spectator.tick(100_000.0) == []
    listener = session(listens_only=True)
    listener.verified(claims(), 10_000.0, 0.0)
    assert listener.tick(9_999.0) == []


@pytest.mark.parametrize("message", [messages.Pong(1), messages.Ping(1), messages.AuthRefresh("t")])
def test_what_programs_send_by_themselves_is_no_activity(message: messages.Inbound) -> None:
    made = signed_in()
    made.verified(claims(), 10_000.0, 0.0)
    made.tick(300.0)
    made.take(message, 301.0)
    assert made.inactive
    made.take(messages.Activity(), 302.0)
    assert not made.inactive


def test_heartbeats_expect_signs_of_life() -> None:
    made = session(heartbeats=True)
    assert made.tick(24.0) == []
    assert made.tick(25.0) == [Answer("ping")]
    assert made.tick(26.0) == []
    assert made.received(10, 30.0) is None
    assert made.tick(50.0) == [Answer("ping")]
    assert made.tick(80.0) == [End(Close.TIMED_OUT, "no sign of life")]


def test_a_burst_of_twenty_then_ten_a_second() -> None:
    made = session()
    assert [made.received(1, 0.0) for _ in range(20)] == [None] * 20
    flood = made.received(1, 0.0)
    assert flood is not None
    assert (flood.refusal.code, flood.close) == (ErrorCode.TOO_MANY_REQUESTS, Close.TOO_FAST_OR_SLOW)
    assert flood.refusal.retry_after == pytest.approx(0.1)
    assert made.received(1, 0.11) is None


def test_messages_have_a_size() -> None:
    made = session()
    assert made.received(8192, 0.0) is None
    refused = made.received(8193, 0.0)
    assert refused is not None
    assert (refused.refusal.code, refused.close) == (ErrorCode.PAYLOAD_TOO_LARGE, Close.TOO_BIG)


def test_a_connection_has_a_bound_on_channels() -> None:
    made = session()
    for number in range(32):
        made.joined(board_channel(f"b{number}"))
    assert refusal_of(made.take(messages.Subscribe(("board:more",)), 0.0)).refusal.code is ErrorCode.VALIDATION_ERROR
    assert made.take(messages.Subscribe(("board:b1",)), 0.0) == [Join((board_channel("b1"),), {})]


@pytest.mark.parametrize(
    ("name", "channel"),
    [("me", ME), ("board:main", MAIN), ("board:a-b_1@12", board_channel("a-b_1", 12))],
)
def test_channel_names(name: str, channel: object) -> None:
    assert parse(name) == channel
    assert parse(name).name == name


@pytest.mark.parametrize("name", ["", "Me", "board:", "board:A", "board:a@", "board:a@x", "board:a@1 ", "board:é", "x"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(name)
    assert refused.value.code is ErrorCode.VALIDATION_ERROR
