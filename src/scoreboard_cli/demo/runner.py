"""Runs a demo: brings the players together and lets them play until somebody stops it."""

import asyncio
import contextlib
import ipaddress
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from scoreboard_cli.demo.account import Account
from scoreboard_cli.demo.api import Api, Turns
from scoreboard_cli.demo.display import Display
from scoreboard_cli.demo.door import Door
from scoreboard_cli.demo.measures import Measures
from scoreboard_cli.demo.memory import Memory, open_memory
from scoreboard_cli.demo.player import Player
from scoreboard_cli.demo.roster import Contestant, draw_roster
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.play import KindRules

_REQUESTS_A_SECOND, _REQUESTS_AT_ONCE = 30.0, 40  # the server allows an address 50 and 100; a browser wants some too
_CONNECTIONS = 24
_TIMEOUT_S = 10.0  # longer than the server's own deadline
_FIRST_ANSWER_S = 5.0
_FIRST_PAUSE_S = 0.3
_LONGEST_ACTION_S = 600.0  # an action's token lives no longer
_SEEDS = 1_000_000
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line says.

    Attributes:
        api_url: The platform, without a slash at the end.
        folder: Where the demo keeps its accounts.
        players: Honest players.
        cheats: Cheating accounts beside them.
        rate: How much faster than by nature everybody plays.
        seconds: When to stop; None: when told to.
        seed: Start of all chance; None: another one every time.
    """

    api_url: str
    folder: Path
    players: int = 40
    cheats: int = 3
    rate: float = 1.0
    seconds: float | None = None
    seed: int | None = None


class _Stopped(Exception):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


def run_demo(options: DemoOptions, console: Console) -> None:
    """Play until stopped.

    Raises:
        ExpectedError: The platform does not answer or has nothing to play, or the folder cannot be used.
    """
    asyncio.run(_run(options, console))


async def _run(options: DemoOptions, console: Console) -> None:
    stop = asyncio.Event()
    for number in _STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    seed = secrets.randbelow(_SEEDS) if options.seed is None else options.seed
    measures = Measures(total=options.players + options.cheats)
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    timeout = httpx.Timeout(_TIMEOUT_S, pool=None)
    direct = not _is_here(options.api_url)  # no proxy leads to this machine
    async with httpx.AsyncClient(base_url=options.api_url, limits=limits, timeout=timeout, trust_env=direct) as http:
        api = Api(http, Turns(_REQUESTS_A_SECOND, _REQUESTS_AT_ONCE), measures, chance(seed, "backoff"))
        kinds = await _kinds(api, options.api_url)
        roster = draw_roster(options.players, options.cheats, seed)
        with open_memory(options.folder, options.api_url) as memory:
            await _play(_Cast(options, api, measures, memory, roster, kinds, seed), console, stop)


@dataclass(frozen=True, slots=True)
class _Cast:
    options: DemoOptions
    api: Api
    measures: Measures
    memory: Memory
    roster: list[Contestant]
    kinds: list[KindRules]
    seed: int

    def players(self) -> list[Player]:
        door = Door()
        return [self._player(contestant, door) for contestant in self.roster]

    def _player(self, contestant: Contestant, door: Door) -> Player:
        def refused(code: str) -> None:
            self.measures.count_refused(code, cheat=contestant.family is not None)

        account = Account(contestant.name, self.api, door, self.memory, refused)
        return Player(contestant, account, self.kinds, self.options.rate, self.measures)


async def _play(cast: _Cast, console: Console, stop: asyncio.Event) -> None:
    players = cast.players()
    display = Display(console, cast.measures, cast.api, cast.options.api_url, _Cheats(players))
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(cast.options.seconds), asyncio.TaskGroup() as group:
                group.create_task(_until(stop))
                group.create_task(display.keep_showing())
                group.create_task(cast.memory.keep_saving())
                for player in players:
                    group.create_task(player.live())
    except* _Stopped:
        pass
    console.print(f"{display.summary()} Seed {cast.seed}.", soft_wrap=True)


class _Cheats(Mapping[str, str]):
    """Family by player id; an id is known once the account is signed in."""

    def __init__(self, players: list[Player]) -> None:
        self._accounts = [(each.account, each.contestant.family.name) for each in players if each.contestant.family]

    def __getitem__(self, player_id: str) -> str:
        for account, family in self._accounts:
            if account.player_id == player_id:
                return family
        raise KeyError(player_id)

    def __iter__(self) -> Iterator[str]:
        return (account.player_id for account, _ in self._accounts)

    def __len__(self) -> int:
        return len(self._accounts)


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
    raise _Stopped


async def _kinds(api: Api, url: str) -> list[KindRules]:
    """What can be played. Raises ExpectedError when nobody answers or nothing can."""
    deadline = time.monotonic() + _FIRST_ANSWER_S
    while (answer := await api.ask("GET", "/api/v1/action-kinds")) is None or answer.status >= 500:
        if time.monotonic() > deadline:
            raise ExpectedError(f"Nothing answers at {url}.", "Start the platform with: scoreboard up")
        await asyncio.sleep(_FIRST_PAUSE_S)
    if not answer.ok or not isinstance(answer.body.get("items"), list):
        raise ExpectedError(f"What answers at {url} is no scoreboard ({answer.code}).", "Check --api.")
    kinds = [_rules(item) for item in answer.body["items"] if _playable(item)]
    if not kinds:
        raise ExpectedError(f"There is nothing to play at {url}.", "Make the demo boards: scoreboard migrate --seed")
    return kinds


def _playable(item: Mapping[str, Any]) -> bool:
    """Whether a player can do it again and again."""
    return item["enabled"] and item["boards"] and not item["once"]


def _rules(item: Mapping[str, Any]) -> KindRules:
    return KindRules(
        key=item["key"],
        points=item["points"],
        min_points=item["min_points"],
        max_points=item["max_points"],
        cooldown_s=item["cooldown_s"],
        min_duration_s=item["min_duration_s"],
        max_duration_s=item["max_duration_s"] or _LONGEST_ACTION_S,
        direct=item["direct"],
    )


def _is_here(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
