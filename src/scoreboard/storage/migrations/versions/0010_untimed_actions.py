"""Actions that a trusted server completed: their moment tells when the server sent them, nothing about the player.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE untimed_actions (action_id uuid PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE untimed_actions")
