"""Players of an external OpenID provider; a spent refresh token remembers what kind of client spent it.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE external_identities (issuer text NOT NULL, subject text NOT NULL,"
        " player_id uuid NOT NULL REFERENCES players ON DELETE CASCADE,"
        " created_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (issuer, subject))"
    )
    op.execute("CREATE UNIQUE INDEX external_identities_player ON external_identities (player_id)")
    op.execute("ALTER TABLE refresh_tokens ADD COLUMN used_by bytea")


def downgrade() -> None:
    op.execute("ALTER TABLE refresh_tokens DROP COLUMN used_by")
    op.execute("DROP TABLE external_identities")
