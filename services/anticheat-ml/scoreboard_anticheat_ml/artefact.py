"""A trained model as bytes that can be trusted: what is checked before anything of it is loaded, and why it is refused.

An artefact is a skops file and a JSON sidecar. Its digest covers both; the registry's artefacts carry the platform's
signature over the digest, the shipped one has its digest in the code. ``shipped``, the registry and ``scoreboard
train`` use this.
"""

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from scoreboard.security.platform_keys import PlatformKey
from scoreboard_anticheat_ml import stable_dump
from scoreboard_anticheat_ml.canaries import Canaries
from scoreboard_anticheat_ml.features import SCHEMA_HASH
from scoreboard_anticheat_ml.model import Model, ModelMismatch
from scoreboard_anticheat_ml.sequences import F64, Sequences
from scoreboard_anticheat_ml.windows import schedule

FORMAT = 1
_LIBRARIES = ("scikit-learn", "skops")  # the two that own the format of the trees; what numpy does, the canaries show
# Processors round logarithms differently in the last place. Where intervals are nearly the same that changes their
# order, and sends a window down another branch: without AVX2 one canary window in seven moves, by a tenth at most.
_TOLERANCE = 1e-3
_STRAYS = 0.5  # share of canaries that may differ by more; other features or trees change nearly all of them
_EXACT = 1e16  # from here on a float prints with an exponent, which a jsonb column turns into an integer
_MODEL, _SIDECAR, _SIGNATURE = "model.skops", "model.json", "model.sig"
_BROKEN = (BadZipFile, zlib.error, OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, ImportError)


class Refused(StrEnum):
    """Why an artefact is not loaded."""

    UNREADABLE = "unreadable"
    TAMPERED = "tampered"
    UNSIGNED = "unsigned"
    WRONG_SIGNER = "wrong_signer"
    WRONG_FORMAT = "wrong_format"
    WRONG_LIBRARY = "wrong_library"
    WRONG_SCHEMA = "wrong_schema"
    UNKNOWN_TYPE = "unknown_type"
    CANARY = "canary"


class ArtefactRefused(ValueError):
    """The artefact is not loaded. The message is written for an operator."""

    def __init__(self, reason: Refused, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Artefact:
    """A model at rest.

    Attributes:
        body: The estimators, a skops file.
        sidecar: Everything else, as JSON: versions, thresholds, where it comes from, figures, canaries.
        signature: ES256 over the digest; empty when nobody signed.
        key_id: Which key signed.
    """

    body: bytes
    sidecar: Mapping[str, Any]
    signature: bytes = b""
    key_id: str = ""

    @property
    def model_id(self) -> str:
        """The name that verdicts carry."""
        return str(self.sidecar["model"]["model_id"])

    @property
    def digest(self) -> bytes:
        """SHA-256 over the format's name and the digests of body and sidecar."""
        parts = ["scoreboard-anticheat-model", hashlib.sha256(self.body).hexdigest(), _canonical(self.sidecar)]
        return hashlib.sha256("\n".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that passed every check.

    Attributes:
        model: Ready to score.
        artefact: What it was loaded from.
        canaries: Sequences with known scores.
        canary_scores: What this process gave them when it loaded the model; every later time must be equal to the bit.
    """

    model: Model
    artefact: Artefact
    canaries: Canaries
    canary_scores: F64


def pack(model: Model, canaries: Sequences, *, trained: Mapping[str, Any], metrics: Mapping[str, Any]) -> Artefact:
    """An artefact, not yet signed.

    Args:
        model: What training gave.
        canaries: Sequences whose scores are kept with it.
        trained: Where it comes from: seed, data and its hash, numbers of players.
        metrics: What it reached, to be shown beside it.

    Raises:
        ValueError: There is no canary: nobody could see whether it still scores as it should.
    """
    if not schedule(int(canaries.lengths().max(initial=0))):
        raise ValueError("a model needs canaries")
    body, parts = stable_dump.dump(model.estimators()), {**model.sidecar(), "model_id": ""}
    name = hashlib.sha256(body + _canonical(parts).encode()).hexdigest()[:12]  # other thresholds are another model
    sidecar = {
        "format": FORMAT,
        "libraries": {name: version(name) for name in (*_LIBRARIES, "numpy", "scipy")},
        "schema": SCHEMA_HASH,
        "trained": dict(trained),
        "metrics": dict(metrics),
        "model": {**parts, "model_id": name},
        "canaries": Canaries.of(canaries, model).to_json(),
    }
    return Artefact(body, json.loads(_canonical(sidecar)))


def sign(artefact: Artefact, key: PlatformKey) -> Artefact:
    """Vouch for an artefact with the platform's key."""
    return replace(artefact, signature=key.sign(_message(artefact, key.id)), key_id=key.id)


def open_signed(artefact: Artefact, keys: Sequence[PlatformKey]) -> Opened:
    """Check the signature and everything else, then load.

    Args:
        artefact: From the registry.
        keys: The platform's; each of them may have signed.

    Raises:
        ArtefactRefused: It is unsigned, signed by another, changed, or made for other versions.
    """
    if not artefact.signature:
        raise ArtefactRefused(Refused.UNSIGNED, "The model is not signed. Only the platform's own models are loaded.")
    key = next((key for key in keys if key.id == artefact.key_id), None)
    if key is None:
        raise ArtefactRefused(
            Refused.WRONG_SIGNER, f"The model was signed with the key {artefact.key_id!r}, which this platform has not."
        )
    if not key.verifies(artefact.signature, _message(artefact, key.id)):
        raise ArtefactRefused(Refused.TAMPERED, "The model or its description was changed after it was signed.")
    return _open(artefact)


def open_pinned(artefact: Artefact, digest: str) -> Opened:
    """Check the digest and everything else, then load.

    Args:
        artefact: From the package.
        digest: Hexadecimal SHA-256 that the code demands.

    Raises:
        ArtefactRefused: It is another artefact, or made for other versions.
    """
    if artefact.digest.hex() != digest:
        raise ArtefactRefused(Refused.TAMPERED, "The shipped model is not the one that this version was released with.")
    return _open(artefact)


def _open(artefact: Artefact) -> Opened:
    _require_versions(artefact.sidecar)
    try:
        model = Model.assemble(stable_dump.load(artefact.body), artefact.sidecar["model"])
        canaries = Canaries.from_json(artefact.sidecar["canaries"])
    except stable_dump.UnknownTypes as error:
        raise ArtefactRefused(Refused.UNKNOWN_TYPE, f"The model holds types that no model has: {error}.") from error
    except ModelMismatch as error:
        raise ArtefactRefused(Refused.WRONG_SCHEMA, f"The model and its description do not fit: {error}") from error
    except _BROKEN as error:
        raise ArtefactRefused(Refused.UNREADABLE, f"The model cannot be read: {error!r}.") from error
    scores = canaries.scores(model)
    if len(scores) != len(canaries.expected) or np.mean(np.abs(scores - canaries.expected) > _TOLERANCE) > _STRAYS:
        raise ArtefactRefused(
            Refused.CANARY, "The model scores its canaries differently here than where it was trained. Train it again."
        )
    return Opened(model, artefact, canaries, scores)


def _require_versions(sidecar: Mapping[str, Any]) -> None:
    made, libraries = sidecar.get("format"), sidecar.get("libraries")
    if made != FORMAT:
        raise ArtefactRefused(Refused.WRONG_FORMAT, f"The model has format {made!r}; this version reads {FORMAT}.")
    for name in _LIBRARIES:
        there, here = str(dict(libraries or {}).get(name)), version(name)
        if there.split(".")[:2] != here.split(".")[:2]:
            raise ArtefactRefused(
                Refused.WRONG_LIBRARY, f"The model was made with {name} {there}; here is {here}. Train it again."
            )
    if sidecar.get("schema") != SCHEMA_HASH:
        raise ArtefactRefused(
            Refused.WRONG_SCHEMA, "The model was made for other features than this version computes. Train it again."
        )


def _message(artefact: Artefact, key_id: str) -> bytes:
    """Begins with a bracket, as the audit log's seals do, and says what it is for: neither can pass for the other."""
    return json.dumps(["scoreboard-anticheat-model", FORMAT, artefact.digest.hex(), key_id]).encode()


def _canonical(value: Mapping[str, Any]) -> str:
    """One text for one content, whichever way it was stored."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        if not abs(value) < _EXACT:
            raise ValueError(f"{value} cannot be written down exactly")
        return float(value) + 0.0  # one zero, not two
    return value


def read_folder(folder: Path) -> Artefact:
    """The artefact in a folder that ``write_folder`` or ``scoreboard train`` wrote.

    Raises:
        ArtefactRefused: A file is missing or is not what it should be.
    """
    try:
        body = (folder / _MODEL).read_bytes()
        sidecar = json.loads((folder / _SIDECAR).read_bytes())
        signature = (folder / _SIGNATURE).read_text(encoding="ascii") if (folder / _SIGNATURE).exists() else " "
        key_id, _, signed = signature.partition(" ")
        artefact = Artefact(body, sidecar, base64.b64decode(signed, validate=False), key_id)
        _canonical(artefact.sidecar)
    except (OSError, ValueError, AttributeError, RecursionError, binascii.Error) as error:
        raise ArtefactRefused(Refused.UNREADABLE, f"There is no readable model in {folder}: {error}") from error
    return artefact


def write_folder(artefact: Artefact, folder: Path) -> None:
    """Write the two files of an artefact, and its signature where it has one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MODEL).write_bytes(artefact.body)
    text = json.dumps(artefact.sidecar, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / _SIDECAR).write_text(text + "\n", encoding="utf-8")
    if artefact.signature:
        text = f"{artefact.key_id} {base64.b64encode(artefact.signature).decode('ascii')}\n"
        (folder / _SIGNATURE).write_text(text, encoding="ascii")
