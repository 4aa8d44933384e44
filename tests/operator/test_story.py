"""Resources through their lives: created, changed, deleted, in conflict, wrong, drifting, paused.

Each test runs against kmock with the real API behind the operator, and against a real API server where one is named.
What kmock cannot show stands in ``emulator.py``.
"""

from typing import Any

import pytest
import yaml

from charts.generate import CHARTS
from scoreboard.domain.board import Board
from scoreboard.usecases.configure import configure
from scoreboard_api.schemas.admin import DeclareBoard
from tests.charts.documents import named
from tests.operator.conftest import Operator, Plane
from tests.operator.emulator import Emulator
from tests.stage import until

pytestmark = pytest.mark.timeout(120)
EXAMPLES = sorted((CHARTS.parent / "k8s" / "examples").glob("*.yaml"))


async def version(plane: Plane, what: str) -> int:
    return int((await plane.admin.seen(what))["version"])


async def test_four_kinds_become_ready_and_say_what_is(operator: Operator, plane: Plane) -> None:
    """The kind comes before its board: it waits, and is woken by it, not by its timer (60 s here)."""
    cluster = operator.server.client
    await cluster.create("ActionKind", "goal", key="goal", title="Goal", points=3, boards=["premier"], direct=True)
    waiting = await cluster.stands("ActionKind", "goal", Ready="False", Invalid="False", Degraded="False")
    assert waiting["Ready"]["reason"] == "WaitsForOthers"
    assert "board “premier”" in waiting["Ready"]["message"]
    await cluster.create("Board", "premier", key="premier", title="Premier league", tieRule="latest", size=7)
    await cluster.stands("Board", "premier", Ready="True", Conflict="False", Invalid="False", Paused="False")
    await cluster.stands("ActionKind", "goal", Ready="True")
    thresholds = {"flag": 0.5, "hold": 0.7, "suspend": 0.95}
    await cluster.create(
        "AntiCheatPolicy", "careful", key="careful", thresholds=thresholds, selector={"kinds": ["goal"]}
    )
    await cluster.stands("AntiCheatPolicy", "careful", Ready="True")
    await cluster.create("Season", "cup", key="cup", start="2026-01-01T00:00:00Z", boards=["premier"])
    await cluster.stands("Season", "cup", Ready="True")

    board = await plane.admin.seen("boards/premier")
    assert (board["spec"]["tie_rule"], board["spec"]["size"]) == ("latest", 7)
    found = await cluster.get("Board", "premier")
    assert found is not None
    owner = {"uid": found["metadata"]["uid"], "name": f"{cluster.namespace}/premier", "generation": 1}
    assert board["managed_by"] == owner
    assert {key: found["status"][key] for key in ("version", "players", "frozen")} == {
        "version": 1,
        "players": 0,
        "frozen": False,
    }
    assert await cluster.events("goal") == [("Warning", "WaitsForOthers"), ("Normal", "Declared")]
    assert await cluster.events("premier") == [("Normal", "Declared")]

    async def told() -> bool:
        season, policy = await cluster.status("Season", "cup"), await cluster.status("AntiCheatPolicy", "careful")
        board_status = await cluster.status("Board", "premier")
        return (season.get("phase"), policy.get("openCases"), board_status.get("season")) == ("Active", 0, "cup")

    await until(told, within=20, what="the season being told as active")
    assert await operator.metric("scoreboard_operator_objects", condition="Declared") == 4
    assert await operator.metric("scoreboard_operator_objects", condition="Waiting") == 0


async def test_the_examples_become_ready(operator: Operator) -> None:
    """As ``kubectl apply -f k8s/examples`` sends them: by the names of the files, so kinds before their boards."""
    cluster = operator.server.client
    sent = []
    for path in EXAMPLES:
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            if "freeze" not in DeclareBoard.model_fields:
                document["spec"].pop("freeze", None)  # the definition is ahead of the API
            await cluster.create(document["kind"], document["metadata"]["name"], **document["spec"])
            sent.append((document["kind"], document["metadata"]["name"]))
    for kind, name in sent:
        await cluster.stands(kind, name, Ready="True")
    assert {kind for kind, _ in sent} == {"Board", "ActionKind", "AntiCheatPolicy", "Season"}


async def test_a_change_is_one_version_and_the_same_is_none(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "changing", key="changing", title="One")
    first = (await cluster.stands("Board", "changing", Ready="True"))["Ready"]
    await cluster.change("Board", "changing", title="Two")
    second = (await cluster.stands("Board", "changing", Ready="True"))["Ready"]
    assert second["lastTransitionTime"] == first["lastTransitionTime"]
    assert second["observedGeneration"] == 2
    shown = await plane.admin.seen("boards/changing")
    assert (shown["version"], shown["spec"]["title"], shown["managed_by"]["generation"]) == (2, "Two", 2)
    await cluster.annotate("Board", "changing", note="looked at")
    await operator.restart()
    await operator.looks(2)
    assert await version(plane, "boards/changing") == 2
    assert await cluster.events("changing") == [("Normal", "Declared")]
    before = await cluster.get("Board", "changing")
    await operator.looks(2)
    assert await cluster.get("Board", "changing") == before, "a look that finds nothing new writes nothing"


@pytest.mark.parametrize(("policy", "retired", "event"), [(None, False, "Released"), ("Delete", True, "Retired")])
async def test_deletion_gives_up_or_retires(
    operator: Operator, plane: Plane, policy: str | None, retired: bool, event: str
) -> None:
    cluster, key = operator.server.client, f"leaving-{event.lower()}"
    spec: dict[str, Any] = {"deletionPolicy": policy} if policy else {}
    await cluster.create("Board", key, key=key, title="Leaving", **spec)
    await cluster.stands("Board", key, Ready="True")
    await cluster.delete("Board", key)
    await cluster.gone("Board", key)
    shown = await plane.admin.seen(f"boards/{key}")
    assert (shown["retired_at"] is not None, shown["managed_by"]) == (retired, None)
    assert ("Normal", event) in await cluster.events(key)
    assert await operator.metric("scoreboard_operator_objects", resource="boards") == 0
    await cluster.create("Board", key, key=key, title="Leaving")
    await cluster.stands("Board", key, Ready="True")
    assert (await plane.admin.seen(f"boards/{key}"))["retired_at"] is None


async def test_of_two_owners_one_wins_until_it_leaves(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "mine", key="disputed", title="Mine")
    await cluster.stands("Board", "mine", Ready="True")
    await cluster.create("Board", "yours", key="disputed", title="Yours")
    lost = await cluster.stands("Board", "yours", Ready="False", Conflict="True", Invalid="False")
    assert lost["Conflict"]["reason"] == "OwnedByAnother"
    assert f"{cluster.namespace}/mine" in lost["Conflict"]["message"]
    assert (await plane.admin.seen("boards/disputed"))["spec"]["title"] == "Mine"
    await cluster.create("Board", "third", key="disputed", title="Third", deletionPolicy="Delete")
    await cluster.stands("Board", "third", Conflict="True")
    await cluster.delete("Board", "third")
    await cluster.gone("Board", "third")
    assert (await plane.admin.seen("boards/disputed"))["retired_at"] is None, "it was never the third's to retire"
    await cluster.delete("Board", "mine")
    await cluster.gone("Board", "mine")
    await cluster.stands("Board", "yours", Ready="True", Conflict="False")
    assert (await plane.admin.seen("boards/disputed"))["spec"]["title"] == "Yours"
    assert await cluster.events("yours") == [("Warning", "OwnedByAnother"), ("Normal", "Declared")]


async def test_what_a_person_takes_over_is_theirs_until_they_give_it_back(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "taken", key="taken", title="From git")
    await cluster.stands("Board", "taken", Ready="True")
    await plane.admin.must("boards/taken", {"title": "By hand"}, take_over="true")
    lost = await cluster.stands("Board", "taken", Conflict="True", Ready="False")
    assert lost["Conflict"]["reason"] == "TakenOver"
    assert (await plane.admin.seen("boards/taken"))["spec"]["title"] == "By hand"
    await plane.admin.retire("boards/taken", retain="true")
    await cluster.stands("Board", "taken", Conflict="False", Ready="True")
    assert (await plane.admin.seen("boards/taken"))["spec"]["title"] == "From git"


async def test_what_the_api_refuses_waits_for_a_change(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    never = {"cron": "0 0 31 2 *", "timeZone": "UTC"}
    await cluster.create("Board", "wrong", key="wrong", title="Wrong", schedule=never)
    found = await cluster.stands("Board", "wrong", Invalid="True", Ready="False", Conflict="False")
    assert "spec.schedule.cron" in found["Invalid"]["message"]
    await cluster.create("Board", "right", key="right", title="Right")
    await cluster.stands("Board", "right", Ready="True")
    refused = await operator.rounds("invalid")
    await operator.looks(3)
    assert await operator.rounds("invalid") == refused, "only a change can help"
    assert (await plane.admin.get("boards/wrong")).status_code == 404
    await cluster.change("Board", "wrong", schedule={"cron": "0 0 1 * *"})
    await cluster.stands("Board", "wrong", Invalid="False", Ready="True")
    await cluster.change("Board", "wrong", schedule=never)
    await cluster.stands("Board", "wrong", Invalid="True")
    assert await version(plane, "boards/wrong") == 1, "what stood stays"
    await cluster.delete("Board", "wrong")
    await cluster.gone("Board", "wrong")
    events = [reason for _, reason in await cluster.events("wrong")]
    assert events == ["Refused", "Declared", "Refused", "Released"]


async def test_drift_is_put_right(operator: Operator, plane: Plane) -> None:
    """Changed past the resource, by a command on the platform; retired past it, by an administrator."""
    cluster = operator.server.client
    await cluster.create("Board", "drifting", key="drifting", title="As declared")
    await cluster.stands("Board", "drifting", Ready="True")
    before = await operator.metric("scoreboard_operator_drift_corrections_total", resource="boards")
    await configure(plane.running.platform, [Board("drifting", "By hand")], [], managed_by="test")

    async def corrected(times: int) -> bool:
        return await operator.metric("scoreboard_operator_drift_corrections_total", resource="boards") == before + times

    await until(lambda: corrected(1), within=20, what="the first correction")
    assert (await plane.admin.seen("boards/drifting"))["spec"]["title"] == "As declared"
    await plane.admin.retire("boards/drifting", take_over="true")
    await until(lambda: corrected(2), within=20, what="the second correction")
    shown = await plane.admin.seen("boards/drifting")
    assert shown["retired_at"] is None
    status = await cluster.status("Board", "drifting")
    await cluster.stands("Board", "drifting", Ready="True")
    events = [reason for _, reason in await cluster.events("drifting")]
    assert events == ["Declared", "DriftCorrected", "DriftCorrected"]
    assert status["version"] <= shown["version"]


async def test_paused_is_left_alone_until_it_is_resumed(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "pausing", key="pausing", title="Before")
    await cluster.stands("Board", "pausing", Ready="True")
    await cluster.annotate("Board", "pausing", paused="true")
    await cluster.stands("Board", "pausing", Paused="True", Ready="True")
    await cluster.change("Board", "pausing", title="While paused")
    await cluster.stands("Board", "pausing", Paused="True")
    assert (await cluster.status("Board", "pausing"))["observedGeneration"] == 1, "the change was not declared"
    await configure(plane.running.platform, [Board("pausing", "By hand")], [], managed_by="test")
    await operator.restart()
    await cluster.stands("Board", "pausing", Paused="True", Ready="True")
    assert (await plane.admin.seen("boards/pausing"))["spec"]["title"] == "By hand"
    await cluster.annotate("Board", "pausing", paused=None)
    await cluster.stands("Board", "pausing", Paused="False", Ready="True")
    assert (await plane.admin.seen("boards/pausing"))["spec"]["title"] == "While paused"
    assert [reason for _, reason in await cluster.events("pausing")] == ["Declared", "PausedByAnnotation", "Declared"]


async def test_a_paused_resource_leaves_without_a_word(operator: Operator, plane: Plane) -> None:
    cluster = operator.server.client
    await cluster.create("Board", "silent", {"scoreboard.dev/paused": "true"}, key="silent", title="Never declared")
    stands = await cluster.stands("Board", "silent", Paused="True", Ready="Unknown", Conflict="Unknown")
    assert stands["Ready"]["reason"] == "NotAskedYet"
    assert (await plane.admin.get("boards/silent")).status_code == 404
    await cluster.delete("Board", "silent")
    await cluster.gone("Board", "silent")
    assert ("Normal", "LeftAsItIs") in await cluster.events("silent")


async def test_it_asks_the_cluster_for_exactly_what_the_chart_allows(operator: Operator, plane: Plane) -> None:
    """Against a real API server the Role itself decides; here what kmock saw is held against it."""
    if not isinstance(operator.server.emulator, Emulator):
        pytest.skip("a real API server enforces the Role in every other test")
    cluster = operator.server.client
    specs: dict[str, dict[str, Any]] = {
        "Board": {"title": "Asked"},
        "ActionKind": {"title": "Asked", "points": 1, "boards": ["asked"]},
        "AntiCheatPolicy": {
            "thresholds": {"flag": 0.5, "hold": 0.7, "suspend": 0.95},
            "selector": {"kinds": ["asked"]},
        },
        "Season": {"start": "2099-01-01T00:00:00Z", "boards": ["asked"]},
    }
    for kind, spec in specs.items():
        await cluster.create(kind, "asked", key="asked", **spec)
        await cluster.stands(kind, "asked", Ready="True")
    for kind in reversed(specs):
        await cluster.delete(kind, "asked")
        await cluster.gone(kind, "asked")
    await until(lambda: cluster.events("asked"), within=10, what="events")
    allowed = {
        (group, what, verb)
        for rule in named("prod", "Role", "scoreboard-operator")["rules"]
        for group in rule["apiGroups"]
        for what in rule["resources"]
        for verb in rule["verbs"]
    }
    assert operator.server.emulator.asked == allowed
    assert {namespace for _, namespace in operator.server.emulator.scopes} == {cluster.namespace}
