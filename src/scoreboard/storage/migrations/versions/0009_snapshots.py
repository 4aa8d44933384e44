"""Snapshots: what the totals of a board season were at a moment, so that past boards need not be folded from the start.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE snapshots (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  season_id bigint NOT NULL,
  at timestamptz NOT NULL,
  seq bigint NOT NULL,
  fold text NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX snapshots_moment ON snapshots (season_id, fold, at);
CREATE TABLE snapshot_totals (
  snapshot_id bigint NOT NULL,
  player_id uuid NOT NULL,
  score bigint NOT NULL,
  reached_at timestamptz NOT NULL,
  PRIMARY KEY (snapshot_id, player_id)
);
CREATE INDEX ledger_amendments ON ledger (seq) WHERE entry_type IN ('released', 'voided', 'restored');
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX ledger_amendments")
    op.execute("DROP TABLE snapshot_totals")
    op.execute("DROP TABLE snapshots")
