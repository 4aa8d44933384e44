"""Players over HTTP as moderators see and sanction them, and the state of the anti-cheat."""

import secrets
from datetime import timedelta
from uuid import UUID

from scoreboard.domain.player import Role
from scoreboard.storage import players
from scoreboard.telemetry import utc_now
from tests.conftest import Api
from tests.integration.reviewing import audited, moderator, read, send, total_of
from tests.refusals import check
from tests.stage import register


async def test_a_moderator_hides_suspends_bans_and_restores(api: Api) -> None:
    mia = await moderator(api)
    ada = await register(api.client)
    await ada.score("quiz")
    path = f"/api/v1/moderation/players/{ada.id}/status"
    until = (utc_now() + timedelta(hours=2)).isoformat()
    for status, visible in (("hidden", False), ("suspended", False), ("banned", False), ("active", True)):
        more = {"until": until} if status == "suspended" else {}
        reply = await send(mia, path, {"status": status, "reason": "because", **more})
        assert reply.json()["status"] == status, reply.text
        assert await total_of(api, ada) == (10, visible)
    assert (await audited(api, ada.id)).count("player.status_changed") == 4
    rows = await api.sql(
        "SELECT actor_id::text, detail->>'reason' FROM audit_log WHERE subject = :id"
        " AND event = 'player.status_changed' ORDER BY id LIMIT 1",
        id=ada.id,
    )
    assert tuple(rows[0]) == (mia.id, "because")
    check(await send(mia, path, {"status": "erased", "reason": "x"}), "VALIDATION_ERROR")
    check(await send(mia, path, {"status": "suspended", "until": 5, "reason": "x"}), "VALIDATION_ERROR")
    for edge in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        check(await send(mia, path, {"status": "suspended", "until": edge, "reason": "x"}), "VALIDATION_ERROR")


async def test_nobody_moderates_themselves_staff_or_the_protected_alone(api: Api) -> None:
    mia, max_, root = await moderator(api), await moderator(api), await moderator(api, Role.ADMIN)
    ada = await register(api.client)
    wish = {"status": "banned", "reason": "x"}
    for step, body in (("status", wish), ("protect", {"protected": True}), ("case", {"reason": "x"})):
        check(await send(root, f"/api/v1/moderation/players/{root.id}/{step}", body), "FORBIDDEN")
    check(await send(mia, f"/api/v1/moderation/players/{max_.id}/status", wish), "FORBIDDEN")
    assert (await send(root, f"/api/v1/moderation/players/{max_.id}/status", wish)).status_code == 200
    await send(root, f"/api/v1/moderation/players/{ada.id}/protect", {"protected": True})
    check(await send(mia, f"/api/v1/moderation/players/{ada.id}/status", wish), "CONFLICT")
    found = await api.platform.database.transact(lambda tx: players.find(tx, UUID(ada.id)))
    assert found is not None
    assert found.protected


async def test_players_are_found_by_how_their_names_begin(api: Api) -> None:
    mia = await moderator(api)
    mark = secrets.token_hex(4)
    names = [f"{mark}-Ada", f"{mark}-adam", f"{mark}_100%"]
    people = [await register(api.client, name) for name in names]
    opened = await send(mia, f"/api/v1/moderation/players/{people[0].id}/case", {"reason": "look at this"})
    found = (await mia.get("/api/v1/moderation/players", query=f"{mark}-AD")).json()["items"]
    assert [one["username"] for one in found] == names[:2]
    assert found[0]["open_case"] == opened.json()["open_case"] is not None
    assert (await mia.get("/api/v1/moderation/players", query=f"{mark}%")).json()["items"] == []
    assert [c["source"] for c in opened.json()["cases"]] == ["moderator"]
    seen = await read(mia, found[0]["open_case"])
    assert seen["evidence"]["events"][0]["reference"] == "look at this"


async def test_the_state_of_the_anticheat(api: Api) -> None:
    mia = await moderator(api)
    state = (await mia.get("/api/v1/moderation/anticheat")).json()
    assert state["policies"][-1]["flag"] == api.platform.settings.suspicion_flag
    assert state["queue"]["open"] > 0
    assert sum(day["flag"] + day["hold"] + day["suspend"] for day in state["counts"]["day"]) > 0
