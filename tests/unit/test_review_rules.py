"""Cases by their rules: what is urgent, what is new evidence, who may decide, when time runs out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.review import (
    LEADS,
    TOP,
    CaseSource,
    CaseStatus,
    Clearance,
    ReviewCase,
    ReviewDecision,
    Suspect,
    SuspicionEvent,
    extend_case,
    gravity,
    is_new_evidence,
    merged,
    open_case,
    priority_of,
    with_stakes,
)
from scoreboard.domain.review_decision import (
    Accused,
    Reviewer,
    choices,
    claim,
    clears,
    decide,
    give_back,
    is_taken,
    lapse,
    lifts,
    second_needed,
    status_after,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ADA, EVE = UUID(int=1), UUID(int=2)
MIA, MAX = Reviewer(UUID(int=11), Role.MODERATOR), Reviewer(UUID(int=12), Role.MODERATOR)
ROOT = Reviewer(UUID(int=13), Role.ADMIN)
PLAIN = Accused(Role.PLAYER, PlayerStatus.ACTIVE, False, 2)
PROTECTED = replace(PLAIN, protected=True)

verdicts = st.sampled_from([Verdict.FLAG, Verdict.HOLD, Verdict.SUSPEND])
sources = st.sampled_from(list(CaseSource))
signals = st.sampled_from(["a", "b", "c", "d"])
moments = st.integers(0, 10**6).map(lambda seconds: NOW + timedelta(seconds=seconds))
stakes = st.sets(st.sampled_from([f"{LEADS}:main", f"{TOP}:main", f"{TOP}:weekly"]))


@st.composite
def suspects(draw: st.DrawFn, player: UUID = ADA) -> Suspect:
    verdict, source = draw(verdicts), draw(sources)
    events = tuple(
        SuspicionEvent(player, NOW, source, signal, 0.3, 0.5, verdict) for signal in draw(st.lists(signals, min_size=1))
    )
    return Suspect(player, verdict, source, events, draw(st.floats(60, 10**6)), draw(st.booleans()))


def a_case(verdict: Verdict = Verdict.HOLD, source: CaseSource = CaseSource.RULES) -> ReviewCase:
    return open_case(UUID(int=99), Suspect(ADA, verdict, source, (), 3600.0), NOW)


# --- Urgency --------------------------------------------------------------------------------------------------------


@given(sources, verdicts, stakes, sources, verdicts, stakes)
def test_stakes_count_before_who_asked_and_that_before_the_verdict(
    source: CaseSource, verdict: Verdict, stake: set[str], source2: CaseSource, verdict2: Verdict, stake2: set[str]
) -> None:
    pressing = [CaseSource.RULES, CaseSource.MODEL, CaseSource.REPORT, CaseSource.APPEAL, CaseSource.MODERATOR]

    def key(source: CaseSource, verdict: Verdict, stake: set[str]) -> tuple[int, int, int]:
        height = max([0, *(2 if one.startswith(LEADS) else 1 for one in stake)])
        return height, pressing.index(source), gravity(verdict)

    first, second = priority_of(source, verdict, stake), priority_of(source2, verdict2, stake2)
    one, other = key(source, verdict, stake), key(source2, verdict2, stake2)
    assert (first > second, first == second) == (one > other, one == other)


@given(suspects(), st.lists(st.tuples(suspects(), moments)), stakes)
def test_a_case_only_grows_graver_more_pressing_and_never_shorter(
    first: Suspect, more: list[tuple[Suspect, datetime]], stake: set[str]
) -> None:
    case = with_stakes(open_case(UUID(int=9), first, NOW), stake)
    for suspect, at in more:
        before, case = case, extend_case(case, suspect, at)
        assert gravity(case.verdict) == max(gravity(before.verdict), gravity(suspect.verdict))
        assert case.priority >= before.priority
        assert case.due_at >= before.due_at
        assert case.updated_at >= before.updated_at
        assert case.auto_release == (before.auto_release and suspect.auto_release)
        if gravity(suspect.verdict) <= gravity(before.verdict):
            assert case.due_at == before.due_at
    assert (case.id, case.opened_at, case.stakes) == (UUID(int=9), NOW, tuple(sorted(stake)))


@given(st.lists(st.one_of(suspects(ADA), suspects(EVE))))
def test_suspects_of_one_player_become_one_and_no_event_is_lost(found: list[Suspect]) -> None:
    players = merged(found)
    assert set(players) == {suspect.player_id for suspect in found}
    for player, suspect in players.items():
        own = [one for one in found if one.player_id == player]
        assert suspect.events == tuple(event for one in own for event in one.events)
        assert gravity(suspect.verdict) == max(gravity(one.verdict) for one in own)
        assert suspect.auto_release == all(one.auto_release for one in own)


# --- New evidence ---------------------------------------------------------------------------------------------------


@given(verdicts, sources, st.sampled_from(list(PlayerStatus)), st.sampled_from(list(ReviewDecision)), st.booleans())
def test_a_decision_changes_only_what_the_case_is_about(
    verdict: Verdict, source: CaseSource, status: PlayerStatus, decision: ReviewDecision, heard: bool
) -> None:
    case = a_case(verdict, source)
    appealed = heard or source is CaseSource.APPEAL
    after = status_after(replace(case, decision=decision, decided_by=MIA.id), status, appealed=heard)
    if decision is ReviewDecision.BAN:
        assert after is PlayerStatus.BANNED
    elif decision is ReviewDecision.RELEASE and status is PlayerStatus.SUSPENDED:
        assert (after is PlayerStatus.ACTIVE) == (appealed or verdict is Verdict.SUSPEND)
    else:
        lifted = decision is ReviewDecision.RELEASE and status is PlayerStatus.BANNED and appealed
        assert after is (PlayerStatus.ACTIVE if lifted else None)
    assert (
        decision is ReviewDecision.BAN or status_after(replace(case, decision=decision), status, appealed=True) is None
    )
    if decision is ReviewDecision.RELEASE:
        assert lifts(case, status, MIA.id, appealed=heard) == (after is PlayerStatus.ACTIVE)


@given(suspects(), st.sets(signals), verdicts, moments)
def test_what_was_cleared_is_no_new_evidence(
    suspect: Suspect, known: set[str], reviewed: Verdict, until: datetime
) -> None:
    clearance = Clearance(frozenset(known), until, reviewed)
    asked = suspect.source in (CaseSource.MODERATOR, CaseSource.APPEAL)
    same = {event.signal for event in suspect.events} <= known and gravity(suspect.verdict) <= gravity(reviewed)
    before = until > NOW
    assert is_new_evidence(suspect, clearance, NOW) == (asked or not before or not same)
    assert is_new_evidence(suspect, clearance, until)
    assert is_new_evidence(suspect, None, NOW)


def test_held_points_always_bring_a_player_up() -> None:
    event = SuspicionEvent(ADA, NOW, CaseSource.RULES, "a", 0.3, 0.8, Verdict.HOLD, action_id=UUID(int=5))
    suspect = Suspect(ADA, Verdict.HOLD, CaseSource.RULES, (event,))
    clearance = Clearance(frozenset("a"), NOW + timedelta(days=1), Verdict.SUSPEND)
    assert is_new_evidence(suspect, clearance, NOW)
    assert not is_new_evidence(replace(suspect, events=(replace(event, action_id=None),)), clearance, NOW)


# --- Claims ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2000))
def test_a_claim_keeps_others_out_for_the_lease_and_no_longer(seconds: int) -> None:
    claimed = claim(a_case(), MIA, NOW, 900)
    later = NOW + timedelta(seconds=seconds)
    assert is_taken(claimed, MAX.id, later) == (seconds < 900)
    assert not is_taken(claimed, MIA.id, later)
    if seconds < 900:
        for attempt in (lambda: claim(claimed, MAX, later, 900), lambda: give_back(claimed, MAX, later)):
            refused_with(ErrorCode.CONFLICT, attempt)
        refused_with(ErrorCode.CONFLICT, lambda: decide(claimed, PLAIN, ReviewDecision.RELEASE, "", MAX, later))
    else:
        assert claim(claimed, MAX, later, 900).claimed_by == MAX.id
    renewed = claim(claimed, MIA, later, 900)
    assert renewed.claimed_until == later + timedelta(seconds=900)
    assert give_back(renewed, MIA, later) == a_case()


def refused_with(code: ErrorCode, attempt: object) -> None:
    with pytest.raises(Refusal) as refused:
        attempt()  # type: ignore[operator]
    assert refused.value.code is code


# --- Decisions ------------------------------------------------------------------------------------------------------


def test_what_holds_points_is_released_and_what_was_only_flagged_dismissed() -> None:
    release, reject, ban, dismiss = (
        *(ReviewDecision.RELEASE, ReviewDecision.REJECT),
        *(ReviewDecision.BAN, ReviewDecision.DISMISS),
    )
    nothing = replace(PLAIN, held=0)
    assert choices(a_case(Verdict.HOLD), nothing) == (release, reject, ban)
    assert choices(a_case(Verdict.FLAG), PLAIN) == (release, reject, ban)
    assert choices(a_case(Verdict.FLAG), nothing) == (dismiss, reject, ban)
    assert choices(a_case(Verdict.FLAG, CaseSource.APPEAL), replace(nothing, status=PlayerStatus.BANNED)) == (
        release,
        reject,
    )


@given(st.sampled_from(list(ReviewDecision)))
def test_a_decision_ends_the_case_once(decision: ReviewDecision) -> None:
    case = a_case()
    if decision not in choices(case, PLAIN):
        refused_with(ErrorCode.CONFLICT, lambda: decide(case, PLAIN, decision, "", MIA, NOW))
        return
    done = decide(claim(case, MIA, NOW, 900), PLAIN, decision, "why", MIA, NOW)
    assert (done.status, done.decision, done.decided_by, done.note) == (CaseStatus.DECIDED, decision, MIA.id, "why")
    assert done.claimed_by is None
    assert clears(done) == (decision is ReviewDecision.RELEASE)
    assert choices(done, PLAIN) == ()
    for attempt in (
        lambda: decide(done, PLAIN, decision, "", MAX, NOW),
        lambda: claim(done, MAX, NOW, 900),
        lambda: give_back(done, MIA, NOW),
    ):
        refused_with(ErrorCode.CONFLICT, attempt)
    assert lapse(done, 5, NOW + timedelta(days=9)) is None


@given(st.lists(st.tuples(st.sampled_from([MIA, MAX, ROOT]), st.sampled_from(["release", "reject", "ban"]))))
def test_a_protected_player_needs_two_people_who_want_the_same(steps: list[tuple[Reviewer, str]]) -> None:
    case = a_case()
    for who, wish in steps:
        decision, before = ReviewDecision(wish), case
        needed = second_needed(case, PROTECTED, who.id)
        if (before.proposed_decision, before.proposed_by) == (decision, who.id):
            refused_with(ErrorCode.CONFLICT, lambda c=case, d=decision, w=who: decide(c, PROTECTED, d, "", w, NOW))
            continue
        case = decide(case, PROTECTED, decision, "", who, NOW)
        if case.decision is not None:
            assert not needed
            assert before.proposed_decision is decision
            assert before.proposed_by != who.id
            assert case.decided_by == who.id
            return
        assert (case.proposed_decision, case.proposed_by) == (decision, who.id)
        assert case.status is CaseStatus.OPEN


def test_nobody_decides_about_themselves_and_only_administrators_ban_staff() -> None:
    case = a_case()
    own = Reviewer(ADA, Role.ADMIN)
    refused_with(ErrorCode.FORBIDDEN, lambda: decide(case, PLAIN, ReviewDecision.RELEASE, "", own, NOW))
    refused_with(ErrorCode.FORBIDDEN, lambda: claim(case, own, NOW, 900))
    staff = replace(PLAIN, role=Role.MODERATOR)
    refused_with(ErrorCode.FORBIDDEN, lambda: decide(case, staff, ReviewDecision.BAN, "", MIA, NOW))
    assert decide(case, staff, ReviewDecision.BAN, "", ROOT, NOW).decision is ReviewDecision.BAN
    player = Reviewer(EVE, Role.PLAYER)
    refused_with(ErrorCode.FORBIDDEN, lambda: decide(case, PLAIN, ReviewDecision.RELEASE, "", player, NOW))
