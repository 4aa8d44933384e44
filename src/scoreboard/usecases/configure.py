"""Declare boards, action kinds and policies. The same again changes nothing; anything else makes a new version.

For the platform's own commands, on the machine itself: no owner is asked. What a resource declares comes back at the
operator's next look.
"""

from collections.abc import Sequence
from uuid import UUID

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Schedule
from scoreboard.domain.freeze import require_freeze
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.live.bus import CatalogChanged
from scoreboard.storage import actions, audit, catalog, declarations, outbox, season_plans
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.fit_seasons import ensure_seasons
from scoreboard.usecases.platform import Platform

DEMO_BOARDS = (
    Board("main", "All players"),
    Board("weekly", "This week", schedule=Schedule(cron="0 0 * * 1")),
    Board("sprint", "Best single match", operator=Operator.BEST),
)
DEMO_KINDS = (
    ActionKind("quiz", "Answer a quiz", points=10, min_duration_s=1, max_duration_s=600, boards=("main", "weekly")),
    ActionKind(
        "match", "Play a match", min_points=0, max_points=100, min_duration_s=2, boards=("main", "weekly", "sprint")
    ),
    ActionKind("daily", "Collect the daily bonus", points=50, cooldown_s=60, boards=("main",)),
    ActionKind("tap", "Tap", points=1, direct=True, boards=("main", "weekly")),
)


async def configure(
    platform: Platform,
    boards: Sequence[Board],
    kinds: Sequence[ActionKind],
    *,
    policies: Sequence[AntiCheatPolicy] = (),
    managed_by: str,
    actor_id: UUID | None = None,
    actor_role: str = "platform",
) -> int:
    """Declare boards (with their first seasons), kinds and policies in one transaction.

    Returns:
        How many of them were new or changed.

    Raises:
        Refusal: VALIDATION_ERROR for a freeze that could never be on.
        StoreUnavailable: nothing changed.
    """
    for declared in boards:
        require_freeze(declared)

    async def work(tx: Transaction) -> int:
        await declarations.lock(tx)
        now = await actions.clock(tx)
        known = {board.key: board for board in await catalog.current_boards(tx)}
        known_kinds = {kind.key: kind for kind in await catalog.current_kinds(tx)}
        changed = []
        for board in boards:
            stored = await catalog.put_board(tx, board, managed_by)
            await season_plans.resume(tx, board.key)
            await ensure_seasons(tx, stored, now)
            if known.get(board.key) != stored:
                changed.append(("board.declared", board.key, stored.version))
        for kind in kinds:
            stored_kind = await catalog.put_kind(tx, kind, managed_by)
            if known_kinds.get(kind.key) != stored_kind:
                changed.append(("action_kind.declared", kind.key, stored_kind.version))
        changed += await _put_policies(tx, policies, managed_by)
        if changed:
            await outbox.add_control(tx, CatalogChanged())
        for event, key, version in changed:
            await audit.record(
                tx,
                event,
                key,
                actor_id=actor_id,
                actor_role=actor_role,
                detail={"version": version, "managed_by": managed_by},
            )
        return len(changed)

    changed = await platform.database.transact(work)
    platform.catalog.invalidate()
    if changed:
        await announce_control(platform, CatalogChanged())
    return changed


async def _put_policies(
    tx: Transaction, policies: Sequence[AntiCheatPolicy], managed_by: str
) -> list[tuple[str, str, int]]:
    """Store policies. Returns event, key and version of each that was new or changed."""
    known = {policy.key: policy for policy in await catalog.current_policies(tx)} if policies else {}
    stored = [await catalog.put_policy(tx, policy, managed_by) for policy in policies]
    return [("anticheat_policy.declared", one.key, one.version) for one in stored if known.get(one.key) != one]


async def seed_demo(platform: Platform) -> int:
    """Declare the boards and kinds of the demo, unless there are boards already. Returns how many changed."""
    if await platform.catalog.boards():
        return 0
    return await configure(platform, DEMO_BOARDS, DEMO_KINDS, managed_by="seed")
