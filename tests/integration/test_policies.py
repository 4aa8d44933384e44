"""Anti-cheat policies: declared, versioned, audited, chosen by kind, by the command line too."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from scoreboard.domain.events import Verdict
from scoreboard.domain.policy import AntiCheatPolicy, AtDeadline, Mode
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform
from tests.conftest import Api

Run = Callable[..., Awaitable[subprocess.CompletedProcess[str]]]
STRICT = AntiCheatPolicy("strict", kinds=("tap", "quiz"), hold=0.6, at_deadline=AtDeadline.KEEP, model=Verdict.FLAG)


@pytest_asyncio.fixture
async def run(api: Api, tmp_path: Path) -> Run:
    async def command(*words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "scoreboard_cli", "policy", *words, "--data", str(tmp_path)],
            env={**os.environ, **api.environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    return command


async def test_a_policy_counts_at_once_and_survives_as_it_was_declared(platform: Platform) -> None:
    assert await platform.catalog.policies() == {}
    fallback = (await platform.catalog.policy_choice()).of("tap")
    assert (fallback.mode, fallback.suspend) == (Mode.SHADOW, 0.95)
    assert await configure(platform, [], [], policies=[STRICT], managed_by="test") == 1
    assert await configure(platform, [], [], policies=[STRICT], managed_by="test") == 0
    assert await platform.catalog.policies() == {"strict": STRICT}
    choice = await platform.catalog.policy_choice()
    assert choice.of("tap") == STRICT
    assert choice.of("match") is fallback


async def test_a_change_is_a_new_version_and_is_audited(api: Api) -> None:
    await configure(api.platform, [], [], policies=[AntiCheatPolicy("one")], managed_by="test")
    await configure(api.platform, [], [], policies=[AntiCheatPolicy("one", hold=0.8)], managed_by="test")
    assert (await api.platform.catalog.policies())["one"].version == 2
    rows = await api.sql("SELECT version, current FROM policies WHERE key = 'one' ORDER BY version")
    assert [tuple(row) for row in rows] == [(1, False), (2, True)]
    rows = await api.sql(
        "SELECT detail->>'version' FROM audit_log WHERE event = 'anticheat_policy.declared' AND subject = 'one'"
        " ORDER BY id"
    )
    assert [row[0] for row in rows] == ["1", "2"]


@pytest.mark.parametrize(
    "wrong",
    [{"flag": 0.8}, {"hold": 0.4}, {"suspend": 1.1}, {"flag": 0.0}, {"half_life_s": 0.0}, {"suspensions_per_hour": -1}],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        AntiCheatPolicy("wrong", **wrong)  # type: ignore[arg-type]


async def test_the_command_line_shows_and_sets_policies(api: Api, run: Run) -> None:
    done = await run("set", "gentle", "--kind", "tap", "--kind", "match", "--mode", "shadow", "--suspend", "1")
    assert (done.returncode, done.stdout) == (0, "Policy gentle counts from now on.\n")
    done = await run("set", "gentle", "--hold", "0.9", "--review-hours", "2")
    assert done.stdout == "Policy gentle counts from now on.\n"
    done = await run("set", "gentle", "--hold", "0.9")
    assert done.stdout == "Policy gentle says so already.\n"
    api.platform.catalog.invalidate()
    stored = (await api.platform.catalog.policies())["gentle"]
    assert (stored.kinds, stored.mode, stored.hold, stored.suspend) == (("tap", "match"), Mode.SHADOW, 0.9, 1)
    assert stored.review_s == 7200
    shown = (await run("show")).stdout
    assert "gentle" in shown
    assert "tap, match" in shown
    assert "never" in shown
    assert "settings" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "bad", "--hold", "0.3"), "This policy cannot be"),
        (("set", "bad", "--kind", "unheard-of"), "There is no action kind named unheard-of."),
    ],
)
async def test_the_command_line_refuses_what_cannot_be(run: Run, words: tuple[str, ...], said: str) -> None:
    done = await run(*words)
    assert done.returncode == 1
    assert said in done.stderr
