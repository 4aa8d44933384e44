"""The registry of models: artefacts with their signatures, what each may do, the switch, and what they report."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from scoreboard.domain.model import ModelStage, RegisteredModel
from scoreboard.storage.database import Transaction

_COLUMNS = "id, stage, stage_since, created_at, created_by, sidecar::text"
_ADD = (
    "INSERT INTO models (id, stage, stage_since, created_at, created_by, artefact, sidecar, sha256, signature, key_id)"
    " VALUES ($1, $2, clock_timestamp(), clock_timestamp(), $3, $4, CAST($5::text AS jsonb), $6, $7, $8)"
    " ON CONFLICT (id) DO NOTHING RETURNING 1"
)
_SIGN = "UPDATE models SET signature = $3, key_id = $4 WHERE id = $1 AND sha256 = $2"


class StoredArtefact(NamedTuple):
    """A model at rest: its estimators, its description, the SHA-256 over both, and who vouches for it."""

    body: bytes
    sidecar: dict[str, Any]
    sha256: bytes
    signature: bytes
    key_id: str


class Health(NamedTuple):
    """What the process that asks a model last reported; JSON values only."""

    at: datetime
    report: dict[str, Any]


def _model(row: Any) -> RegisteredModel:
    id_, stage, stage_since, created_at, created_by, sidecar = row
    return RegisteredModel(
        id_, ModelStage(stage), stage_since, created_at, created_by, msgspec.json.decode(sidecar, type=dict)
    )


async def add(tx: Transaction, model_id: str, stage: ModelStage, by: str, stored: StoredArtefact) -> bool:
    """Register a model. False: it is there already, and nothing was changed."""
    sidecar = msgspec.json.encode(stored.sidecar).decode()
    arguments = (stored.body, sidecar, stored.sha256, stored.signature, stored.key_id)
    return bool(await tx.fetch(_ADD, model_id, str(stage), by, *arguments))


async def sign(tx: Transaction, model_id: str, stored: StoredArtefact) -> None:
    """Replace a registered model's signature, where it is this artefact: keys rotate."""
    await tx.fetch(_SIGN, model_id, stored.sha256, stored.signature, stored.key_id)


async def signed_otherwise(tx: Transaction, key_id: str) -> list[str]:
    """Models that another key than this one has signed."""
    rows = await tx.fetch("SELECT id FROM models WHERE key_id <> $1 AND stage <> 'retired' ORDER BY id", key_id)
    return [row[0] for row in rows]


async def listed(tx: Transaction) -> list[RegisteredModel]:
    """Every model, the newest first."""
    return [_model(row) for row in await tx.fetch(f"SELECT {_COLUMNS} FROM models ORDER BY created_at DESC, id")]


async def loaded(tx: Transaction) -> list[RegisteredModel]:
    """Those that may be asked: neither candidates nor retired ones. Without sidecars: this is asked all the time."""
    rows = await tx.fetch(
        "SELECT id, stage, stage_since, created_at, created_by, '{}' FROM models WHERE stage IN"
        " ('shadow', 'canary', 'hold', 'suspend')"
    )
    return [_model(row) for row in rows]


async def is_any(tx: Transaction) -> bool:
    """Whether any model was ever registered, whatever became of it."""
    [row] = await tx.fetch("SELECT EXISTS (SELECT 1 FROM models)")
    return bool(row[0])


async def lock(tx: Transaction) -> list[RegisteredModel]:
    """Every model, locked until the commit: stages are changed by one at a time."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM models ORDER BY id FOR UPDATE")
    return [_model(row) for row in rows]


async def artefact(tx: Transaction, model_id: str) -> StoredArtefact | None:
    """What has to be verified before it is loaded; None for an unknown model."""
    rows = await tx.fetch(
        "SELECT artefact, sidecar::text, sha256, signature, key_id FROM models WHERE id = $1", model_id
    )
    if not rows:
        return None
    body, sidecar, *rest = rows[0]
    return StoredArtefact(body, msgspec.json.decode(sidecar, type=dict), *rest)


async def set_stage(tx: Transaction, model_id: str, stage: ModelStage) -> None:
    """Change what a locked model may do, from now on."""
    await tx.fetch("UPDATE models SET stage = $2, stage_since = clock_timestamp() WHERE id = $1", model_id, str(stage))


async def is_on(tx: Transaction) -> bool:
    """Whether models are asked at all."""
    rows = await tx.fetch("SELECT enabled FROM model_switch WHERE shard = 0")
    return bool(rows and rows[0]["enabled"])


async def switch(tx: Transaction, *, on: bool) -> bool:
    """Ask models, or none. False: that was so already."""
    rows = await tx.fetch(
        "UPDATE model_switch SET enabled = $1, changed_at = clock_timestamp() WHERE shard = 0 AND enabled <> $1"
        " RETURNING 1",
        on,
    )
    return bool(rows)


async def save_health(tx: Transaction, model_id: str, report: dict[str, Any]) -> None:
    """Keep what the process that asks the model reports of it now."""
    await tx.fetch(
        "INSERT INTO model_health (model_id, at, report) VALUES ($1, clock_timestamp(), CAST($2::text AS jsonb))"
        " ON CONFLICT (model_id) DO UPDATE SET at = excluded.at, report = excluded.report",
        model_id,
        msgspec.json.encode(report).decode(),
    )


async def health(tx: Transaction, model_id: str) -> Health | None:
    """The last report about a model."""
    rows = await tx.fetch("SELECT at, report::text FROM model_health WHERE model_id = $1", model_id)
    return Health(rows[0][0], msgspec.json.decode(rows[0][1], type=dict)) if rows else None
