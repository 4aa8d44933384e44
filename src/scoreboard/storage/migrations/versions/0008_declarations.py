"""What is declared through the API: who owns it, when it was retired; seasons that span boards.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE boards ADD COLUMN retired_at timestamptz;
ALTER TABLE action_kinds ADD COLUMN retired_at timestamptz;
ALTER TABLE policies ADD COLUMN retired_at timestamptz;
CREATE TABLE season_plans (
  key text NOT NULL,
  version integer NOT NULL,
  current boolean NOT NULL DEFAULT true,
  spec jsonb NOT NULL,
  managed_by text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamptz,
  PRIMARY KEY (key, version)
);
CREATE UNIQUE INDEX season_plans_current ON season_plans (key) WHERE current;
ALTER TABLE seasons ADD COLUMN plan_key text;
ALTER TABLE seasons ADD COLUMN paused boolean NOT NULL DEFAULT false;
CREATE INDEX seasons_plan ON seasons (plan_key) WHERE plan_key IS NOT NULL;
CREATE TABLE declaration_owners (
  resource text NOT NULL,
  key text NOT NULL,
  uid text,
  name text NOT NULL,
  generation bigint,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (resource, key)
);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE declaration_owners")
    op.execute("DROP INDEX seasons_plan")
    for column in ("paused", "plan_key"):
        op.execute(f"ALTER TABLE seasons DROP COLUMN {column}")
    op.execute("DROP TABLE season_plans")
    for table in ("boards", "action_kinds", "policies"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN retired_at")
