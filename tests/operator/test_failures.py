"""What fails: the API away, the operator killed in the middle, tokens that rotate, the API server away.

Each ends in the state that the resources say, with one version for each change, whatever happened between.
"""

import asyncio
import os
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.operator.api_servers import emulated
from tests.operator.cluster_client import ClusterClient
from tests.operator.conftest import Operator, Plane, operator_for
from tests.stage import until

pytestmark = pytest.mark.timeout(180)
GRACE = 28  # seconds; the chart's grace is 30


async def test_the_api_goes_away_and_comes_back(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "standing", key="standing", title="Before")
    await cluster.stands("Board", "standing", Ready="True", Degraded="False")
    plane.running.api.stop()
    await cluster.change("Board", "standing", title="Meanwhile")
    down = await cluster.stands("Board", "standing", Degraded="True", Ready="Unknown")
    assert down["Degraded"]["reason"] == "Unreachable"
    assert down["Conflict"]["status"] == "False", "the last answer still counts"
    assert (await cluster.status("Board", "standing"))["version"] == 1
    await cluster.create("Board", "new", key="new", title="New")
    await cluster.stands("Board", "new", Degraded="True", Ready="Unknown", Conflict="Unknown")
    await cluster.create("Board", "short-lived", key="short-lived", title="Short-lived")
    await cluster.delete("Board", "short-lived")
    plane.running.api.start()
    await cluster.stands("Board", "standing", within=60, Degraded="False", Ready="True")
    await cluster.stands("Board", "new", within=60, Degraded="False", Ready="True")
    await cluster.gone("Board", "short-lived", within=60)
    shown = await plane.admin.seen("boards/standing")
    assert (shown["version"], shown["spec"]["title"]) == (2, "Meanwhile")
    assert [reason for _, reason in await cluster.events("standing")] == ["Declared", "Unreachable", "Declared"]


async def test_killed_while_the_api_takes_a_creation(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    plane.pause_api()
    await cluster.create("Board", "half-made", key="half-made", title="Half made")
    await _asked(operator, plane)
    operator.service.kill()
    plane.resume_api()
    await operator.begin()
    await cluster.stands("Board", "half-made", within=60, Ready="True")
    assert (await plane.admin.seen("boards/half-made"))["version"] == 1


async def test_killed_while_the_api_takes_a_change(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "half-changed", key="half-changed", title="One")
    await cluster.stands("Board", "half-changed", Ready="True")
    plane.pause_api()
    await cluster.change("Board", "half-changed", title="Two")
    await _asked(operator, plane)
    operator.service.kill()
    plane.resume_api()
    await operator.begin()
    await cluster.stands("Board", "half-changed", within=60, Ready="True")
    shown = await plane.admin.seen("boards/half-changed")
    assert (shown["version"], shown["spec"]["title"]) == (2, "Two")


async def test_killed_while_the_api_takes_a_deletion(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "half-gone", key="half-gone", title="Half gone", deletionPolicy="Delete")
    await cluster.stands("Board", "half-gone", Ready="True")
    plane.pause_api()
    await cluster.delete("Board", "half-gone")
    await _asked(operator, plane)
    operator.service.kill()
    assert await cluster.get("Board", "half-gone") is not None, "its finalizer holds it"
    plane.resume_api()
    await operator.begin()
    await cluster.gone("Board", "half-gone", within=60)
    assert (await plane.admin.seen("boards/half-gone"))["retired_at"] is not None


async def _asked(operator: Operator, plane: Plane) -> None:
    """Until a request of the operator lies with the API that does not answer: a connection with bytes unread."""
    port = int(httpx.URL(plane.running.api.url).port or 0)
    until_read = f"0100007F:{port:04X}"

    def unread() -> bool:
        for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1] == until_read and int(fields[4].split(":")[1], 16) > 0:
                return True
        return False

    await until(unread, within=30, what="a request of the operator")


async def test_killed_between_the_platform_and_the_status(operator: Operator, plane: Plane) -> None:
    """The API has taken it, the API server has not heard: the next operator says what is, without a second version."""
    if operator.server.emulator is None:
        pytest.skip("a real API server cannot be told to refuse the status")
    cluster, emulator = operator.server.client, operator.server.emulator
    emulator.refuses_status, emulator.refused = True, 0
    try:
        await cluster.create("Board", "untold", key="untold", title="Untold")

        async def declared() -> bool:
            return (await plane.admin.get("boards/untold")).status_code == 200

        await until(declared, within=30, what="the board on the platform")
        # Right after a refusal it pauses for a second, so nothing of it is under way when it is killed.
        await until(lambda: emulator.refused, within=30, every=0.005, what="a refused status")
        operator.service.kill()
    finally:
        emulator.refuses_status = False
    assert not await cluster.status("Board", "untold")
    await operator.begin()
    await cluster.stands("Board", "untold", within=60, Ready="True")
    assert (await plane.admin.seen("boards/untold"))["version"] == 1


async def test_a_token_is_read_anew_for_each_request(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "trusted", key="trusted", title="Trusted")
    await cluster.stands("Board", "trusted", Ready="True")
    try:
        operator.token_file.write_text(plane.token(aud=["another"]), "ascii")
        lost = await cluster.stands("Board", "trusted", Degraded="True", Ready="Unknown")
        assert lost["Degraded"]["reason"] == "Unauthenticated"
        os.unlink(operator.token_file)
        await cluster.create("Board", "later", key="later", title="Later")
        lost = await cluster.stands("Board", "later", Degraded="True")
        assert "token cannot be read" in lost["Degraded"]["message"]
    finally:
        operator.token_file.write_text(plane.token(), "ascii")
    await cluster.stands("Board", "trusted", Degraded="False", Ready="True")
    await cluster.stands("Board", "later", Degraded="False", Ready="True")


async def test_it_waits_for_definitions_serves_all_namespaces_and_notices_a_dead_api_server(
    plane: Plane, tmp_path: Path
) -> None:
    async with emulated(tmp_path, defined=False) as server:
        assert server.emulator is not None
        operator = operator_for(server, plane, tmp_path)
        operator.service.environment |= {
            "SCOREBOARD_OPERATOR_NAMESPACE": "",
            "SCOREBOARD_OPERATOR_WATCH_SECONDS": "1",
            "SCOREBOARD_OPERATOR_WATCH_SILENCE": "4",
        }
        operator.service.start()
        try:
            await until(lambda: _answers(operator, "startup", 200), within=30, what="a started process")
            begun = time.monotonic()
            while time.monotonic() - begun < 6:  # longer than the silence for which it would be restarted
                assert await _answers(operator, "ready", 503), "nothing can be watched yet"
                assert await _answers(operator, "live", 200), "a restart would bring no definitions"
                await asyncio.sleep(0.5)
            server.emulator.define()
            await until(lambda: _answers(operator, "ready", 200), within=30, what="readiness")
            assert await _answers(operator, "live", 200)
            elsewhere = ClusterClient(server.client.http, "elsewhere")
            for cluster, key in ((server.client, "here"), (elsewhere, "there")):
                await cluster.create("Board", key, key=key, title=key)
                await cluster.stands("Board", key, Ready="True")
            listed = {scope for scope in server.emulator.scopes if scope[0] == "boards"}
            assert ("boards", None) in listed, "one watch for all namespaces"
            await server.go_away()
            try:
                await until(
                    lambda: _answers(operator, "live", 503), within=40, what="the lost API server being noticed"
                )
            finally:
                await server.come_back()
            await until(lambda: _answers(operator, "live", 200), within=40, what="the API server being back")
            await server.client.change("Board", "here", title="Back")
            await server.client.stands("Board", "here", Ready="True")
            assert (await plane.admin.seen("boards/here"))["spec"]["title"] == "Back"
            assert operator.service.stop(GRACE) == 0
        finally:
            operator.end()


async def _answers(operator: Operator, probe: str, status: int) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            return (await client.get(f"{operator.service.url}/health/{probe}")).status_code == status
    except httpx.HTTPError:
        return False
