"""What the analytics answer: the spans of a time without a gap, kinds, totals, and how far the counts are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scoreboard.domain.activity import ALL_KINDS, LENGTH, NOTHING, Counts, Step, added, ceiling, floor, spans
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.settings import Settings
from scoreboard.storage import actions, activity, positions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.roll_up_activity import ABANDONED, CREATED, RESULTS

_SHOWN = {Step.MINUTE: 60, Step.HOUR: 48, Step.DAY: 30}
"""So many spans are shown where no beginning is given."""
_KINDS = 100
_ROWS = 100_000
"""Of one CSV document: some ten megabytes."""
_ROWS_AT_ONCE = 2000
"""So many are wanted of one query: some 10 ms of work in which no other request of the process is served."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which spans are asked for: from ``since`` up to ``until``, both beginnings of spans."""

    step: Step
    since: datetime
    until: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller said. Moments know their time zone; ``kind`` may be ``ALL_KINDS``."""

    step: Step
    since: datetime | None = None
    until: datetime | None = None
    kind: str = ALL_KINDS


@dataclass(frozen=True, slots=True)
class CountedUntil:
    """How far the counts are: ledger entries that are left, the oldest one's age in seconds, and moments."""

    results_behind: int
    results_age_s: float
    created: datetime | None
    abandoned: datetime | None


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """The answer. ``spans`` has no gap; ``kinds`` are those with the most points; of players ``totals`` say nothing."""

    asked: Asked
    spans: list[tuple[datetime, Counts]]
    kinds: dict[str, Counts]
    totals: Counts
    counted: CountedUntil
    minutes_since: datetime


async def read_activity(platform: Platform, wish: Wish) -> ActivityReport:
    """Raises Refusal VALIDATION_ERROR for a time that is no time, too long or forgotten; StoreUnavailable."""

    async def work(tx: Transaction) -> ActivityReport:
        now = await actions.clock(tx)
        asked = _asked(wish, now, platform.settings)
        place = (asked.step, asked.since, asked.until)
        found = await activity.of_kind(tx, *place, asked.kind)
        none = NOTHING if asked.step is Step.MINUTE else Counts(players=0)
        whole = [(starts, found.get(starts, none)) for starts in spans(asked.since, asked.until, asked.step)]
        totals = NOTHING
        for each in found.values():
            totals = added(totals, each)
        kinds = await activity.by_kind(tx, *place, _KINDS)
        if asked.kind != ALL_KINDS:
            kinds = {key: counts for key, counts in kinds.items() if key == asked.kind}
        edge = _minutes_since(now, platform.settings)
        return ActivityReport(asked, whole, kinds, totals, await _counted(tx), edge)

    return await platform.database.transact(work)


async def read_activity_rows(platform: Platform, wish: Wish) -> tuple[Asked, list[tuple[datetime, str, Counts]]]:
    """Every span and kind in which anything was counted, for a table. Raises as :func:`read_activity`."""

    async def work(tx: Transaction) -> tuple[Asked, list[tuple[datetime, str, Counts]]]:
        asked = _asked(wish, await actions.clock(tx), platform.settings)
        return asked, await _rows(tx, asked)

    return await platform.database.transact(work)


async def _rows(tx: Transaction, asked: Asked) -> list[tuple[datetime, str, Counts]]:
    """A few spans at a time, more or fewer by how many rows the last ones had."""
    found: list[tuple[datetime, str, Counts]] = []
    since, number = asked.since, 1
    while since < asked.until:
        until = min(since + number * LENGTH[asked.step], asked.until)
        some = await activity.rows(tx, asked.step, since, until, asked.kind, _ROWS + 1 - len(found))
        found += some
        if len(found) > _ROWS:
            raise _wrong("from", f"A table has at most {_ROWS:,} rows; ask for a shorter time or one kind.")
        since = until
        number = max(1, min(2 * number, number * _ROWS_AT_ONCE // max(1, len(some))))
    return found


def _asked(wish: Wish, now: datetime, settings: Settings) -> Asked:
    length = LENGTH[wish.step]
    for field, moment in (("from", wish.since), ("to", wish.until)):
        if moment is not None and not _EARLIEST <= moment < _LATEST:
            raise _wrong(field, f"The time has to lie between {_EARLIEST.year} and {_LATEST.year}.")
    until = ceiling(wish.until, wish.step) if wish.until is not None else floor(now, wish.step) + length
    since = floor(wish.since, wish.step) if wish.since is not None else until - _SHOWN[wish.step] * length
    if since >= until:
        raise _wrong("from", "The time has to begin before it ends.")
    if (until - since) / length > settings.activity_spans:
        words = f"At most {settings.activity_spans} spans in one reply; ask for a shorter time or longer spans."
        raise _wrong("from", words)
    if wish.step is Step.MINUTE and wish.since is not None and since < _minutes_since(now, settings):
        raise _wrong("from", f"Minutes are kept for {settings.activity_minutes_kept} days; ask for hours or days.")
    return Asked(wish.step, since, until, wish.kind)


def _minutes_since(now: datetime, settings: Settings) -> datetime:
    return ceiling(now - timedelta(days=settings.activity_minutes_kept), Step.MINUTE)


def _wrong(field: str, detail: str) -> Refusal:
    fault = {"pointer": f"#/query/{field}", "detail": detail}
    return Refusal(ErrorCode.VALIDATION_ERROR, "The request has not the right form.", extra={"errors": [fault]})


async def _counted(tx: Transaction) -> CountedUntil:
    _, behind, age = await positions.lag(tx, RESULTS) or (0, 0, 0.0)
    places = [await positions.read(tx, consumer) for consumer in (CREATED, ABANDONED)]
    moments = [None if place is None else _EPOCH + timedelta(microseconds=place) for place in places]
    return CountedUntil(behind, age if behind else 0.0, *moments)
