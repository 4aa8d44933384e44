"""The pure rules: what an attempt is worth, when it counts, how scores add up, which names are good."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.action import (
    Action,
    ActionKind,
    ActionStatus,
    Usage,
    award,
    count_completion,
    require_allowed,
    require_duration,
)
from scoreboard.domain.board import (
    SCORE_LIMIT,
    Board,
    Operator,
    Order,
    TieRule,
    reached_at_of,
    sort_score,
    tie_key,
)
from scoreboard.domain.clock import EPOCH
from scoreboard.domain.errors import ErrorCode, Layer, Refusal, layer_of
from scoreboard.domain.player import Player, PlayerStatus, Role, fold_username, require_playing, username_fault
from scoreboard.domain.score import Total, advance, combine
from scoreboard.domain.season import Season, SeasonStatus, counts_at
from scoreboard.domain.standing import percentile
from scoreboard_api.errors import STATUS

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADA, BOB, ACTION = UUID(int=1), UUID(int=2), UUID(int=3)
SCORES = st.integers(-SCORE_LIMIT, SCORE_LIMIT)
MOMENTS = st.integers(0, 7 * 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))


def refusal(code: ErrorCode, retry_after: float | None = None) -> "pytest.RaisesExc[Refusal]":
    return pytest.raises(Refusal, check=lambda error: (error.code, error.retry_after) == (code, retry_after))


def test_fixed_points_are_the_servers() -> None:
    kind = ActionKind("quiz", "Quiz", points=10)
    assert award(kind, None) == award(kind, 10) == 10
    with refusal(ErrorCode.INVALID_SCORE):
        award(kind, 11)


@pytest.mark.parametrize(("reported", "good"), [(-5, True), (100, True), (-6, False), (101, False), (None, False)])
def test_reported_points_lie_within_the_bounds(reported: int | None, good: bool) -> None:
    kind = ActionKind("match", "Match", min_points=-5, max_points=100)
    if good:
        assert award(kind, reported) == reported
    else:
        with refusal(ErrorCode.INVALID_SCORE):
            award(kind, reported)


def test_a_cooldown_ends_exactly() -> None:
    kind = ActionKind("daily", "Daily", cooldown_s=60)
    usage = Usage(1, NOW)
    with refusal(ErrorCode.COOLDOWN, 0.5):
        require_allowed(kind, usage, NOW + timedelta(seconds=59.5))
    require_allowed(kind, usage, NOW + timedelta(seconds=60))
    require_allowed(kind, Usage(), NOW)


def test_attempts_are_counted_in_their_window() -> None:
    kind = ActionKind("thrice", "Three times", attempts=2, window_s=100)
    usage = Usage()
    for second in (0, 10):
        require_allowed(kind, usage, NOW + timedelta(seconds=second))
        usage = count_completion(kind, usage, NOW + timedelta(seconds=second))
    with refusal(ErrorCode.ACTION_LIMIT, 1):
        require_allowed(kind, usage, NOW + timedelta(seconds=99))
    require_allowed(kind, usage, NOW + timedelta(seconds=100))
    usage = count_completion(kind, usage, NOW + timedelta(seconds=100))
    assert (usage.completed, usage.window_completed) == (3, 1)
    assert usage.window_started_at == NOW + timedelta(seconds=100)


def test_once_is_once() -> None:
    with refusal(ErrorCode.ALREADY_COMPLETED):
        require_allowed(ActionKind("once", "Once", once=True), Usage(1), NOW)


@pytest.mark.parametrize(
    ("lasted", "code"), [(9.9, "ACTION_TOO_EARLY"), (10, None), (60, None), (60.1, "ACTION_EXPIRED")]
)
def test_durations(lasted: float, code: str | None) -> None:
    kind = ActionKind("slow", "Slow", min_duration_s=10, max_duration_s=60)
    action = Action(ACTION, ADA, "slow", 1, ActionStatus.CREATED, NOW, NOW + timedelta(minutes=10))
    at = NOW + timedelta(seconds=lasted)
    if code is None:
        require_duration(kind, action, at)
    else:
        with pytest.raises(Refusal) as caught:
            require_duration(kind, action, at)
        assert caught.value.code == code


@given(st.sampled_from(Operator), st.sampled_from(Order), st.lists(st.integers(-1000, 1000), min_size=1))
def test_totals_are_what_the_operator_says(operator: Operator, order: Order, points: list[int]) -> None:
    board = Board("b", "B", order=order, operator=operator)
    total: Total | None = None
    versions = 0
    for n, one in enumerate(points):
        before = total
        total = advance(board, 1, ADA, total, one, NOW + timedelta(seconds=n), UUID(int=n))
        if before is not None and total.score == before.score:
            assert total is before
        else:
            versions += 1
            assert (total.version, total.reached_at, total.last_action_id) == (
                versions,
                NOW + timedelta(seconds=n),
                UUID(int=n),
            )
    best = max(points) if order is Order.DESC else min(points)
    assert total is not None
    assert total.score == {Operator.SUM: sum(points), Operator.LATEST: points[-1], Operator.BEST: best}[operator]


def test_scores_never_leave_the_exact_range() -> None:
    board = Board("b", "B")
    assert combine(board, SCORE_LIMIT - 1, 1) == SCORE_LIMIT
    for before, points in ((SCORE_LIMIT, 1), (-SCORE_LIMIT, -1)):
        with refusal(ErrorCode.INVALID_SCORE):
            combine(board, before, points)


@given(st.sampled_from(Order), SCORES, SCORES)
def test_sort_scores_keep_the_order_and_survive_doubles(order: Order, one: int, other: int) -> None:
    board = Board("b", "B", order=order)
    better = one > other if order is Order.DESC else one < other
    assert (sort_score(board, one) < sort_score(board, other)) == better
    assert int(float(str(sort_score(board, one)))) == sort_score(board, one)
    assert sort_score(board, sort_score(board, one)) == one


@given(st.sampled_from(TieRule), MOMENTS, MOMENTS)
def test_tie_keys_sort_as_the_rule_wants(rule: TieRule, one: datetime, other: datetime) -> None:
    board = Board("b", "B", tie_rule=rule)
    first = one < other if rule is TieRule.EARLIEST else one > other
    assert (tie_key(board, one) < tie_key(board, other)) == first
    assert len(tie_key(board, one)) == 16
    assert reached_at_of(board, tie_key(board, one)) == one


def test_seasons_count_by_their_dates_until_they_are_closed() -> None:
    season = Season(1, "b", "s", NOW, NOW + timedelta(days=1), SeasonStatus.SCHEDULED)
    assert counts_at(season, NOW)
    assert not counts_at(season, NOW - timedelta(microseconds=1))
    assert not counts_at(season, NOW + timedelta(days=1))
    assert counts_at(replace(season, ends_at=None), NOW + timedelta(days=9999))
    for status in (SeasonStatus.CLOSING, SeasonStatus.CLOSED):
        assert not counts_at(replace(season, status=status), NOW)


@pytest.mark.parametrize(
    ("position", "total", "expected"), [(0, 1, 100), (0, 5, 100), (4, 5, 0), (2, 5, 50), (1, 4, 66.67)]
)
def test_percentiles(position: int, total: int, expected: float) -> None:
    assert percentile(position, total) == expected


def player(**changes: object) -> Player:
    known = Player(ADA, "ada", Role.PLAYER, PlayerStatus.ACTIVE, None, NOW, NOW)
    return replace(known, **changes)  # type: ignore[arg-type]


def test_who_may_play() -> None:
    require_playing(player(), NOW)
    require_playing(player(status=PlayerStatus.HIDDEN), NOW)
    require_playing(player(status=PlayerStatus.SUSPENDED, suspended_until=NOW), NOW)
    with refusal(ErrorCode.ACCOUNT_SUSPENDED):
        require_playing(player(status=PlayerStatus.SUSPENDED), NOW)
    with refusal(ErrorCode.ACCOUNT_SUSPENDED, 5):
        require_playing(player(status=PlayerStatus.SUSPENDED, suspended_until=NOW + timedelta(seconds=5)), NOW)
    for status in (PlayerStatus.BANNED, PlayerStatus.ERASED):
        with refusal(ErrorCode.ACCOUNT_BANNED):
            require_playing(player(status=status), NOW)


GOOD = [
    "ada",
    "Zoë",
    "李雷",
    "Ольга",
    "Ωμέγα",
    "محمد",
    "שרה",
    "さくら",
    "김철수",
    "a_b-c.d",
    "x y z",
    "🙂 smile",
    "ñandú",
    "Łukasz",
]
BAD = {
    "too short": "a",
    "too long": "a" * 33,
    "space at an end": " ada",
    "two spaces": "a  b",
    "no-break space": "a\u00a0b",
    "zero width space": "a\u200bb",
    "zero width joiner": "a\u200db",
    "right-to-left override": "ada\u202e",
    "soft hyphen": "a\u00adda",
    "byte order mark": "ada\ufeff",
    "NUL": "a\x00da",
    "line feed": "a\nda",
    "private": "ada\ue000",
    "unassigned": "ada\u0378",
    "surrogate": "ada\ud800",
    "line separator": "ada\u2028",
    "Hangul filler": "ada\u3164",
    "Hangul fillers only": "\u3164\u3164",
    "halfwidth filler": "ada\uffa0",
    "choseong filler": "ada\u115f",
    "empty Braille": "ada\u2800",
    "grapheme joiner": "a\u034fda",
    "variation selector": "ada\ufe0f",
    "supplementary selector": "ada\U000e0101",
    "decomposed": unicodedata.normalize("NFD", "Zoë"),
    "mark first": "\u0301ada",
    "Cyrillic a in Latin": "\u0430da",
    "Greek omicron in Latin": "b\u03bfb",
    "Cyrillic in Greek": "Ωμ\u0435γα",
}


@pytest.mark.parametrize("name", GOOD)
def test_names_of_any_script_are_welcome(name: str) -> None:
    assert username_fault(name) is None


@pytest.mark.parametrize("name", BAD.values(), ids=BAD.keys())
def test_names_that_could_imitate_another_are_refused(name: str) -> None:
    assert username_fault(name) is not None


@given(st.text(max_size=40))
def test_folding_a_name_is_final(name: str) -> None:
    assert fold_username(fold_username(name)) == fold_username(name)
    if username_fault(name) is None:
        assert 2 <= len(name) <= 32


@pytest.mark.parametrize(
    ("one", "other"), [("ADA", "ada"), ("Ａda", "ada"), ("straße", "STRASSE"), ("ﬁn", "fin"), ("Ⅳ", "iv")]
)
def test_names_that_look_alike_collide(one: str, other: str) -> None:
    assert fold_username(one) == fold_username(other)


def test_every_code_has_a_status_and_a_layer() -> None:
    assert set(STATUS) == set(ErrorCode)
    assert {layer_of(code) for code in ErrorCode} == set(Layer)
    assert all(400 <= status < 600 and title for status, title in STATUS.values())
