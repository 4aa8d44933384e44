"""Signed roots of seasons: what a season's ledger entries were, so that a later change of them shows.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE season_roots (
  number bigint PRIMARY KEY,
  season_id bigint NOT NULL,
  board_key text NOT NULL,
  version integer NOT NULL,
  through bigint NOT NULL,
  chain bytea NOT NULL,
  entries bigint NOT NULL,
  root bytea NOT NULL,
  checksum bytea,
  signed_at timestamptz NOT NULL,
  previous bytea NOT NULL,
  key_id text NOT NULL,
  signature bytea NOT NULL,
  peaks bytea NOT NULL
);
CREATE UNIQUE INDEX season_roots_version ON season_roots (season_id, version);
CREATE TRIGGER roots_append_only BEFORE UPDATE OR DELETE ON season_roots FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER roots_no_truncate BEFORE TRUNCATE ON season_roots EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE season_roots")
