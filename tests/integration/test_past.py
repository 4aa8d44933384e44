"""Past boards: what the database folds is what the domain folds, in every order, with snapshots and without."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from scoreboard.domain.board import Board, Operator, Order
from scoreboard.domain.refold import Effective, refold
from scoreboard.storage import past
from scoreboard.storage.database import Transaction
from tests.conftest import Api

START = datetime(2026, 1, 1, tzinfo=UTC)
BOARDS = [
    Board("sum", "S"),
    Board("best", "B", operator=Operator.BEST),
    Board("low", "L", operator=Operator.BEST, order=Order.ASC),
    Board("latest", "N", operator=Operator.LATEST),
]
histories = st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), min_size=1, max_size=25)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.key)
async def test_the_database_folds_as_the_domain_does(api: Api, board: Board) -> None:
    """Random histories in one statement each, the fold of the product put over them."""
    seen: list[list[tuple[int, int]]] = []

    @settings(max_examples=60, deadline=None, database=None)
    @given(histories)
    def gather(history: list[tuple[int, int]]) -> None:
        seen.append(history)

    gather()
    _, _, fold = past.totals_query(board).partition("SELECT player_id FROM amended)) ")
    assert fold
    source = (
        "WITH history AS (SELECT * FROM unnest(CAST(:players AS uuid[]), CAST(:seqs AS bigint[]),"
        " CAST(:ats AS timestamptz[]), CAST(:points AS bigint[])) AS h(player_id, seq, at, points)) "
    )
    for history in seen:
        rows = [
            (UUID(int=who), seq, START + timedelta(seconds=seq), points)
            for seq, (who, points) in enumerate(history, 1)
        ]
        players, seqs, ats, points = (list(column) for column in zip(*rows, strict=True))
        values = {"players": players, "seqs": seqs, "ats": ats, "points": points}

        async def work(tx: Transaction, values: dict[str, object] = values) -> dict[UUID, tuple[int, datetime]]:
            found = await tx.execute(text(source + fold), values)
            return {row.player_id: (row.score, row.reached_at) for row in found}

        played: dict[UUID, list[Effective]] = defaultdict(list)
        for player, seq, at, worth in rows:
            played[player].append(Effective(seq, player, at, worth))
        expected = {}
        for player, actions in played.items():
            total = refold(board, 1, player, actions)
            assert total is not None
            expected[player] = (total.score, total.reached_at)
        assert await api.platform.database.transact(work) == expected
