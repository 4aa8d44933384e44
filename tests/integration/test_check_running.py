"""`scoreboard check` of a sample, beside scores in flight, and as a command."""

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scoreboard.domain.board import Board, RankStyle
from scoreboard.domain.standing import Entry
from scoreboard.security.identifiers import new_id
from scoreboard.telemetry import utc_now
from scoreboard.usecases.check_boards import misplaced
from scoreboard.usecases.check_findings import Check
from tests.arena import Arena
from tests.integration.test_check import HARMS, checked, lively, raise_first_place


async def test_a_sample_finds_it_too(arena: Arena) -> None:
    await lively(arena)
    await HARMS["a score raised"][1](arena)
    await HARMS["a place in Redis raised"][1](arena)
    findings = await checked(arena, 1000)
    assert {Check.SCORES, Check.BOARDS} <= set(findings.found)


async def test_scores_in_flight_are_no_findings(arena: Arena) -> None:
    await lively(arena)
    stop = asyncio.Event()

    async def play(name: str) -> int:
        rng, played = random.Random(name), 0
        while not stop.is_set():
            await arena.play(name, rng.randrange(-9, 10))
            played += 1
        return played

    writers = [asyncio.create_task(play(name)) for name in ("ada", "cem", "eve", "fay")]
    try:
        for sample in (None, 50, None):
            findings = await checked(arena, sample)
            assert findings.told == []
    finally:
        stop.set()
    assert min(await asyncio.gather(*writers)) > 0


@pytest.mark.parametrize(
    ("style", "ranks", "wrong"),
    [
        (RankStyle.STANDARD, (1, 2, 2, 4), 0),
        (RankStyle.STANDARD, (1, 2, 2, 3), 1),
        (RankStyle.DENSE, (1, 2, 2, 3), 0),
        (RankStyle.DENSE, (1, 2, 2, 4), 1),
        (RankStyle.ORDINAL, (1, 2, 3, 4), 0),
        (RankStyle.ORDINAL, (1, 2, 2, 4), 1),
        (RankStyle.STANDARD, (2, 2, 2, 4), 1),
    ],
)
def test_ranks_follow_from_scores(style: RankStyle, ranks: tuple[int, ...], wrong: int) -> None:
    now = utc_now()
    entries = [Entry(rank, new_id(), "x", score, now) for rank, score in zip(ranks, (9, 5, 5, 1), strict=True)]
    assert len(list(misplaced(Board("b", "B", rank_style=style), entries, 0))) == wrong


async def test_the_command(arena: Arena, tmp_path: Path) -> None:
    await lively(arena)
    settings = arena.platform.settings
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "SCOREBOARD_SIGNING_KEY": settings.signing_key.get_secret_value(),
        "SCOREBOARD_MASTER_KEY": settings.master_key.get_secret_value(),
    }

    async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scoreboard_cli", "check", *arguments]
        options: Any = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True, "timeout": 180}
        return await asyncio.to_thread(subprocess.run, command, **options)

    good = await run("--full")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "Everything is what the ledger comes to." in good.stdout
    await raise_first_place(arena)
    bad = await run("--json")
    assert bad.returncode == 1
    document = json.loads(bad.stdout)
    assert document["ok"] is False
    assert document["found"] == {"leaderboards": 1}
    [finding] = document["findings"]
    assert finding["check"] == "leaderboards"
    told = await run("--full")
    assert told.returncode == 1
    assert "scoreboard rebuild puts it right" in " ".join(told.stdout.split())
    assert finding["sentence"] in told.stdout
