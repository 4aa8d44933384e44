"""Replies of the hot routes, encoded by msgspec."""

from typing import Any

import msgspec
from starlette.responses import Response

from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.create_actions import CreatedAction
from scoreboard_api.schemas.actions import Change, CompletedReply, CreatedReply, StandingAfter
from scoreboard_api.wiring import Wiring

_encode = msgspec.json.Encoder().encode


class _Encoded(Response):
    """A response whose body is encoded already."""

    def __init__(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        """``Response.__init__`` is not called: it would look through the headers for those that are known here."""
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]


def json_reply(body: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
    """Encoded JSON."""
    return _Encoded(body, status, headers or {})


def completed_fields(wiring: Wiring, completion: Completion) -> CompletedReply:
    """A completion as clients see it: the default board's score and rank on top, every board below."""
    places = completion.places
    main = next((place for place in places if place.board == wiring.settings.default_board), None)
    main = main or (places[0] if places else None)
    ranked = main is not None and (main.rank_previous is not None or main.rank_current is not None)
    action = f"/api/v1/actions/{completion.action_id}"
    links = {"self": action, "leaderboard": f"/api/v1/boards/{main.board}/top" if main else "/api/v1/boards"}
    return CompletedReply(
        action_id=completion.action_id,
        verdict=completion.verdict,
        points=completion.points,
        score=Change(main.previous if main else None, main.current if main else None),
        rank=Change(main.rank_previous, main.rank_current) if main and ranked else None,
        standings=[
            StandingAfter(place.board, place.season, place.current, place.rank_current, place.provisional)
            for place in places
        ],
        links=links,
    )


def completed_reply(wiring: Wiring, completion: Completion) -> Response:
    """200 with what the completion did, 202 while it is held; a repetition says so in a header."""
    headers = {"Idempotency-Replayed": "true"} if completion.replayed else {}
    return json_reply(_encode(completed_fields(wiring, completion)), completed_status(completion), headers)


def completed_status(completion: Completion) -> int:
    """200, or 202 for points that wait for a moderator."""
    return 202 if completion.held else 200


def created_reply(created: CreatedAction) -> Response:
    """201 with the token, and where the action is."""
    action = f"/api/v1/actions/{created.action_id}"
    body = CreatedReply(
        action_id=created.action_id,
        kind=created.kind,
        kind_version=created.kind_version,
        status="created",
        action_token=created.action_token,
        expected_points=created.expected_points,
        min_points=created.min_points,
        max_points=created.max_points,
        min_duration_s=created.min_duration_s,
        created_at=created.created_at,
        expires_at=created.expires_at,
        links={"self": action, "complete": f"{action}/complete"},
    )
    headers = {"Location": action, "Cache-Control": "no-store"}
    if created.replayed:
        headers["Idempotency-Replayed"] = "true"
    return json_reply(_encode(body), 201, headers)


def plain(value: Any) -> Any:
    """A msgspec structure as plain JSON values, for the routes that FastAPI encodes."""
    return msgspec.to_builtins(value)
