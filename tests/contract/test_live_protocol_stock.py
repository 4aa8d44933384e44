"""The stock socket.io-client in Node, over every transport."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Stage
from tests.stage import Service

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def node() -> str:
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("Node.js is not installed: the stock socket.io-client cannot be driven")
    if not (NODE / "node_modules").exists():
        installed = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=NODE, capture_output=True, check=False)
        if installed.returncode != 0:
            pytest.skip("npm cannot install socket.io-client here")
    return program


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_the_stock_client_hears_snapshot_and_update(
    realtime: Service, stage: Stage, node: str, transports: list[str]
) -> None:
    board, ada = await stage.board(), await stage.player()
    options = json.dumps({"url": realtime.url, "token": ada.token, "transports": transports})
    process = await asyncio.create_subprocess_exec(
        node,
        str(NODE / "client.mjs"),
        options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = process.stdout

    async def next_of(*wanted: str) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while True:
                line = json.loads(await lines.readline())
                assert line["data"] is None or line["data"].get("type") != "error" or "disconnect" in wanted, line
                if line["what"] in wanted:
                    found: dict[str, Any] = line
                    return found

    def emit(event: str, data: Any = None) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"emit": event, "data": data}).encode() + b"\n")

    opening = {(await next_of("connect", "upgrade"))["what"] for _ in range(len(transports))}
    assert opening == ({"connect", "upgrade"} if len(transports) == 2 else {"connect"})
    emit("subscribe", {"type": "subscribe", "channels": [f"board:{board}", "me"]})
    initial = await next_of("scoreboard_initial")
    assert initial["data"]["data"] == []
    numbers = []
    for points in range(1, 6):
        await stage.score(ada, board, points)
        update = await next_of("scoreboard_updated")
        numbers.append(update["data"]["seq"])
    assert numbers == sorted(set(numbers))
    await stage.sign_in.log_out(ada.id, ada.session_id, everywhere=True, request_id=None)
    gone = await next_of("disconnect")
    assert gone["data"]["reason"] == "io server disconnect"
    await process.wait()
