"""Nonces of signed requests, for the time when Redis is away.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE nonces (session_id uuid NOT NULL, nonce bytea NOT NULL, expires_at timestamptz NOT NULL,"
        " PRIMARY KEY (session_id, nonce))"
    )
    op.execute("CREATE INDEX nonces_expiry ON nonces (expires_at)")


def downgrade() -> None:
    op.execute("DROP TABLE nonces")
