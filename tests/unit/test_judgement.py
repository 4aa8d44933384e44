"""What suspicion leads to: policies, holding, suspending with leave, what was cleared, shadow mode."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.board import Board, Operator
from scoreboard.domain.completion import Decision
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType, Verdict
from scoreboard.domain.judgement import Leave
from scoreboard.domain.pending import Pending, provisional_score
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.policy import AntiCheatPolicy, AtDeadline, Mode, Policies, verdict_at
from scoreboard.domain.review import CaseSource, gravity
from scoreboard.domain.signals import Measured, Signal, ceiling_of
from scoreboard.domain.suspicion import Memory, faded, grown, signal_of, weigh, weight_of
from tests.judged_play import ADA, BEGAN, Play

ALL, SOME = AntiCheatPolicy("all"), AntiCheatPolicy("some", kinds=("tap",))
FLAG_ONLY = AntiCheatPolicy("flag", hold=1, suspend=1)
HOLD_ONLY = AntiCheatPolicy("hold", suspend=1)
ODD = Measured(Signal.REGULAR_INTERVALS, 0.01, 0.3)
REFUSED = (
    Signal.IMPOSSIBLE_POINTS,
    Signal.IMPOSSIBLY_FAST,
    Signal.ANOTHER_PLAYERS_ACTION,
    Signal.SPENT_TOKEN,
)


def script(play: Play, events: int = 60) -> Play:
    rng = Random(1)
    return play.taps(2.0 + rng.uniform(0, 0.004) for _ in range(events))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_suspicion_stays_between_none_and_certainty(before: float, weight: float, ceiling: float) -> None:
    after = grown(before, weight, ceiling)
    assert before <= after <= 1
    assert after <= max(before, ceiling)
    assert after >= min(weight, ceiling) - 1e-12


@given(st.floats(0, 1), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 1e5))
def test_suspicion_fades_and_never_grows_by_itself(before: float, one: float, other: float, half: float) -> None:
    soon, late = sorted((one, other))
    assert 0 <= faded(before, late, half) <= faded(before, soon, half) <= before
    assert faded(before, half, half) == pytest.approx(before / 2)
    assert faded(before, -soon, half) == before


@given(st.lists(st.sampled_from(list(Signal)), max_size=30), st.floats(0, 1))
def test_signals_with_a_ceiling_do_not_lead_above_it(signals: list[Signal], weight: float) -> None:
    memory = Memory()
    for signal in signals:
        memory = weigh(memory, [Measured(signal, 1.0, weight)], ALL, BEGAN).memory
    assert memory.suspicion <= max([ceiling_of(signal) for signal in signals], default=0)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_graver_suspicion_never_has_a_lighter_verdict(one: float, other: float) -> None:
    less, more = sorted((one, other))
    for policy in (ALL, FLAG_ONLY, HOLD_ONLY):
        assert gravity(verdict_at(policy, less)) <= gravity(verdict_at(policy, more))


def test_what_happens_to_honest_players_is_no_signal() -> None:
    signals = {code for code in ErrorCode if signal_of(Refusal(code, "", 5)) is not None}
    assert signals == {
        *(ErrorCode.INVALID_SCORE, ErrorCode.ACTION_TOO_EARLY, ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_ALREADY_USED)
    }
    assert signal_of(Refusal(ErrorCode.ACTION_TOO_EARLY, "", 0.2)) is None
    assert all(0 < weight_of(signal) < 0.5 for signal in REFUSED)


def test_the_policy_that_names_a_kind_counts_for_it() -> None:
    declared = Policies({"all": ALL, "some": SOME}, AntiCheatPolicy("fallback"))
    assert declared.of("tap") is SOME
    assert declared.of("quiz") is ALL
    assert declared.general() is ALL
    assert Policies({"some": SOME}, ALL).of("quiz") is ALL


def test_a_script_is_flagged_then_held_then_suspended() -> None:
    played = script(Play())
    assert list(played.first) == [Verdict.ALLOW, Verdict.FLAG, Verdict.HOLD, Verdict.SUSPEND]
    verdicts = [one.suspect.verdict for one in played.judgements if one.suspect is not None]
    assert verdicts == sorted(verdicts, key=gravity)
    assert {*verdicts} == {Verdict.FLAG, Verdict.HOLD, Verdict.SUSPEND}
    assert {event.source for one in played.judgements if one.suspect for event in one.suspect.events} == {
        CaseSource.RULES
    }


def test_what_is_held_changes_no_total_and_counts_as_done() -> None:
    played = script(Play(HOLD_ONLY), 30)
    at = played.verdicts.index(Verdict.HOLD)
    before = played.rows.totals[7, ADA]
    assert before.score == at
    outcome = played.complete("tap", 2.0)
    assert isinstance(outcome, Decision)
    assert outcome.entry.entry_type is EntryType.HELD
    assert outcome.entry.previous == outcome.entry.current == (at,)
    assert outcome.totals == ()
    assert str(outcome.action.status) == "held"
    assert played.rows.usage[ADA, "tap"].completed == 31


def test_once_something_is_held_everything_is_until_a_person_has_decided() -> None:
    played = script(Play(HOLD_ONLY), 20)
    assert played.memory.holding
    for pause in (4000.0, 3.3, 17.9, 400.0):
        assert isinstance(played.complete("tap", pause), Decision)
    assert set(played.verdicts[-4:]) == {Verdict.HOLD}
    played.rows.memories[ADA] = played.memory._replace(holding=False, suspicion=0.0)
    played.complete("tap", 5.5)
    assert played.verdicts[-1] is Verdict.ALLOW


def test_a_policy_can_stop_at_any_verdict() -> None:
    assert set(script(Play(FLAG_ONLY)).verdicts) == {Verdict.ALLOW, Verdict.FLAG}
    assert set(script(Play(HOLD_ONLY)).verdicts) == {Verdict.ALLOW, Verdict.FLAG, Verdict.HOLD}
    assert set(script(Play(AntiCheatPolicy("off", flag=1, hold=1, suspend=1))).verdicts) == {Verdict.ALLOW}


def test_in_shadow_mode_everything_counts_and_is_noted() -> None:
    played = script(Play(AntiCheatPolicy("shadow", mode=Mode.SHADOW)))
    assert set(played.verdicts) == {Verdict.ALLOW}
    assert played.entry_types == {EntryType.APPLIED}
    assert all(one.suspect is None for one in played.judgements)
    noted = [event.verdict for one in played.judgements for event in one.notes]
    assert {Verdict.FLAG, Verdict.HOLD, Verdict.SUSPEND} <= {*noted}
    assert len(noted) < 20  # once for each signal and each graver verdict, not for each completion


@pytest.mark.parametrize(
    "play",
    [
        Play(leave=Leave.DENIED),
        Play(role=Role.MODERATOR),
        Play(role=Role.SERVICE),
        Play(status=PlayerStatus.HIDDEN),
    ],
    ids=["no leave", "staff", "game server", "hidden"],
)
def test_who_may_not_be_suspended_is_held(play: Play) -> None:
    assert script(play).verdicts[-1] is Verdict.HOLD
    assert not play.judgements[-1].wants_suspension


def test_leave_is_asked_before_anybody_is_suspended() -> None:
    played = script(Play(leave=Leave.UNASKED), 30)
    assert played.judgements[-1].wants_suspension
    assert played.verdicts[-1] is Verdict.HOLD


def test_whom_a_batch_suspends_gets_nothing_more_in_it() -> None:
    played = script(Play())
    with pytest.raises(Refusal) as refused:
        played.complete("tap", 1.0)
    assert refused.value.code is ErrorCode.SUSPICIOUS_ACTIVITY


def test_a_suspension_leaves_no_trace_of_the_attempt_itself() -> None:
    played = script(Play())
    suspended = played.judgements[-1]
    assert played.verdicts[-1] is Verdict.SUSPEND
    assert suspended.suspect is not None
    assert all(event.action_id is None for event in suspended.suspect.events)
    assert played.rows.usage[ADA, "tap"].completed == len(played.verdicts) - 1


def test_cleared_signals_weigh_nothing_until_their_time_is_over() -> None:
    played = Play()
    cleared = BEGAN + timedelta(seconds=80)
    names = ("regular_intervals", "repeated_pattern")
    played.rows.memories[ADA] = Memory(cleared_signals=names, cleared_until=cleared)
    script(played, 60)
    seen = [BEGAN + timedelta(seconds=2 * (n + 1)) for n, verdict in enumerate(played.verdicts) if verdict != "allow"]
    assert cleared <= seen[0] <= cleared + timedelta(seconds=6)


def test_nothing_is_held_that_no_reviewer_hears_of() -> None:
    """The suspicion is still high after a person rejected points; a completion without oddity only carries a flag."""
    played = Play(HOLD_ONLY)
    played.rows.memories[ADA] = Memory(suspicion=0.9, at=BEGAN)
    played.complete("tap", 5.0)
    assert played.verdicts == [Verdict.FLAG]
    assert played.judgements[0].suspect is None


def test_a_signal_is_news_once_in_an_episode() -> None:
    first = weigh(Memory(), [ODD._replace(weight=0.1)], ALL, BEGAN)
    assert [one.signal for one in first.news] == [ODD.signal]
    again = weigh(first.memory, [ODD._replace(weight=0.1)], ALL, BEGAN + timedelta(seconds=1))
    assert again.news == ()
    graver = weigh(again.memory, [ODD._replace(weight=0.6)], ALL, BEGAN + timedelta(seconds=2))
    assert graver.verdict is Verdict.FLAG
    assert len(graver.news) == 1
    later = weigh(graver.memory, [ODD._replace(weight=0.1)], ALL, BEGAN + timedelta(hours=2))
    assert len(later.news) == 1


def test_the_deadline_of_the_policy_goes_with_the_case() -> None:
    policy = AntiCheatPolicy("keep", at_deadline=AtDeadline.KEEP, review_s=60)
    suspects = [one.suspect for one in script(Play(policy)).judgements if one.suspect is not None]
    assert {(one.review_s, one.auto_release) for one in suspects} == {(60, False)}


def test_where_held_points_would_lead() -> None:
    total, best = Board("a", "A"), Board("b", "B", operator=Operator.BEST)
    assert provisional_score(total, 10, Pending((1, 2, 3))) == 16
    assert provisional_score(total, None, Pending((1, 2, 3))) == 6
    assert provisional_score(best, 10, Pending((1, 20, 3))) == 20
    assert provisional_score(total, 10, Pending((1,), whole=False)) is None
    assert provisional_score(total, 2**53, Pending((1,))) is None
