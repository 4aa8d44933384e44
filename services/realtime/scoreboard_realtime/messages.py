"""The wire vocabulary: what clients may say, what the server says, under which event name Socket.IO carries it.

Every transport speaks this one vocabulary. Inbound messages are strict: unknown fields and wrong types are refused.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Freeze
from scoreboard.domain.standing import Entry
from scoreboard.live.bus import CorrectedBoard, CorrectionMade
from scoreboard.usecases.read_board import BoardView
from scoreboard_realtime.errors import meta_code
from scoreboard_realtime.parcel import Parcel

Token = Annotated[str, msgspec.Meta(max_length=5000, pattern=r"^[\x20-\x7e]*$")]
ChannelName = Annotated[str, msgspec.Meta(max_length=120)]
Channels = Annotated[tuple[ChannelName, ...], msgspec.Meta(max_length=16)]
Stamp = str | int | float | None


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a client stopped: a generation and a number in it."""

    epoch: Annotated[str, msgspec.Meta(max_length=64)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="auth"):
    """Who I am: an access token, bare or with ``Bearer``."""

    token: Token


class AuthRefresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="auth.refresh"):
    """A newer access token of the same player, before the old one ends."""

    token: Token


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="subscribe"):
    """What I want to hear. ``since`` is one position, or one for each channel."""

    channels: Channels | None = None
    since: dict[str, Any] | None = None
    auth: Token | None = None


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="unsubscribe"):
    """What I no longer want to hear; without channels: everything."""

    channels: Channels | None = None


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ping"):
    """Are you there?"""

    timestamp: Stamp = None


class Pong(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="pong"):
    """I am here."""

    timestamp: Stamp = None


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="activity"):
    """A person is at this end."""


Inbound = Auth | AuthRefresh | Subscribe | Unsubscribe | Ping | Pong | Activity

INBOUND_EVENTS = ("auth", "subscribe", "unsubscribe", "ping", "pong", "activity")
"""Events that a Socket.IO client may use in place of ``message``."""

_decoder: msgspec.json.Decoder[Inbound] = msgspec.json.Decoder(Inbound)


def _invalid(detail: str) -> Refusal:
    return Refusal(ErrorCode.VALIDATION_ERROR, detail)


def read_text(raw: str | bytes) -> Inbound:
    """A message from its JSON text. Raises Refusal VALIDATION_ERROR."""
    try:
        return _decoder.decode(raw)
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise _invalid("This message is not one of those that the live protocol knows.") from error
    except msgspec.DecodeError as error:
        raise _invalid("A message must be a JSON object.") from error


def read_object(content: Any) -> Inbound:
    """A message from what a Socket.IO event carried. Raises Refusal VALIDATION_ERROR."""
    try:
        return cast(Inbound, msgspec.convert(content, Inbound))
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise _invalid("This message is not one of those that the live protocol knows.") from error


def read(content: Any) -> Inbound:
    """A message from either. Raises Refusal VALIDATION_ERROR."""
    return read_text(content) if isinstance(content, str | bytes) else read_object(content)


def positions(since: dict[str, Any] | None, channels: Iterable[str]) -> dict[str, Position]:
    """``since`` as a position for each channel. Raises Refusal VALIDATION_ERROR."""
    if since is None:
        return {}
    try:
        if "epoch" in since or "seq" in since:
            one = msgspec.convert(since, Position)
            return dict.fromkeys(channels, one)
        return {channel: msgspec.convert(at, Position) for channel, at in since.items()}
    except msgspec.ValidationError as error:
        raise _invalid("since must be {epoch, seq}, or that for each channel.") from error


def envelope(
    type_: str,
    data: Any,
    at: datetime,
    *,
    channel: str | None = None,
    season: int | None = None,
    position: Position | None = None,
    **further: Any,
) -> Parcel:
    """Any successful message. ``further`` adds members beside ``data``."""
    return Parcel(
        {
            "meta": {"code": 200},
            "type": type_,
            "channel": channel,
            "season": season,
            "data": data,
            **further,
            "epoch": position.epoch if position else None,
            "seq": position.seq if position else None,
            "at": at,
        }
    )


def error(refusal: Refusal, at: datetime, *, channel: str | None = None, close: int | None = None) -> Parcel:
    """A refusal. ``close`` tells clients that cannot see a close code which one ends the connection."""
    body: dict[str, Any] = {"code": refusal.code, "detail": refusal.detail}
    if refusal.retry_after is not None:
        body["retry_after"] = round(refusal.retry_after, 3)
    if close is not None:
        body["close"] = int(close)
    return Parcel(
        {
            "meta": {"code": meta_code(refusal.code)},
            "type": "error",
            "channel": channel,
            "error": body,
            "at": at,
        }
    )


def auth_ok(player_id: UUID, username: str, expires_at: datetime, at: datetime) -> Parcel:
    """The token was accepted; the connection ends at ``expires_at`` unless it is refreshed."""
    return envelope("auth.ok", {"player_id": player_id, "username": username, "expires_at": expires_at}, at)


def subscribed(channels: list[str], resumed: bool, at: datetime) -> Parcel:
    """These channels will be heard. ``resumed``: nothing was missed on any of them, so no snapshot follows."""
    return envelope("subscribed", {"channels": channels, "resumed": resumed}, at)


def unsubscribed(channels: list[str], at: datetime) -> Parcel:
    """These channels will not be heard any more."""
    return envelope("unsubscribed", {"channels": channels}, at)


def entries(page: Iterable[Entry]) -> list[dict[str, Any]]:
    """Lines of a board as they travel."""
    return [
        {
            "rank": entry.rank,
            "player_id": entry.player_id,
            "username": entry.username,
            "score": entry.score,
            "reached_at": entry.reached_at,
        }
        for entry in page
    ]


def server_drain(retry_ms: int, at: datetime) -> Parcel:
    """This process is about to stop: come back, to another one, after that many milliseconds."""
    return envelope("server.drain", {"retry_ms": retry_ms}, at)


def heartbeat(type_: str, timestamp: Stamp, at: datetime) -> Parcel:
    """``ping`` or ``pong``. The timestamp stands beside ``data`` too, where blueprint 5's clients look for it."""
    return envelope(type_, {"timestamp": timestamp}, at, timestamp=timestamp)


def sync(channel: str, at: datetime) -> Parcel:
    """Something was missed on this channel; a snapshot follows."""
    return envelope("sync", None, at, channel=channel)


def board_info(view: BoardView) -> dict[str, Any]:
    """What a board message says beside its entries (``info``)."""
    return {
        "title": view.board.title,
        "size": view.board.size,
        "total": view.page.total,
        "stale_since": view.stale_since,
        "freeze": freeze_info(view.freeze),
    }


def freeze_info(freeze: Freeze | None) -> dict[str, Any] | None:
    """What is said of a freeze that is on; ``real``: this message shows the real state all the same."""
    return None if freeze is None else {"since": freeze.since, "until": freeze.until, "real": freeze.real}


def _position(view: BoardView) -> Position:
    return Position(view.page.epoch, view.page.seq)


def leaderboard_initial(channel: str, view: BoardView, at: datetime, before: BoardView | None = None) -> Parcel:
    """A snapshot: the whole visible top. ``before`` is what those who get it see until now, where a freeze begins or is
    revealed: then it says too what changed, so that it can be shown moving.
    """
    further = {} if before is None else {"change_info": changes(before.page.entries, view.page.entries)}
    return envelope(
        "leaderboard.initial",
        entries(view.page.entries),
        at,
        channel=channel,
        season=view.season.id,
        position=_position(view),
        info=board_info(view),
        **further,
    )


def leaderboard_update(channel: str, before: BoardView, view: BoardView, at: datetime) -> Parcel:
    """The visible top after a change, and what changed in it since the message before."""
    return envelope(
        "leaderboard.update",
        entries(view.page.entries),
        at,
        channel=channel,
        season=view.season.id,
        position=_position(view),
        change_info=changes(before.page.entries, view.page.entries),
        info=board_info(view),
    )


def correction(channel: str, made: CorrectionMade, board: CorrectedBoard, at: datetime) -> Parcel:
    """Points were taken back or given back on a board; a snapshot follows. Other boards are not named: some are not
    for everybody.
    """
    touched = [{"board": board.board_key, "season": board.season_id, "players": board.players}]
    data = {"correction_id": made.correction_id, "number": made.number, "undone": made.undone, "boards": touched}
    return envelope("correction", data, at, channel=channel, season=board.season_id)


def changes(before: Iterable[Entry], after: Iterable[Entry]) -> list[dict[str, Any]]:
    """Visible entries whose rank or score is not what it was; None where the player was not visible before."""
    known = {entry.player_id: entry for entry in before}
    found = []
    for entry in after:
        old = known.get(entry.player_id)
        if old is None or old.rank != entry.rank or old.score != entry.score:
            found.append(
                {
                    "player_id": entry.player_id,
                    "rank_before": old.rank if old else None,
                    "rank_after": entry.rank,
                    "score_before": old.score if old else None,
                    "score_after": entry.score,
                }
            )
    return found
