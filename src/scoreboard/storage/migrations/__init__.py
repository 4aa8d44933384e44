"""Schema migrations (alembic): expand first, contract in a later release."""
