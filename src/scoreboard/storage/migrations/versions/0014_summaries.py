"""The index by which attempts are found by their moment follows the table without waiting for a vacuum.

What a BRIN index has not summarised is read whole by whoever asks for a moment, and the analytics ask every few
seconds: on a large table autovacuum alone comes after a fifth of it is new. With autosummarize each full range is
summarised when the next begins, and the smaller factors bring autovacuum for what that missed.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for index in ("actions_created_at", "idempotency_keys_created_at"):
        op.execute(f"ALTER INDEX {index} SET (autosummarize = on)")
    op.execute(
        "ALTER TABLE actions SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05)"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE actions RESET (autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_scale_factor)")
    for index in ("actions_created_at", "idempotency_keys_created_at"):
        op.execute(f"ALTER INDEX {index} RESET (autosummarize)")
