"""Models that are shipped and signed, that somebody changed, and what reviewers' decisions teach the next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scoreboard.domain.model import Found, JudgedWindow, ModelStage
from scoreboard.security.platform_keys import load_platform_key, platform_keys
from scoreboard.storage import model_windows, models
from scoreboard.usecases.collect_labels import collect_labels
from scoreboard.usecases.platform import Platform
from scoreboard_anticheat_ml.artefact import ArtefactRefused
from scoreboard_anticheat_ml.opened_models import open_stored
from scoreboard_anticheat_ml.registering import register_shipped, register_trained, renew_signatures, verify_registered
from scoreboard_cli.training.reviews import REVIEWED, labelled
from tests.integration.model.test_registry import GOOD, a_model, decide, platform
from tests.model_play import default_artefact, install, new_player, other_artefact, person, record, script
from tests.stage import make_keys

__all__ = ["platform"]


async def test_the_shipped_model_is_registered_once_and_signed_again_when_keys_rotate(platform: Platform) -> None:
    keys = platform_keys(platform.settings)
    await register_shipped(platform, keys)
    await register_shipped(platform, keys)
    [found] = await platform.database.transact(models.listed)
    assert (found.id, found.stage) == (default_artefact().model_id, ModelStage.SHADOW)
    await verify_registered(platform, found.id)

    new_key = load_platform_key(make_keys()["SCOREBOARD_SIGNING_KEY"])
    await register_shipped(platform, [new_key])
    stored = await platform.database.transact(lambda tx: models.artefact(tx, found.id))
    assert stored is not None
    assert stored.key_id == new_key.id
    with pytest.raises(ArtefactRefused, match="which this platform has not"):
        await verify_registered(platform, found.id)
    [same] = await platform.database.transact(models.listed)
    assert same.stage_since == found.stage_since


async def test_a_newer_shipped_model_does_not_displace_the_one_that_is_watched(platform: Platform) -> None:
    watched = await install(platform, other_artefact(), ModelStage.SHADOW)
    await register_shipped(platform, platform_keys(platform.settings))
    stages = {model.id: model.stage for model in await platform.database.transact(models.listed)}
    assert stages == {watched: ModelStage.SHADOW, default_artefact().model_id: ModelStage.CANDIDATE}


async def test_a_shipped_model_takes_the_place_of_one_that_no_longer_fits(platform: Platform) -> None:
    await a_model(platform, "of-an-older-version", GOOD, ModelStage.SHADOW)
    await register_shipped(platform, platform_keys(platform.settings))
    stages = {model.id: model.stage for model in await platform.database.transact(models.listed)}
    assert stages[default_artefact().model_id] is ModelStage.SHADOW


async def test_a_new_key_signs_what_the_one_before_has_signed(platform: Platform) -> None:
    model_id = await install(platform, other_artefact(), ModelStage.SHADOW)
    changed = await install(platform, default_artefact(), ModelStage.CANDIDATE)
    await platform.database.transact(
        lambda tx: tx.fetch("UPDATE models SET artefact = artefact || '\\x00' WHERE id = $1", changed)
    )
    old, new = platform_keys(platform.settings)[0], load_platform_key(make_keys()["SCOREBOARD_SIGNING_KEY"])
    await renew_signatures(platform, [new, old])
    found = {
        name: await platform.database.transact(lambda tx, n=name: models.artefact(tx, n))
        for name in (model_id, changed)
    }
    assert {name: stored.key_id for name, stored in found.items() if stored} == {model_id: new.id, changed: old.id}
    open_stored(model_id, found[model_id], [new])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("signature = ''", "not signed"),
        ("signature = set_byte(signature, 9, 255 - get_byte(signature, 9))", "changed after it was signed"),
        ("key_id = 'somebody'", "which this platform has not"),
        ("sidecar = jsonb_set(sidecar, '{schema}', '\"x\"')", "not what was registered"),
        ("artefact = artefact || '\\x00'", "not what was registered"),
        ("sidecar = jsonb_set(sidecar, '{model,thresholds,shift}', '9')", "not what was registered"),
    ],
)
async def test_what_was_changed_in_the_registry_is_refused_with_a_sentence(
    platform: Platform, change: str, words: str
) -> None:
    model_id = await install(platform, default_artefact(), ModelStage.CANDIDATE)
    await platform.database.transact(lambda tx: tx.fetch(f"UPDATE models SET {change} WHERE id = $1", model_id))
    with pytest.raises(ArtefactRefused, match=words):
        await verify_registered(platform, model_id)


@pytest.mark.parametrize(("name", "value"), [("format", 99), ("schema", "other"), ("libraries", {"skops": "0.1"})])
async def test_a_model_of_another_version_is_refused_before_anybody_vouches_for_it(
    platform: Platform, name: str, value: object
) -> None:
    artefact = default_artefact()
    other = replace(artefact, sidecar={**artefact.sidecar, name: value})
    with pytest.raises(ArtefactRefused):
        await register_trained(platform, other, by="test")
    assert await platform.database.transact(models.listed) == []


async def test_reviewers_decisions_and_a_random_sample_become_training_data(platform: Platform) -> None:
    moderator = await new_player(platform, "moderator")
    names = ("banned", "dismissed", "by-deadline", "unnoticed", "few", "flagged")
    ids = {name: await new_player(platform, name) for name in names}
    for number, name in enumerate(names):
        events = 20 if name == "few" else 80
        moments = script(events) if name == "banned" else person(events, seed=number)
        await record(platform, [(ids[name], at) for at in moments])
    await record(platform, [(ids["dismissed"], at) for at in person(5, seed=9)], kind="match", points=50)
    windows = [
        JudgedWindow(ids[name], "m", 1, 50, 50, 1.0, 0.1, 0, found, (), "tap", datetime.now(UTC))
        for name, found in (("unnoticed", Found.NONE), ("few", Found.NONE), ("flagged", Found.FLAG))
    ]
    await platform.database.transact(lambda tx: model_windows.add(tx, windows, [False] * 3))
    await decide(platform, ids["banned"], "release", by=moderator)
    await decide(platform, ids["banned"], "ban", by=moderator)
    await decide(platform, ids["dismissed"], "dismiss", by=moderator)
    await decide(platform, ids["by-deadline"], "release", by=None)

    labels = await collect_labels(platform, days=30, audited=10, seed=1)
    assert {(play.player_id, play.cheat, play.audited) for play in labels.plays} == {
        (ids["banned"], True, False),
        (ids["dismissed"], False, False),
        (ids["unnoticed"], False, True),
    }
    data = labelled(labels)
    family = dict(zip(data.sequences.player.tolist(), data.family.tolist(), strict=True))
    assert family[str(ids["banned"])] == REVIEWED
    assert family[str(ids["dismissed"])] == family[str(ids["unnoticed"])] == "human"
    place = data.sequences.player.tolist().index(str(ids["dismissed"]))
    events = data.sequences.of(place)
    assert len(data.sequences.t[events]) == 85
    assert (data.sequences.points_max[events] == 100).sum() == 5
    assert np.isnan(data.sequences.points_max[events]).sum() == 80, "fixed points say nothing"


async def test_only_the_evidence_of_a_cheat_is_called_cheating(platform: Platform) -> None:
    """A year by hand, then a script, a case, a decision, and then more play than is read of one player."""
    moderator, cheat = await new_player(platform, "moderator"), await new_player(platform, "cheat")
    began = datetime.now(UTC) - timedelta(days=30)
    for events, day in ((300, 0), (150, 10), (30, 11), (2100, 20)):
        moments = script(events, began=began + timedelta(days=day))
        await record(platform, [(cheat, at) for at in moments])
    opened, decided = began + timedelta(days=10.5), began + timedelta(days=12)
    await decide(platform, cheat, "reject", by=moderator, opened=opened, at=decided)
    [play] = (await collect_labels(platform, days=60, audited=0, seed=1)).plays
    assert play.cheat
    assert len(play.completions) == 200 + 30
    assert play.completions[-1].at <= decided
    assert play.completions[50].at >= began + timedelta(days=10), "all of the script, and the fifty before it"


async def test_another_model_is_another_row(platform: Platform) -> None:
    first = await install(platform, default_artefact(), ModelStage.SHADOW)
    second = await install(platform, other_artefact(), ModelStage.SHADOW)
    assert first != second
    assert {model.id for model in await platform.database.transact(models.listed)} == {first, second}
