"""A model at rest is loaded only when it is exactly what somebody vouched for, and fits what is here."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreboard.security.platform_keys import PlatformKey, load_platform_key
from scoreboard_anticheat_ml import shipped, stable_dump
from scoreboard_anticheat_ml.artefact import (
    Artefact,
    ArtefactRefused,
    Refused,
    open_pinned,
    open_signed,
    pack,
    read_folder,
    sign,
    write_folder,
)
from scoreboard_anticheat_ml.model import Model
from tests.stage import make_keys

Change = Callable[[dict[str, Any]], None]


def new_key() -> PlatformKey:
    return load_platform_key(make_keys()["SCOREBOARD_SIGNING_KEY"])


KEY = new_key()
SHIPPED = shipped.artefact()
SIGNED = sign(SHIPPED, KEY)


@pytest.fixture(scope="module")
def model() -> Model:
    return shipped.shipped().model


def reason_of(artefact: Artefact, key: PlatformKey = KEY) -> Refused:
    with pytest.raises(ArtefactRefused) as refused:
        open_signed(artefact, [key])
    return refused.value.reason


def with_sidecar(change: Change) -> Artefact:
    """The shipped model with another sidecar, signed: whoever signed meant it."""
    sidecar = json.loads(json.dumps(SHIPPED.sidecar))
    change(sidecar)
    return sign(replace(SHIPPED, sidecar=sidecar), KEY)


def test_a_signed_model_scores_as_the_one_that_was_signed(tmp_path: Path, model: Model) -> None:
    write_folder(SIGNED, tmp_path)
    opened = open_signed(read_folder(tmp_path), [new_key(), KEY])
    features = np.random.default_rng(1).normal(size=(50, len(SIGNED.sidecar["model"]["features"]))).astype(np.float32)
    assert np.array_equal(opened.model.score(features, 50), model.score(features, 50))
    assert np.array_equal(opened.canaries.scores(opened.model), opened.canary_scores)


def test_what_was_packed_again_is_the_same_to_the_byte(model: Model) -> None:
    opened = shipped.shipped()
    again = pack(
        opened.model,
        opened.canaries.sequences,
        trained=SHIPPED.sidecar["trained"],
        metrics=SHIPPED.sidecar["metrics"],
    )
    assert again.body == SHIPPED.body
    assert again.sidecar == SHIPPED.sidecar


def test_the_digest_survives_a_store_that_orders_keys_its_own_way() -> None:
    def by_length(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: by_length(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
        return [by_length(each) for each in value] if isinstance(value, list) else value

    stored = replace(SIGNED, sidecar=json.loads(json.dumps(by_length(SIGNED.sidecar), indent=3)))
    assert stored.digest == SIGNED.digest


def test_unsigned_is_refused() -> None:
    assert reason_of(SHIPPED) is Refused.UNSIGNED


def test_another_signer_is_refused() -> None:
    assert reason_of(sign(SHIPPED, new_key())) is Refused.WRONG_SIGNER


def test_a_signature_under_a_borrowed_name_is_refused() -> None:
    assert reason_of(replace(sign(SHIPPED, new_key()), key_id=KEY.id)) is Refused.TAMPERED


def test_a_changed_threshold_is_refused() -> None:
    milder = with_sidecar(lambda sidecar: sidecar["model"]["thresholds"]["scores"][0][0].__setitem__(0, 99.0))
    assert reason_of(replace(milder, signature=SIGNED.signature)) is Refused.TAMPERED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda sidecar: sidecar.update(format=2), Refused.WRONG_FORMAT),
        (lambda sidecar: sidecar.pop("format"), Refused.WRONG_FORMAT),
        (lambda sidecar: sidecar["libraries"].update({"scikit-learn": "1.8.2"}), Refused.WRONG_LIBRARY),
        (lambda sidecar: sidecar["libraries"].update(skops="0.15.0"), Refused.WRONG_LIBRARY),
        (lambda sidecar: sidecar.pop("libraries"), Refused.WRONG_LIBRARY),
        (lambda sidecar: sidecar.update(schema="0" * 64), Refused.WRONG_SCHEMA),
        (lambda sidecar: sidecar["model"].pop("thresholds"), Refused.WRONG_SCHEMA),
        (lambda sidecar: sidecar.pop("canaries"), Refused.UNREADABLE),
        (lambda sidecar: sidecar["canaries"]["players"][0].update(t=["never"]), Refused.UNREADABLE),
        (lambda sidecar: sidecar["canaries"].update(expected=[0.5]), Refused.CANARY),
        (
            lambda sidecar: sidecar["canaries"].update(expected=[x + 0.1 for x in sidecar["canaries"]["expected"]]),
            Refused.CANARY,
        ),
    ],
)
def test_what_does_not_fit_is_refused_although_it_is_signed(change: Change, reason: Refused) -> None:
    assert reason_of(with_sidecar(change)) is reason


def test_the_last_places_of_another_processor_are_no_reason_to_refuse() -> None:
    def elsewhere(sidecar: dict[str, Any]) -> None:
        expected = sidecar["canaries"]["expected"]
        sidecar["canaries"]["expected"] = [
            score + (0.2 if place % 4 == 0 else 1e-9) for place, score in enumerate(expected)
        ]

    open_signed(with_sidecar(elsewhere), [KEY])


class Decoy:
    """An object that no model has; notes when somebody brings it to life."""

    born = 0

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        Decoy.born += 1


def test_unknown_types_are_refused_before_any_object_is_made() -> None:
    estimators = stable_dump.load(SHIPPED.body)
    decoy = Decoy()
    decoy.__dict__["armed"] = True
    body = stable_dump.dump({**estimators, "extra": decoy})
    assert set(skops.io.get_untrusted_types(data=body)) - set(stable_dump.ALLOWED_TYPES)
    assert reason_of(sign(replace(SHIPPED, body=body), KEY)) is Refused.UNKNOWN_TYPE
    assert Decoy.born == 0


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", SHIPPED.body[: len(SHIPPED.body) // 2]])
def test_rubbish_that_somebody_signed_is_refused(body: bytes) -> None:
    assert reason_of(sign(replace(SHIPPED, body=body), KEY)) is Refused.UNREADABLE


def test_the_shipped_model_is_pinned() -> None:
    assert shipped.shipped().artefact.digest.hex() == shipped.DIGEST
    with pytest.raises(ArtefactRefused) as refused:
        open_pinned(with_sidecar(lambda sidecar: sidecar["metrics"].clear()), shipped.DIGEST)
    assert refused.value.reason is Refused.TAMPERED


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, len(SIGNED.body) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_body_is_found(place: int, bit: int) -> None:
    body = bytearray(SIGNED.body)
    body[place] ^= 1 << bit
    assert reason_of(replace(SIGNED, body=bytes(body))) is Refused.TAMPERED


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["model.json", "model.sig"]), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7)
)
def test_a_flipped_bit_in_a_file_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str, share: float, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("model")
    write_folder(SIGNED, folder)
    text = bytearray((folder / name).read_bytes())
    text[int(share * len(text))] ^= 1 << bit
    (folder / name).write_bytes(bytes(text))
    try:
        found = read_folder(folder)
        open_signed(found, [KEY])
    except ArtefactRefused:
        return
    assert found == SIGNED


@pytest.mark.parametrize("name", ["model.skops", "model.json"])
def test_a_missing_file_is_said(tmp_path: Path, name: str) -> None:
    write_folder(SIGNED, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ArtefactRefused, match="no readable model") as refused:
        read_folder(tmp_path)
    assert refused.value.reason is Refused.UNREADABLE


def test_what_cannot_be_written_down_exactly_is_not_packed() -> None:
    with pytest.raises(ValueError, match="exactly"):
        _ = replace(SHIPPED, sidecar={"limit": float("inf")}).digest
