"""The console's health page asks for what happened since a moment: by an index, not by reading the whole audit log.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index moments; those of the audit log grow with its numbers, so ranges of blocks are enough."""
    op.execute("CREATE INDEX audit_log_at ON audit_log USING brin (at)")
    op.execute("CREATE INDEX review_cases_opened ON review_cases (opened_at)")


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP INDEX review_cases_opened")
    op.execute("DROP INDEX audit_log_at")
