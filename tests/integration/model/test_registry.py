"""The registry: promotion by evidence and an injected clock, signatures that outlive a key, labels from reviewers."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.model import Detection, Found, JudgedWindow, ModelStage
from scoreboard.domain.promotion import Labels
from scoreboard.security.identifiers import new_id
from scoreboard.storage import model_windows, models
from scoreboard.storage.database import Transaction
from scoreboard.storage.models import StoredArtefact
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.promote_model import promote_model, weigh_promotion
from scoreboard.usecases.read_model_health import read_model_health
from scoreboard.usecases.register_model import register_model
from tests.conftest import furnish
from tests.model_play import new_player
from tests.stage import Stores, patient

GOOD = {
    "tpr": {length: {"macro": 0.95, "families": {"fixed": 1.0}} for length in ("20", "50", "200")},
    "segment_ratio": 1.5,
}


@pytest_asyncio.fixture
async def platform(stores: Stores) -> AsyncIterator[Platform]:
    platform = open_platform(patient(await stores.environment()), application="test")
    await furnish(platform)
    yield platform
    await platform.close()


async def a_model(platform: Platform, name: str, metrics: dict[str, object], stage: ModelStage) -> None:
    """A row of the registry; nothing loads it here."""
    stored = StoredArtefact(b"trees", {"metrics": metrics}, bytes(32), b"signature", "key")
    await register_model(platform, name, stored, by="test")
    await platform.database.transact(lambda tx: models.set_stage(tx, name, stage))


async def looked_at(
    platform: Platform, model_id: str, count: int, flagged: int, ids: Sequence[UUID] = (), *, applied: bool = False
) -> Sequence[UUID]:
    """So many players with one window each, spread over eight days from now on, the first ones flagged."""
    ids = ids or [await new_player(platform, f"{model_id}-{number}") for number in range(count)]
    windows = [
        JudgedWindow(
            player_id,
            model_id,
            number + 1,
            20,
            20,
            1.0,
            0.5,
            2 if number < flagged else 0,
            Found.FLAG if number < flagged else Found.NONE,
            (Detection("model", "words"),),
            "tap",
            datetime.now(UTC),
        )
        for number, player_id in enumerate(ids)
    ]
    await platform.database.transact(lambda tx: model_windows.add(tx, windows, [applied] * count))
    spread = "UPDATE model_windows SET at = at + (end_seq % 8) * interval '1 day' WHERE model_id = $1"
    await platform.database.transact(lambda tx: tx.fetch(spread, model_id))
    return ids


async def decide(
    platform: Platform,
    player_id: UUID,
    decision: str,
    *,
    source: str = "model",
    by: UUID | None,
    opened: datetime | None = None,
    at: datetime | None = None,
) -> None:
    """A decided case, as a reviewer leaves it; ``by`` None: the deadline. Opened an hour before it was decided."""
    decided = at or datetime.now(UTC)
    opened = opened or decided - timedelta(hours=1)

    async def work(tx: Transaction) -> None:
        await tx.fetch(
            "INSERT INTO review_cases (id, player_id, source, verdict, status, priority, opened_at, updated_at, due_at,"
            " decision, decided_by, decided_at) VALUES ($1, $2, $3, 'flag', 'decided', 1, $6, $7, $7, $4, $5, $7)",
            new_id(),
            player_id,
            source,
            decision,
            by,
            opened,
            decided,
        )

    await platform.database.transact(work)


async def canaries(platform: Platform, model_id: str) -> None:
    report = {"canaries": {"at": "now", "equal": True}}
    await platform.database.transact(lambda tx: models.save_health(tx, model_id, report))


async def test_a_model_goes_from_candidate_to_suspend_one_step_at_a_time(platform: Platform) -> None:
    moderator = await new_player(platform, "moderator")
    await a_model(platform, "m", GOOD, ModelStage.CANDIDATE)
    assert await promote_model(platform, "m", by="test") is ModelStage.SHADOW

    with pytest.raises(Refusal) as caught:
        await promote_model(platform, "m", by="test")
    assert caught.value.code is ErrorCode.CONFLICT
    assert "7 days" in caught.value.detail
    assert "known scores" in caught.value.detail
    ids = await looked_at(platform, "m", 300, 1)
    await canaries(platform, "m")
    stage, against = await weigh_promotion(platform, "m")
    assert stage is ModelStage.CANARY
    assert len(against) == 1, "only the days are left"
    week = datetime.now(UTC) + timedelta(days=7, seconds=1)
    with pytest.raises(Refusal, match="is old"):
        await promote_model(platform, "m", by="test", now=week)
    await platform.database.transact(lambda tx: tx.fetch("UPDATE model_health SET at = $1", week))
    assert await promote_model(platform, "m", by="test", now=week) is ModelStage.CANARY

    shift = "UPDATE model_windows SET at = at + $1::int * interval '1 day', applied = true"
    await platform.database.transact(lambda tx: tx.fetch(shift, -9))
    with pytest.raises(Refusal, match="at least 20"):
        await promote_model(platform, "m", by="test", now=week + timedelta(days=7))
    await platform.database.transact(lambda tx: tx.fetch(shift, 9))
    opened, decided = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(days=9)
    for number in range(6):
        await decide(platform, ids[number], "ban" if number < 5 else "release", by=moderator, opened=opened, at=decided)
    await decide(platform, ids[9], "release", by=None)
    week += timedelta(days=7)
    await platform.database.transact(lambda tx: tx.fetch("UPDATE model_health SET at = $1", week))
    assert await promote_model(platform, "m", by="test", now=week) is ModelStage.HOLD
    rows = await platform.database.transact(
        lambda tx: tx.fetch(
            "SELECT event, subject, detail->>'to' FROM audit_log WHERE event LIKE 'model.%' ORDER BY id"
        )
    )
    assert [tuple(row) for row in rows] == [
        ("model.registered", "m", None),
        ("model.promoted", "m", "shadow"),
        ("model.promoted", "m", "canary"),
        ("model.promoted", "m", "hold"),
    ]


async def test_only_a_models_own_cases_and_later_decisions_speak_for_it(platform: Platform) -> None:
    """Cases of another model, decisions that it may have been trained with, and cases counted twice say nothing."""
    moderator = await new_player(platform, "moderator")
    await a_model(platform, "old", GOOD, ModelStage.CANARY)
    ids = await looked_at(platform, "old", 40, 10, applied=True)
    await platform.database.transact(lambda tx: tx.fetch("UPDATE model_windows SET at = clock_timestamp()"))
    for player_id in ids[:6]:
        await decide(platform, player_id, "ban", by=moderator)
        await decide(platform, player_id, "ban", by=moderator)
    assert await labels(platform, "old") == Labels(6, 6, 0, 0)

    await a_model(platform, "new", GOOD, ModelStage.SHADOW)
    await looked_at(platform, "new", 40, 0, ids)
    against = (await weigh_promotion(platform, "new"))[1]
    assert not any("confirmed" in words for words in against), "what it may have been trained with counts for neither"
    await platform.database.transact(lambda tx: models.set_stage(tx, "new", ModelStage.CANARY))
    assert "Reviewers have decided 0 cases" in (await weigh_promotion(platform, "new"))[1][-1]

    await decide(platform, ids[0], "release", by=moderator)
    assert await labels(platform, "old") == Labels(5, 5, 1, 1), "the last decision about a player counts"


async def labels(platform: Platform, model_id: str) -> Labels:
    since = datetime.now(UTC) - timedelta(days=1)
    return await platform.database.transact(lambda tx: model_windows.labels(tx, model_id, since))


async def test_a_model_without_a_family_table_stays_a_candidate(platform: Platform) -> None:
    await a_model(platform, "m", {}, ModelStage.CANDIDATE)
    with pytest.raises(Refusal, match="no table of families"):
        await promote_model(platform, "m", by="test")
    assert await promote_model(platform, "m", by="test", despite="measured elsewhere") is ModelStage.SHADOW


async def test_a_model_that_was_replaced_cannot_be_promoted_past_its_successor(platform: Platform) -> None:
    await a_model(platform, "old", GOOD, ModelStage.CANARY)
    await a_model(platform, "new", GOOD, ModelStage.CANARY)
    with pytest.raises(Refusal, match="new has taken its place"):
        await promote_model(platform, "old", by="test", despite="anything")
    await a_model(platform, "last", GOOD, ModelStage.SUSPEND)
    with pytest.raises(Refusal, match="no further stage"):
        await promote_model(platform, "last", by="test")
    with pytest.raises(Refusal, match="There is no model"):
        await promote_model(platform, "nobody", by="test")


async def test_nothing_is_known_before_a_model_ran(platform: Platform) -> None:
    health = await read_model_health(platform)
    assert (health.on, health.current, health.position, health.flag_rate) == (True, None, None, None)


async def test_review_precision_counts_what_people_decided(platform: Platform) -> None:
    moderator = await new_player(platform, "moderator")
    await a_model(platform, "m", GOOD, ModelStage.CANARY)
    ids = await looked_at(platform, "m", 40, 10, applied=True)
    await platform.database.transact(lambda tx: tx.fetch("UPDATE model_windows SET at = clock_timestamp()"))
    for number, decision in enumerate(("ban", "reject", "dismiss", "ban")):
        await decide(platform, ids[number], decision, by=moderator)
    await decide(platform, ids[5], "release", by=None)
    await decide(platform, ids[6], "ban", source="rules", by=moderator)
    health = await read_model_health(platform)
    assert health.review_precision == 0.75
    assert health.flag_rate == 0.25
    await a_model(platform, "next", GOOD, ModelStage.CANARY)
    assert (await read_model_health(platform)).review_precision is None, "those were the other model's cases"
