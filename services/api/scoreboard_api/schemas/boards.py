"""Boards, seasons and standings."""

import base64
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pydantic import Field

from scoreboard.domain.freeze import Freeze
from scoreboard.domain.season import Season
from scoreboard.domain.standing import Entry
from scoreboard.security.season_root import SeasonRoot
from scoreboard.usecases.read_board import BoardView
from scoreboard_api.schemas.model import Links, Reply, Request

_encode = msgspec.json.Encoder().encode


class EntryOut(Reply):
    """A line of a board."""

    rank: int = Field(examples=[1])
    player_id: UUID
    username: str = Field(examples=["ada"])
    score: int = Field(examples=[130])
    reached_at: datetime


class SeasonOut(Reply):
    """A window of a board."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["All time"])
    starts_at: datetime
    ends_at: datetime | None
    status: str = Field(description="scheduled, open, closing or closed", examples=["open"])


class FreezeOut(Reply):
    """A freeze that is on: the public sees the board as it was, moderators and admins see the real one."""

    since: datetime
    until: datetime | None = Field(description="when all is revealed; null: when the freeze is taken out")
    real: bool = Field(description="whether this answer shows the real state all the same")


class BoardOut(Reply):
    """A configured ranking and its current season."""

    key: str = Field(examples=["main"])
    title: str = Field(examples=["All players"])
    order: str = Field(examples=["desc"])
    operator: str = Field(examples=["sum"])
    tie_rule: str = Field(examples=["earliest"])
    rank_style: str = Field(examples=["standard"])
    size: int = Field(examples=[10])
    visibility: str = Field(examples=["public"])
    frozen_from: datetime | None = Field(description="from then on the public sees the board as it was then")
    frozen_until: datetime | None = Field(description="when all is revealed")
    season: SeasonOut | None
    links: Links


class Boards(Reply):
    """All boards."""

    items: list[BoardOut]
    links: Links


class Seasons(Reply):
    """A board's seasons, newest first."""

    board: str
    items: list[SeasonOut]
    links: Links


class RootOut(Reply):
    """What was signed of a season's ledger entries at a moment."""

    version: int = Field(description="counts the season's roots", examples=[1])
    number: int = Field(description="counts the roots of all seasons", examples=[7])
    closed: bool = Field(description="whether the season was closed: no score counts in it any more")
    entries: int = Field(description="ledger entries of the season", examples=[1234])
    through: int = Field(description="the ledger number up to which they were looked for", examples=[4321])
    root: str = Field(description="root of the Merkle tree over their hashes (RFC 9162), in hexadecimal")
    standings: str | None = Field(description="SHA-256 of the final standings; null while the season runs")
    signed_at: datetime
    statement: str = Field(description="what was signed, to the byte; it holds everything above")
    signature: str = Field(description="ECDSA with SHA-256 over the statement, DER in base64")
    key_id: str = Field(description="the `kid` of the key at `/.well-known/jwks.json`")
    digest: str = Field(description="SHA-256 of the statement: the next root of the platform names it")


class Roots(Reply):
    """A season's signed roots, newest first."""

    board: str
    season: SeasonOut
    items: list[RootOut]
    links: Links


class Top(Reply):
    """The first entries of a board season."""

    board: str = Field(examples=["main"])
    season: SeasonOut
    epoch: str = Field(description="generation of the live leaderboard; empty when there is none")
    seq: int = Field(description="version of the visible top within the epoch", examples=[17])
    total: int = Field(description="players ranked", examples=[1234])
    stale_since: datetime | None = Field(description="since when nothing newer can be known")
    as_of: datetime | None = Field(description="the past moment that is shown; null: now")
    freeze: FreezeOut | None = Field(description="the freeze that is on")
    entries: list[EntryOut]
    links: Links


class EntriesPage(Top):
    """A page of a board season."""

    next_cursor: str | None


class PendingPoints(Reply):
    """What of mine waits for a moderator, and where it would lead if it counted; shown to nobody else."""

    actions: int = Field(examples=[2])
    points: int = Field(examples=[20])
    score: int | None = Field(description="null where that cannot be told", examples=[150])
    rank: int | None = Field(description="null where that cannot be told", examples=[3])


class MyStanding(Reply):
    """One player's place. Without a score yet there are only the points that wait.

    During a freeze the score is what the player has now; rank, percentile and total are those of the frozen board.
    """

    board: str
    season: SeasonOut
    player_id: UUID
    username: str
    score: int | None = Field(examples=[130])
    rank: int | None = Field(examples=[4])
    total: int
    percentile: float | None = Field(description="share of the others that this place is ahead of", examples=[97.5])
    reached_at: datetime | None
    pending: PendingPoints | None
    as_of: datetime | None = Field(description="the past moment of rank, percentile and total; null: now")
    freeze: FreezeOut | None = Field(description="the freeze that is on")
    links: Links


class Lookup(Request):
    """Players to look up; those without a score are left out of the answer."""

    player_ids: list[str] = Field(min_length=1, max_length=100)


class LookupReply(Reply):
    """Where these players stand, best first."""

    board: str
    season: SeasonOut
    total: int
    as_of: datetime | None = Field(description="the past moment that is shown; null: now")
    freeze: FreezeOut | None = Field(description="the freeze that is on")
    entries: list[EntryOut]
    links: Links


class KindOut(Reply):
    """What can be done and what it is worth."""

    key: str = Field(examples=["quiz"])
    version: int
    title: str
    points: int | None = Field(description="null when the client reports them", examples=[10])
    min_points: int
    max_points: int
    cooldown_s: float
    min_duration_s: float
    max_duration_s: float | None
    attempts: int | None
    window_s: float
    once: bool
    direct: bool
    enabled: bool
    signature: str
    boards: list[str]


class Kinds(Reply):
    """All action kinds."""

    items: list[KindOut]
    links: Links


def board_links(key: str) -> Links:
    """Where to go from a board."""
    base = f"/api/v1/boards/{key}"
    return {
        "self": base,
        "top": f"{base}/top",
        "entries": f"{base}/entries",
        "me": f"{base}/me",
        "seasons": f"{base}/seasons",
        "roots": f"{base}/roots",
        "live": f"/api/v1/live/boards/{key}",
    }


def season_fields(season: Season) -> dict[str, Any]:
    """The members of a season."""
    return {
        "id": season.id,
        "name": season.name,
        "starts_at": season.starts_at,
        "ends_at": season.ends_at,
        "status": str(season.status),
    }


def root_fields(root: SeasonRoot) -> dict[str, Any]:
    """The members of a signed root."""
    content = root.content
    return {
        **{name: getattr(content, name) for name in ("version", "entries", "through", "signed_at")},
        "number": root.number,
        "closed": content.checksum is not None,
        "root": content.root.hex(),
        "standings": None if content.checksum is None else content.checksum.hex(),
        "statement": root.statement.decode(),
        "signature": base64.b64encode(root.signature).decode(),
        "key_id": root.key_id,
        "digest": root.digest.hex(),
    }


def freeze_fields(freeze: Freeze | None) -> dict[str, Any] | None:
    """The members of a freeze that is on."""
    return None if freeze is None else {"since": freeze.since, "until": freeze.until, "real": freeze.real}


def page_fields(view: BoardView) -> dict[str, Any]:
    """The members that every page of a board has."""
    return {
        "board": view.board.key,
        "season": season_fields(view.season),
        "epoch": view.page.epoch,
        "seq": view.page.seq,
        "total": view.page.total,
        "stale_since": view.stale_since,
        "as_of": view.as_of,
        "freeze": freeze_fields(view.freeze),
        "entries": view.page.entries,
        "links": board_links(view.board.key),
    }


def encode_page(view: BoardView) -> bytes:
    """A page as JSON bytes, ready to be sent to everybody who asks."""
    return _encode(page_fields(view))


def entries_out(entries: tuple[Entry, ...] | list[Entry]) -> list[EntryOut]:
    """Entries as the documented shape."""
    return [
        EntryOut(
            rank=entry.rank,
            player_id=entry.player_id,
            username=entry.username,
            score=entry.score,
            reached_at=entry.reached_at,
        )
        for entry in entries
    ]
