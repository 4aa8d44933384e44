"""What the four layers of defence cost a request: processor time of this process, in a batch, against real stores.

``python -m benchmarks.defence``. The batch runs with and without each layer in turn, so that what the measuring itself
costs (tasks, requests) is taken off; medians of the rounds count. A signed request does everything.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from starlette.requests import Request

from benchmarks import report
from benchmarks.ground import prepared_ground, settings_of
from scoreboard.domain.action import Action, ActionKind, ActionStatus, Usage, award, require_allowed, require_duration
from scoreboard.domain.action import require_signed as require_signed_kind
from scoreboard.domain.player import Player, PlayerStatus, Role, require_playing
from scoreboard.security import action_token
from scoreboard.security.action_token import ActionToken
from scoreboard.security.identifiers import new_id
from scoreboard.security.request_signing import NONCE_BYTES, sign
from scoreboard.settings import Settings
from scoreboard.telemetry import utc_now
from scoreboard.usecases.revocation import restore_revocations
from scoreboard_api.app import create_app
from scoreboard_api.defence import admit, authenticate
from scoreboard_api.signatures import read_signature
from scoreboard_api.wiring import Wiring

_KIND = ActionKind("quiz", "Quiz", points=10, min_duration_s=1, boards=("main",))
Defend = Callable[[Request], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Caller:
    """One player with a session, in the middle of an action."""

    session_id: Any
    key: bytes
    bearer: str
    action: Action
    player: Player
    body: bytes
    path: str


def _caller(wiring: Wiring) -> Caller:
    player_id, session_id, now = new_id(), new_id(), utc_now()
    token, _ = wiring.tokens.issue(player_id, session_id, "somebody", Role.PLAYER)
    action = Action(
        new_id(), player_id, _KIND.key, 1, ActionStatus.CREATED, now - timedelta(seconds=5), now + timedelta(minutes=9)
    )
    text = action_token.issue(wiring.platform.action_token_key, ActionToken(action.id, player_id, 1, action.created_at))
    player = Player(player_id, "somebody", Role.PLAYER, PlayerStatus.ACTIVE, None, now, now)
    body = msgspec.json.encode({"action_token": text})
    path = f"/api/v1/actions/{action.id}/complete"
    return Caller(session_id, wiring.signing_keys.of(session_id), f"Bearer {token}", action, player, body, path)


def _request(app: Any, caller: Caller, *, signed: bool) -> Request:
    headers = {"authorization": caller.bearer, "content-type": "application/json", "idempotency-key": "k"}
    if signed:
        headers |= sign(
            caller.key,
            caller.session_id,
            "POST",
            caller.path,
            caller.body,
            created=int(utc_now().timestamp()),
            nonce=secrets.token_bytes(NONCE_BYTES),
            idempotency_key="k",
        )
    scope = {
        "type": "http",
        "method": "POST",
        "path": caller.path,
        "raw_path": caller.path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "state": {"wiring": app.state.wiring},
        "app": app,
        "caller": caller,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": caller.body, "more_body": False}

    return Request(scope, receive)


def _steps(wiring: Wiring) -> dict[str, Defend]:
    """The same work with one layer more each time."""

    async def nothing(request: Request) -> None:
        await request.body()

    async def limited(request: Request) -> None:
        await request.body()
        wiring.barrier.admit("192.0.2.1")

    async def signed_in(request: Request) -> None:
        await limited(request)
        authenticate(request)

    async def admitted(request: Request) -> None:
        await limited(request)
        await admit(wiring, authenticate(request), write=True)

    async def verified(request: Request) -> None:
        await limited(request)
        claims = authenticate(request)
        await admit(wiring, claims, write=True, signature=await read_signature(wiring, request, claims))

    async def trusted_by_nobody(request: Request) -> None:
        await verified(request)
        caller: Caller = request.scope["caller"]
        body = msgspec.json.decode(caller.body)
        token = action_token.read(wiring.platform.action_token_key, body["action_token"])
        assert token.action_id == caller.action.id
        now = utc_now()
        require_playing(caller.player, now)
        require_signed_kind(_KIND, signed=True)
        require_allowed(_KIND, Usage(), now)
        require_duration(_KIND, caller.action, now)
        award(_KIND, None)

    return {
        "nothing": nothing,
        "1 limits of process and address": limited,
        "2 access token": signed_in,
        "1+2 player's limits, revocation": admitted,
        "3 signature and nonce": verified,
        "4 action token, preconditions": trusted_by_nobody,
    }


async def _round(app: Any, callers: list[Caller], defend: Defend, batches: int) -> float:
    spent = 0.0
    for _ in range(batches):
        requests = [_request(app, caller, signed=True) for caller in callers]
        began = time.process_time()
        await asyncio.gather(*(defend(request) for request in requests))
        spent += time.process_time() - began
    return spent / (batches * len(callers)) * 1e6


async def _measure(settings: Settings, asked: argparse.Namespace) -> dict[str, list[float]]:
    _, wiring = create_app(settings)
    holder = _Holder(wiring)
    await restore_revocations(wiring.platform)
    callers = [_caller(wiring) for _ in range(asked.batch)]
    steps = _steps(wiring)
    for defend in steps.values():
        await _round(holder, callers, defend, 20)  # keys, tokens and scripts are known everywhere
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(asked.rounds):
        for name, defend in steps.items():
            found[name].append(await _round(holder, callers, defend, asked.batches))
    await wiring.close()
    return found


class _Holder:
    """What a request's ``app`` has to offer."""

    def __init__(self, wiring: Wiring) -> None:
        self.state = type("State", (), {"wiring": wiring})()


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32, help="requests of one moment")
    parser.add_argument("--batches", type=int, default=60, help="of one round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    facts = report.tell_machine()
    with prepared_ground() as ground:
        settings = settings_of(ground.environment("defence"))
        os.sched_setaffinity(0, ground.cores.server)
        found = uvloop.run(_measure(settings, asked))
    medians = {name: statistics.median(values) for name, values in found.items()}
    rows, before = [], 0.0
    for name, values in found.items():
        less = medians["2 access token"] if name.startswith("1+2") else before
        rows.append([name, str(report.spread(values)), f"{medians[name] - less:,.1f}"])
        before = medians[name]
    report.table(f"Processor time of a request in a batch of {asked.batch}, µs", ["up to", "in all", "this one"], rows)
    *_, last = medians
    measured = {"four_layers_us": medians[last] - medians["nothing"]}
    passed = report.judge("defence", measured)
    report.write_json(asked.json, {"machine": facts, "rounds": found, "measured": measured})
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
