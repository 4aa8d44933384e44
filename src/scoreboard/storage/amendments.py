"""What amendments read and write: effective actions, totals that are counted again, the status of actions."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from scoreboard.domain.action import ActionStatus
from scoreboard.domain.events import EntryType
from scoreboard.domain.refold import Effective
from scoreboard.domain.score import Total
from scoreboard.storage.database import Transaction

Pair = tuple[int, UUID]
"""Season and player."""

_OWNERS = "SELECT DISTINCT player_id FROM actions WHERE id = ANY($1)"
# Against whoever shows or hides a player: what is shown of the totals follows from the account's status.
_SHARE_PLAYERS = "SELECT id, username FROM players WHERE id = ANY($1) ORDER BY id FOR SHARE"


async def share_owners(tx: Transaction, action_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of the players whose actions these are; nobody shows or hides them until the commit."""
    owners = [row[0] for row in await tx.fetch(_OWNERS, list(action_ids))]
    return {row["id"]: row["username"] for row in await tx.fetch(_SHARE_PLAYERS, sorted(owners))}


_TURNS = (
    "SELECT action_id, entry_type, max(turn) + 1 FROM ledger_keys WHERE action_id = ANY($1)"
    " AND entry_type IN ('released', 'rejected', 'voided', 'restored') GROUP BY 1, 2"
)


async def turns(tx: Transaction, action_ids: Sequence[UUID]) -> dict[tuple[UUID, EntryType], int]:
    """How many amendments of each type these actions have had; what they have had none of is left out."""
    return {(row[0], EntryType(row[1])): row[2] for row in await tx.fetch(_TURNS, list(action_ids))}


_EFFECTIVE = (
    "SELECT l.player_id, l.season_ids, l.seq, l.action_id, l.at, l.points FROM ledger l"
    " JOIN actions a ON a.id = l.action_id AND a.ledger_seq = l.seq"
    " WHERE l.player_id = ANY($1) AND l.seq > $2 AND l.seq <= $3 AND a.status = 'completed'"
    " AND l.season_ids <> '{}'"
)


async def effective(
    tx: Transaction, players: Sequence[UUID], after: int, up_to: int
) -> dict[UUID, list[tuple[Effective, list[int]]]]:
    """The actions of these players that count, with the seasons in which they do, as far as they were first recorded
    after the entry ``after`` and up to ``up_to``. Players without one are left out.
    """
    found: dict[UUID, list[tuple[Effective, list[int]]]] = {}
    for player, season_ids, *action in await tx.fetch(_EFFECTIVE, players, after, up_to):
        found.setdefault(player, []).append((Effective(*action), season_ids))
    return found


_AMENDED_SINCE = (
    "SELECT DISTINCT player_id FROM ledger WHERE player_id = ANY($1) AND seq > $2"
    " AND entry_type IN ('released', 'voided', 'restored')"
)


async def amended_since(tx: Transaction, players: Iterable[UUID], seq: int) -> set[UUID]:
    """Those of these players of whom something was released, voided or restored after a ledger number."""
    return {row[0] for row in await tx.fetch(_AMENDED_SINCE, list(players), seq)}


_SAVE_TOTALS = (
    "WITH saved AS (INSERT INTO scores AS s"
    " (season_id, player_id, score, reached_at, version, last_action_id, empty, visible)"
    " SELECT n.*, p.status = 'active' AND NOT n.empty FROM unnest($1::bigint[], $2::uuid[], $3::bigint[],"
    " $4::timestamptz[], $5::bigint[], $6::uuid[], $7::boolean[])"
    " AS n(season_id, player_id, score, reached_at, version, last_action_id, empty)"
    " JOIN players p ON p.id = n.player_id ORDER BY 1, 2"
    " ON CONFLICT (season_id, player_id) DO UPDATE SET score = excluded.score, reached_at = excluded.reached_at,"
    " version = excluded.version, last_action_id = excluded.last_action_id, empty = excluded.empty,"
    " visible = excluded.visible WHERE s.version < excluded.version RETURNING 1) SELECT count(*) FROM saved"
)


async def save_totals(tx: Transaction, totals: Sequence[Total]) -> int:
    """Store totals in the order given: by season and player. They are shown while their player is active.

    Returns:
        How many were stored; fewer than given when another transaction made one of them first.
    """
    rows = await tx.fetch(
        _SAVE_TOTALS,
        [total.season_id for total in totals],
        [total.player_id for total in totals],
        [total.score for total in totals],
        [total.reached_at for total in totals],
        [total.version for total in totals],
        [total.last_action_id for total in totals],
        [total.empty for total in totals],
    )
    saved: int = rows[0][0]
    return saved


_SET_STATUS = (
    "UPDATE actions a SET status = n.status FROM unnest($1::uuid[], $2::text[]) AS n(id, status) WHERE a.id = n.id"
)


async def set_status(tx: Transaction, statuses: Mapping[UUID, ActionStatus]) -> None:
    """Give locked actions another status. Moment, points and first ledger number stay what they were."""
    await tx.fetch(_SET_STATUS, list(statuses), [str(status) for status in statuses.values()])
