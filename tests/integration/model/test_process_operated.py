"""The model's process as operators meet it: the switch, the command line, probes, the end."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import httpx2 as httpx

from scoreboard.domain.model import ModelStage
from scoreboard.storage import models
from scoreboard_anticheat_ml.artefact import write_folder
from tests.conftest import Running
from tests.integration.model.test_process import PATIENCE_S, caught_up, metrics, model, running, service, stage_of
from tests.model_play import other_artefact, record, script, windows_of
from tests.stage import Service, register, until

__all__ = ["model", "running", "service"]


def command(running: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **running.environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    data = ("--data", str(running.folder / "none"))
    return subprocess.run(
        [sys.executable, "-m", "scoreboard_cli", "models", *arguments, *data],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_the_switch_works_without_a_restart(running: Running, service: Service, model: str) -> None:
    cheat = await register(running.client)
    done = await asyncio.to_thread(command, running, "off")
    assert done.returncode == 0, done.stderr
    await until(lambda: stage_of(service, "off"), within=PATIENCE_S, what="the model being off")
    await record(running.platform, [(UUID(cheat.id), at) for at in script(60)])
    await caught_up(running.platform)
    assert await windows_of(running.platform, UUID(cheat.id)) == []
    done = await asyncio.to_thread(command, running, "on")
    assert (done.returncode, done.stdout) == (0, "Models are asked.\n")
    await until(lambda: stage_of(service, "canary"), within=PATIENCE_S, what="the model being asked again")


async def test_the_command_line_shows_and_promotes_and_takes_back(
    running: Running, service: Service, model: str
) -> None:
    listed = await asyncio.to_thread(command, running, "list")
    assert model in listed.stdout
    assert "canary" in listed.stdout
    refused = await asyncio.to_thread(command, running, "promote", model)
    assert refused.returncode == 1
    assert "may not become hold yet" in refused.stderr
    shown = await asyncio.to_thread(command, running, "show", model[:6])
    assert "It may not become hold yet:" in shown.stdout
    done = await asyncio.to_thread(command, running, "promote", model, "--despite", "a test wants it")
    assert (done.returncode, done.stdout) == (0, f"{model} is hold now.\n")
    await until(lambda: stage_of(service, "hold"), within=PATIENCE_S, what="the model being allowed to hold")
    rows = await running.platform.database.transact(
        lambda tx: tx.fetch("SELECT detail::text FROM audit_log WHERE event = 'model.promoted'")
    )
    assert json.loads(rows[-1][0])["despite"] == "a test wants it"
    taken = await asyncio.to_thread(command, running, "rollback")
    assert (taken.returncode, taken.stdout) == (0, f"{model} is retired. No model is in use now.\n")
    await running.platform.database.transact(lambda tx: models.set_stage(tx, model, ModelStage.CANARY))
    await until(lambda: stage_of(service, "canary"), within=PATIENCE_S, what="the model being in use again")


async def test_a_trained_model_is_added_and_a_tampered_one_is_refused(
    running: Running, service: Service, model: str, tmp_path: Path
) -> None:
    write_folder(other_artefact(), tmp_path / "model")
    done = await asyncio.to_thread(command, running, "add", str(tmp_path / "model"))
    assert done.returncode == 0, done.stderr
    assert "is a candidate now" in done.stdout
    assert (await asyncio.to_thread(command, running, "add", str(tmp_path / "model"))).returncode == 0
    body = bytearray((tmp_path / "model" / "model.skops").read_bytes())
    body[len(body) // 2] ^= 1
    (tmp_path / "model" / "model.skops").write_bytes(bytes(body))
    sidecar = json.loads((tmp_path / "model" / "model.json").read_text())
    sidecar["model"]["model_id"] = "broken"
    (tmp_path / "model" / "model.json").write_text(json.dumps(sidecar))
    refused = await asyncio.to_thread(command, running, "add", str(tmp_path / "model"))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


async def test_probes_and_metrics_answer_and_sigterm_ends_it(running: Running, service: Service) -> None:
    async with httpx.AsyncClient() as client:
        for path in ("live", "ready", "startup"):
            assert (await client.get(f"{service.url}/health/{path}", timeout=5)).status_code == 200
    shown = await metrics(service)
    for name in ("events_total", "behind_entries", "players", "canaries_equal", "windows_total"):
        assert f"scoreboard_model_{name}" in shown
    assert service.stop() in (0, -15)
    service.start()
    await service.ready(within=60)
