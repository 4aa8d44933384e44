"""Analytics that follow the ledger: counts by minute, hour and day, and who was active in an hour and a day.

``activity`` and ``daily_activity`` are no longer written. They go a version later: a worker of the version before may
still count into them.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Fill factors leave room in the page: the latest rows are counted up every few seconds, and no index holds the counts.
TABLES = """
CREATE TABLE activity_counts (
  step text NOT NULL,
  starts timestamptz NOT NULL,
  kind_key text NOT NULL,
  created bigint NOT NULL DEFAULT 0,
  completed bigint NOT NULL DEFAULT 0,
  held bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  voided bigint NOT NULL DEFAULT 0,
  abandoned bigint NOT NULL DEFAULT 0,
  points numeric NOT NULL DEFAULT 0,
  players bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (step, starts, kind_key)
) WITH (fillfactor = 70);
CREATE TABLE activity_players (
  step text NOT NULL,
  starts timestamptz NOT NULL,
  kind_key text NOT NULL,
  player_id uuid NOT NULL,
  PRIMARY KEY (step, starts, kind_key, player_id)
);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE activity_players")
    op.execute("DROP TABLE activity_counts")
