"""How a window compared with the thresholds, the model's switch, and what a model reports of itself.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE model_windows ADD COLUMN level smallint NOT NULL DEFAULT 0;
CREATE TABLE model_switch (
  shard smallint PRIMARY KEY DEFAULT 0 CHECK (shard = 0),
  enabled boolean NOT NULL,
  changed_at timestamptz NOT NULL
);
INSERT INTO model_switch VALUES (0, true, clock_timestamp());
CREATE TABLE model_health (
  model_id text PRIMARY KEY,
  at timestamptz NOT NULL,
  report jsonb NOT NULL
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE model_health")
    op.execute("DROP TABLE model_switch")
    op.execute("ALTER TABLE model_windows DROP COLUMN level")
