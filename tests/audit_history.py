"""Audit logs with a past, and the edits of somebody who owns the database."""

import asyncpg

from scoreboard.security.audit_chain import GENESIS, AuditRow, row_hash

_INSERT = (
    "INSERT INTO audit_log (id, at, actor_id, actor_role, event, subject, detail, request_id, prev_hash, hash)"
    " VALUES ($1, $2, $3, $4, $5, $6, CAST($7::text AS jsonb), $8, $9, $10)"
)


def chained(rows: list[AuditRow]) -> list[AuditRow]:
    """The same rows with numbers and hashes."""
    done, previous = list[AuditRow](), GENESIS
    for number, row in enumerate(rows, 1):
        fields = {name: getattr(row, name) for name in AuditRow.__slots__} | {"id": number, "prev_hash": previous}
        linked = AuditRow(**fields)
        previous = row_hash(previous, linked)
        done.append(AuditRow(**(fields | {"hash": previous})))
    return done


async def write_past(url: str, rows: list[AuditRow]) -> None:
    """Put chained rows into an empty log, as if they had been written at their moments."""
    async with Owner(url) as owner:
        for row in rows:
            await owner.execute(_INSERT, *(getattr(row, name) for name in AuditRow.__slots__))
        last = rows[-1]
        await owner.execute("UPDATE audit_head SET seq = $1, hash = $2, at = $3", last.id, last.hash, last.at)


class Owner:
    """The owner of the tables, who has switched the triggers off."""

    _TABLES = ("audit_log", "audit_seals")

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> "asyncpg.Connection[asyncpg.Record]":
        self._connection = await asyncpg.connect(self._url)
        for table in self._TABLES:
            await self._connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        for table in self._TABLES:
            await self._connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        await self._connection.close()
