"""What the API refuses the operator is one line in both logs, under one id."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.operator.conftest import Operator, Plane
from tests.stage import until

pytestmark = pytest.mark.timeout(120)


def lines(log: Path, **fields: str) -> list[dict[str, Any]]:
    text = log.read_text("utf-8")
    found = [json.loads(line) for line in text.splitlines()[: text.count("\n")] if line.startswith("{")]
    return [line for line in found if fields.items() <= line.items()]


async def test_a_refusal_is_one_line_here_and_one_there(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    never = {"cron": "0 0 31 2 *", "timeZone": "UTC"}
    await cluster.create("Board", "unspeakable", key="unspeakable", title="Wrong", schedule=never)
    await cluster.stands("Board", "unspeakable", Invalid="True")
    [line] = lines(operator.service.log, message="refused", name="unspeakable")
    assert (line["kind"], line["method"], line["reason"]) == ("boards", "PUT", "Refused")
    theirs = plane.running.api.log
    told = await until(lambda: lines(theirs, message="rejected", request_id=line["request_id"]), within=30)
    assert [each["code"] for each in told] == ["VALIDATION_ERROR"]
