"""Players with scores in bulk: written as the API would have, but never played for."""

from uuid import UUID

import asyncpg

from scoreboard.security.identifiers import new_id
from tests.chaos.ground import Ground


async def fill(ground: Ground, count: int) -> None:
    """Give the board so many players with scores."""
    [row] = await ground.sql("SELECT id FROM seasons WHERE board_key = 'main' AND status = 'open'")
    players: list[UUID] = [new_id() for _ in range(count)]
    connection = await asyncpg.connect(ground.environment["DATABASE_URL"])
    now = await connection.fetchval("SELECT clock_timestamp()")
    await connection.copy_records_to_table(
        "players",
        columns=["id", "username", "username_key"],
        records=[(player, f"many-{n:06}", f"many-{n:06}") for n, player in enumerate(players)],
    )
    await connection.copy_records_to_table(
        "scores",
        columns=["season_id", "player_id", "score", "reached_at", "version"],
        records=[(row["id"], player, n * 7919 % 100_003 + 10_000, now, 1) for n, player in enumerate(players)],
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
