"""What moderation asks for has an index: what happened since a moment, and who is not shown in a season.

Without them the console's health page reads the whole audit log, and each page of a closed season all of its totals.

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
    op.execute("CREATE INDEX scores_concealed ON scores (season_id) WHERE NOT visible")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX scores_concealed")
    op.execute("DROP INDEX review_cases_opened")
    op.execute("DROP INDEX audit_log_at")
