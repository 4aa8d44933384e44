"""The tables as SQLAlchemy sees them. The migrations make them; a test holds both against each other."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import INET, JSONB

from scoreboard.storage.activity_tables import add_activity_tables
from scoreboard.storage.catalog_tables import owners, versioned
from scoreboard.storage.past_tables import add_past_tables
from scoreboard.storage.review_tables import add_review_tables

metadata = MetaData()
_MOMENT = DateTime(timezone=True)


def _key(name: str, kind: type) -> Column[object]:
    return Column(name, kind, primary_key=True)


players = Table(
    "players",
    metadata,
    _key("id", Uuid),
    Column("username", Text, nullable=False),
    Column("username_key", Text, nullable=False),
    Column("email", Text),
    Column("password_hash", Text),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("suspended_until", _MOMENT),
    Column("protected", Boolean, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("updated_at", _MOMENT, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    _key("id", Uuid),
    Column("player_id", Uuid, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("last_used_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Column("revoked_at", _MOMENT),
    Column("revoked_reason", Text),
)
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    _key("hash", LargeBinary),
    Column("session_id", Uuid, nullable=False),
    Column("issued_at", _MOMENT, nullable=False),
    Column("used_at", _MOMENT),
    Column("used_by", LargeBinary),
)
external_identities = Table(
    "external_identities",
    metadata,
    _key("issuer", Text),
    _key("subject", Text),
    Column("player_id", Uuid, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
)
boards = versioned(metadata, "boards")
action_kinds = versioned(metadata, "action_kinds")
policies = versioned(metadata, "policies")
season_plans = versioned(metadata, "season_plans")
declaration_owners = owners(metadata)
seasons = Table(
    "seasons",
    metadata,
    _key("id", BigInteger),
    Column("board_key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("starts_at", _MOMENT, nullable=False),
    Column("ends_at", _MOMENT),
    Column("status", Text, nullable=False),
    Column("closed_at", _MOMENT),
    Column("checksum", LargeBinary),
    Column("plan_key", Text),
    Column("paused", Boolean, nullable=False),
)
season_standings = Table(
    "season_standings",
    metadata,
    _key("season_id", BigInteger),
    _key("position", Integer),
    Column("rank", Integer, nullable=False),
    Column("player_id", Uuid, nullable=False),
    Column("username", Text, nullable=False),
    Column("score", BigInteger, nullable=False),
    Column("reached_at", _MOMENT, nullable=False),
)
actions = Table(
    "actions",
    metadata,
    _key("id", Uuid),
    Column("player_id", Uuid, nullable=False),
    Column("kind_key", Text, nullable=False),
    Column("kind_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Column("client_id", Text),
    Column("completed_at", _MOMENT),
    Column("points", BigInteger),
    Column("request_hash", LargeBinary),
    Column("ledger_seq", BigInteger),
)
player_kinds = Table(
    "player_kinds",
    metadata,
    _key("player_id", Uuid),
    _key("kind_key", Text),
    Column("completed", Integer, nullable=False),
    Column("last_completed_at", _MOMENT),
    Column("window_started_at", _MOMENT),
    Column("window_completed", Integer, nullable=False),
)
scores = Table(
    "scores",
    metadata,
    _key("season_id", BigInteger),
    _key("player_id", Uuid),
    Column("score", BigInteger, nullable=False),
    Column("reached_at", _MOMENT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("visible", Boolean, nullable=False),
    Column("empty", Boolean, nullable=False),
    Column("last_action_id", Uuid),
    Column("created_at", _MOMENT, nullable=False),
)
ledger = Table(
    "ledger",
    metadata,
    _key("seq", BigInteger),
    Column("at", _MOMENT, nullable=False),
    Column("entry_type", Text, nullable=False),
    Column("action_id", Uuid, nullable=False),
    Column("player_id", Uuid, nullable=False),
    Column("kind_key", Text, nullable=False),
    Column("kind_version", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("season_ids", ARRAY(BigInteger), nullable=False),
    Column("previous", ARRAY(BigInteger), nullable=False),
    Column("current", ARRAY(BigInteger), nullable=False),
    Column("verdict", Text, nullable=False),
    Column("trace_id", Text),
    Column("signature", Text),
    Column("key_id", Text),
    Column("nonce", Text),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
ledger_keys = Table(
    "ledger_keys",
    metadata,
    _key("action_id", Uuid),
    _key("entry_type", Text),
    _key("turn", SmallInteger),
    Column("seq", BigInteger, nullable=False),
)
ledger_head = Table(
    "ledger_head",
    metadata,
    _key("shard", SmallInteger),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
outbox = Table(
    "outbox",
    metadata,
    _key("id", BigInteger),
    Column("kind", Text, nullable=False),
    Column("first_seq", BigInteger),
    Column("last_seq", BigInteger),
    Column("payload", JSONB),
    Column("created_at", _MOMENT, nullable=False),
)
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _key("player_id", Uuid),
    _key("key", Text),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reply", JSONB, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
)
jobs = Table(
    "jobs",
    metadata,
    _key("id", Uuid),
    Column("player_id", Uuid, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("run_after", _MOMENT, nullable=False),
    Column("result", JSONB),
    Column("problem", JSONB),
    Column("created_at", _MOMENT, nullable=False),
    Column("finished_at", _MOMENT),
)
audit_log = Table(
    "audit_log",
    metadata,
    _key("id", BigInteger),
    Column("at", _MOMENT, nullable=False),
    Column("actor_id", Uuid),
    Column("actor_role", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("request_id", Text),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
audit_head = Table(
    "audit_head",
    metadata,
    _key("shard", SmallInteger),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("at", _MOMENT),
)
audit_seals = Table(
    "audit_seals",
    metadata,
    _key("day", Date),
    Column("last_id", BigInteger, nullable=False),
    Column("last_hash", LargeBinary, nullable=False),
    Column("prev_seal", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("sealed_at", _MOMENT, nullable=False),
)
security_incidents = Table(
    "security_incidents",
    metadata,
    _key("id", Uuid),
    Column("what", Text, nullable=False),
    Column("address", INET),
    Column("player_id", Uuid),
    Column("failures", Integer, nullable=False),
    Column("first_at", _MOMENT, nullable=False),
    Column("last_at", _MOMENT, nullable=False),
    Column("blocked_until", _MOMENT, nullable=False),
)
nonces = Table(
    "nonces",
    metadata,
    _key("session_id", Uuid),
    _key("nonce", LargeBinary),
    Column("expires_at", _MOMENT, nullable=False),
)
add_activity_tables(metadata)
add_past_tables(metadata)
add_review_tables(metadata)
