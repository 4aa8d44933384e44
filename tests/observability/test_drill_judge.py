"""What a drill takes for right, on notifications as Alertmanager sends them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.drill.arithmetic import told_after
from dashboards.drill.faults import FAULTS
from dashboards.drill.judge import RECEIVERS, WATCHDOG, Expectation, Judgement, judge
from dashboards.drill.webhook import Notice, read_message
from dashboards.rules import all_alerts

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BROKEN, MENDED = NOON, NOON + timedelta(seconds=60)
PAGE, TICKET, SLOW, NOISE = "ScoreboardRedisDown", "ScoreboardStoreUnreachable", "ScoreboardApiErrorsSlowly", "Noise"
SEVERITIES = {PAGE: "critical", TICKET: "warning", SLOW: "warning", NOISE: "critical", WATCHDOG: "none"}
EXPECTED = Expectation(PAGE, frozenset({TICKET, SLOW}), frozenset({SLOW}))


def told(alert: str, receiver: str, at: float, *, firing: bool = True, began: float = 1, label: str = "") -> Notice:
    def moment(seconds: float) -> datetime:
        return NOON + timedelta(seconds=seconds)

    return Notice(moment(at), receiver, alert, firing, moment(began), (("instance", label),))


AS_IT_SHOULD_BE = [
    told(WATCHDOG, "heartbeat", -30, began=-300),
    told(PAGE, "pager", 20),
    told(PAGE, "chat", 21),
    told(WATCHDOG, "heartbeat", 30, began=-300),
    told(PAGE, "chat", 75, firing=False),
    told(PAGE, "pager", 76, firing=False),
]


def judged(notices: list[Notice], expected: Expectation = EXPECTED) -> Judgement:
    return judge(notices, expected, SEVERITIES, BROKEN, MENDED)


def test_one_page_and_its_end_are_right() -> None:
    found = judged(AS_IT_SHOULD_BE)
    assert not found.problems
    assert (found.told_after, found.over_after) == (21, 16)
    assert not found.others


def test_what_may_be_told_too_is_named() -> None:
    ticket = [told(TICKET, "chat", 30), told(TICKET, "chat", 80, firing=False)]
    found = judged(AS_IT_SHOULD_BE + ticket)
    assert not found.problems
    assert found.others == {TICKET: frozenset({"chat"})}


def test_only_a_ticket_about_a_budget_may_stay() -> None:
    assert not judged([*AS_IT_SHOULD_BE, told(SLOW, "chat", 90)]).problems
    assert judged([*AS_IT_SHOULD_BE, told(TICKET, "chat", 90)]).problems == [f"chat was not told that {TICKET} is over"]


@pytest.mark.parametrize("receiver", ["pager", "chat"])
def test_nothing_else_is_told_to_anybody(receiver: str) -> None:
    noise = [told(NOISE, receiver, 30), told(NOISE, receiver, 80, firing=False)]
    assert judged(AS_IT_SHOULD_BE + noise).problems == [f"{NOISE} was told to {receiver}, and nobody should have been"]
    assert judged([*AS_IT_SHOULD_BE, told(NOISE, receiver, 100, began=99)]).problems, "not after the repair either"


def test_what_began_before_belongs_to_the_fault_before() -> None:
    assert not judged([*AS_IT_SHOULD_BE, told(NOISE, "pager", 5, began=-3)]).problems


@pytest.mark.parametrize(
    ("notices", "problem"),
    [
        ([], f"{PAGE} was not told to anybody"),
        (AS_IT_SHOULD_BE[:1], f"{PAGE} was not told to anybody"),
        ([each for each in AS_IT_SHOULD_BE if each.receiver != "pager"], f"{PAGE} was not told to pager"),
        (AS_IT_SHOULD_BE[:-1], f"pager was not told that {PAGE} is over"),
        ([*AS_IT_SHOULD_BE, told(PAGE, "heartbeat", 22)], f"{PAGE} was told to heartbeat"),
        (
            [*AS_IT_SHOULD_BE, told(PAGE, "pager", 90), told(PAGE, "pager", 99, firing=False)],
            f"{PAGE} was told to pager 2 times",
        ),
        ([*AS_IT_SHOULD_BE, told(PAGE, "pager", 50, firing=False)], f"{PAGE} ended before the fault did"),
    ],
)
def test_each_way_to_be_wrong_is_said(notices: list[Notice], problem: str) -> None:
    assert problem in judged(sorted(notices, key=lambda notice: notice.at)).problems


def test_a_warning_may_not_page() -> None:
    notices = [told(TICKET, who, at, firing=at < 60) for who in ("chat", "pager") for at in (20, 80)]
    found = judged(notices, Expectation(TICKET))
    assert found.problems == [f"{TICKET} was told to pager"]


def test_what_repairs_itself_may_end_early() -> None:
    notices = [told(PAGE, who, at, firing=at < 40) for who in ("chat", "pager") for at in (20, 40)]
    assert not judged(notices, replace(EXPECTED, heals=True)).problems
    assert judged(notices).problems == [f"{PAGE} ended before the fault did"]


def test_alerts_of_one_name_are_one_message() -> None:
    """A second instance joins, the first one ends, then all: one page, one end."""
    more = []
    for who in ("pager", "chat"):
        more += [
            told(TICKET, who, 20, label="a"),
            told(TICKET, who, 30, label="a"),
            told(TICKET, who, 30, label="b"),
            told(TICKET, who, 50, label="a", firing=False),
            told(TICKET, who, 50, label="b"),
            told(TICKET, who, 80, label="b", firing=False),
        ]
    expected = Expectation(TICKET)
    assert judged([each for each in more if each.receiver == "chat"], expected).problems == [
        f"{TICKET} ended before the fault did"
    ]
    heals = replace(expected, heals=True)
    assert not judged([each for each in more if each.receiver == "chat"], heals).problems


def test_a_message_of_alertmanager_is_read() -> None:
    content = {
        "version": "4",
        "status": "firing",
        "receiver": "pager",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": PAGE, "severity": "critical"},
                "startsAt": "2026-05-04T12:00:01.5Z",
                "endsAt": "0001-01-01T00:00:00Z",
            },
            {"status": "resolved", "labels": {"alertname": TICKET}, "startsAt": "2026-05-04T12:00:02Z", "endsAt": "x"},
        ],
    }
    first, second = read_message("pager", content, NOON)
    assert (first.alert, first.firing, first.began) == (PAGE, True, NOON + timedelta(seconds=1.5))
    assert first.labels == (("alertname", PAGE), ("severity", "critical"))
    assert (second.alert, second.firing, second.receiver) == (TICKET, False, "pager")


def test_every_fault_expects_what_there_is() -> None:
    severities = {alert.name: alert.severity for alert in all_alerts()}
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 6
    for fault in FAULTS:
        names = {fault.expected.alert} | fault.expected.may
        assert names <= severities.keys()
        assert fault.expected.lasts <= fault.expected.may
        pages = {name for name in fault.expected.may if severities[name] == "critical"}
        assert not pages, f"{fault.name}: one page is enough"
    assert set(severities.values()) <= RECEIVERS.keys()


def test_the_time_in_real_life_is_that_of_the_rules() -> None:
    faults = {fault.name: fault for fault in FAULTS}
    assert told_after(faults["worker"], {}) == (150, "its scrape fails at once + for 2m + group_wait 30 s")
    assert told_after(faults["redis"], {})[0] == 10 + 30 + 30
    # 14.4 times one thousandth of an hour is 52 seconds in which everything fails, or 104 in which half does.
    assert told_after(faults["api-errors"], {"api-availability": 1.0})[0] == pytest.approx(51.84 + 60 + 30)
    assert told_after(faults["api-errors"], {"api-availability": 0.5})[0] == pytest.approx(103.68 + 60 + 30)
    assert told_after(faults["api-errors"], {"api-availability": 0.001})[0] == float("inf")
