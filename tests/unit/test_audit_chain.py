"""The audit log's chain and seals without a database: whatever is changed is found, at the first wrong row."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from scoreboard.security.access_token import AccessTokens
from scoreboard.security.audit_chain import GENESIS, AuditRow, Seal, row_hash, seal_day
from scoreboard.security.platform_keys import load_platform_key
from scoreboard.usecases.verify_audit import ChainWalk, Fault, Finding, SealWalk
from tests.audit_history import chained
from tests.stage import make_keys, settings_from

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
rows = st.builds(
    AuditRow,
    id=st.just(0),
    at=st.datetimes(timezones=st.just(UTC)),
    actor_id=st.none() | st.uuids(),
    actor_role=texts,
    event=texts,
    subject=texts,
    detail=texts,
    request_id=st.none() | texts,
    prev_hash=st.just(GENESIS),
    hash=st.just(GENESIS),
)
logs = st.lists(rows, min_size=1, max_size=6).map(chained)

OTHER: dict[str, Callable[[Any], Any]] = {
    "id": lambda id_: id_ + 1,
    "at": lambda at: at + timedelta(microseconds=1),
    "actor_id": lambda actor: None if actor else UUID(int=1),
    "actor_role": lambda role: role + "x",
    "event": lambda event: event + ":",
    "subject": lambda subject: subject[:-1] if subject else "1",
    "detail": lambda detail: detail + " ",
    "request_id": lambda request: "" if request is None else None,
    "prev_hash": lambda hash_: bytes([hash_[0] ^ 1]) + hash_[1:],
    "hash": lambda hash_: hash_[:-1] + bytes([hash_[-1] ^ 128]),
}


def walk(log: list[AuditRow], head: tuple[int, bytes] | None) -> Finding | None:
    chain = ChainWalk()
    for row in log:
        finding = chain.step(row)
        if finding is not None:
            return finding
    return chain.finish(head)


def head_of(log: list[AuditRow]) -> tuple[int, bytes]:
    return (log[-1].id, log[-1].hash) if log else (0, GENESIS)


@given(logs)
def test_a_log_that_nobody_touched_is_intact(log: list[AuditRow]) -> None:
    assert walk(log, head_of(log)) is None


def test_every_column_of_a_row_is_tried() -> None:
    assert set(OTHER) == set(AuditRow.__slots__)


@given(logs, st.sampled_from(sorted(OTHER)), st.data())
def test_an_edit_of_any_column_is_found_at_its_row(log: list[AuditRow], column: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(log) - 1))
    edited = list(log)
    edited[place] = replace(log[place], **{column: OTHER[column](getattr(log[place], column))})
    finding = walk(edited, head_of(log))
    assert finding is not None
    assert finding.row == place + 1


@given(logs, st.data())
def test_text_cannot_move_from_one_column_into_the_next(log: list[AuditRow], data: st.DataObject) -> None:
    row = log[data.draw(st.integers(0, len(log) - 1))]
    both = row.event + row.subject
    for cut in range(len(both) + 1):
        moved = replace(row, event=both[:cut], subject=both[cut:])
        assert (row_hash(row.prev_hash, moved) == row.hash) == (moved == row)


@given(logs, st.data())
def test_a_removed_row_is_found(log: list[AuditRow], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(log) - 1))
    finding = walk(log[:place] + log[place + 1 :], head_of(log))
    assert finding is not None
    assert (finding.fault, finding.row) == (Fault.MISSING, place + 1)


@given(st.lists(rows, min_size=2, max_size=6).map(chained), st.data())
def test_swapped_rows_are_found(log: list[AuditRow], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(log) - 2))
    swapped = list(log)
    swapped[place], swapped[place + 1] = replace(log[place + 1], id=place + 1), replace(log[place], id=place + 2)
    finding = walk(swapped, head_of(log))
    assert finding is not None
    assert (finding.fault, finding.row) == (Fault.OUT_OF_ORDER, place + 1)


def test_a_log_without_a_head_or_with_a_wrong_one() -> None:
    log = chained([row_of(1), row_of(2)])
    for head in (None, (2, GENESIS), (1, log[0].hash)):
        finding = walk(log, head)
        assert finding is not None
        assert finding.fault is Fault.HEAD


def row_of(number: int) -> AuditRow:
    at = datetime(2026, 1, number, 12, tzinfo=UTC)
    return AuditRow(0, at, None, "platform", "season.opened", "main/1", "{}", None, GENESIS, GENESIS)


KEY, OLD_KEY = (load_platform_key(make_keys()["SCOREBOARD_SIGNING_KEY"]) for _ in range(2))
LOG = chained([row_of(1), row_of(2), row_of(4)])
DAYS = [date(2026, 1, day) for day in (1, 2, 3, 4)]
ENDS = [LOG[0], LOG[1], LOG[1], LOG[2]]


def sealed(*keys: Any) -> list[Seal]:
    seals = list[Seal]()
    for day, row, key in zip(DAYS, ENDS, keys, strict=True):
        seals.append(seal_day(key, day, row.id, row.hash, seals[-1] if seals else None))
    return seals


def walk_seals(seals: list[Seal], log: list[AuditRow] = LOG) -> Finding | None:
    walk_ = SealWalk({KEY.id: KEY})
    finding = walk_.take(seals)
    for row in log:
        finding = finding or walk_.match(row.id, row.hash)
    return finding or walk_.finish()


def fault(finding: Finding | None) -> Fault | None:
    return None if finding is None else finding.fault


def test_seals_of_every_day_are_good() -> None:
    assert walk_seals(sealed(KEY, KEY, KEY, KEY)) is None


def test_a_seal_of_a_forgotten_key_counts_when_a_later_one_vouches_for_it() -> None:
    assert walk_seals(sealed(OLD_KEY, OLD_KEY, KEY, KEY)) is None
    assert fault(walk_seals(sealed(KEY, KEY, KEY, OLD_KEY))) is Fault.SEAL_SIGNATURE


def test_wrong_seals() -> None:
    good = sealed(KEY, KEY, KEY, KEY)
    other = seal_day(KEY, DAYS[1], 2, GENESIS, good[0])
    assert fault(walk_seals([*good[:3], replace(good[3], signature=good[2].signature)])) is Fault.SEAL_SIGNATURE
    assert fault(walk_seals([good[0], other, *good[2:]])) is Fault.SEAL_MISMATCH  # the next names another seal
    assert fault(walk_seals([good[0], other])) is Fault.SEAL_MISMATCH  # it names another row
    assert fault(walk_seals([good[0], *good[2:]])) is Fault.SEAL_MISSING
    assert fault(walk_seals(good[1:])) is Fault.SEAL_MISMATCH  # the first is gone
    assert fault(walk_seals(good, LOG[:2])) is Fault.MISSING


@given(st.integers(0, 3), st.sampled_from(["last_id", "last_hash", "prev_seal", "day"]))
def test_an_edit_of_a_seal_is_found(place: int, column: str) -> None:
    changes: dict[str, Any] = {"last_id": 7, "last_hash": bytes(32), "prev_seal": b"x" * 32, "day": date(2026, 2, 1)}
    seals = sealed(KEY, KEY, KEY, KEY)
    seals[place] = replace(seals[place], **{column: changes[column]})
    assert walk_seals(seals) is not None


def test_a_log_rewritten_as_a_whole_does_not_match_its_seals() -> None:
    rewritten = chained([row_of(1), replace(row_of(2), subject="main/2"), row_of(4)])
    assert walk(rewritten, head_of(rewritten)) is None  # the chain alone cannot tell
    finding = walk_seals(sealed(KEY, KEY, KEY, KEY), rewritten)
    assert finding is not None
    assert (finding.fault, finding.row) == (Fault.SEAL_MISMATCH, 2)


def test_the_key_has_the_same_name_in_the_key_set() -> None:
    environment = make_keys() | {"DATABASE_URL": "postgresql://", "REDIS_URL": "redis://"}
    [published] = AccessTokens(settings_from(environment)).key_set()["keys"]
    assert published["kid"] == load_platform_key(environment["SCOREBOARD_SIGNING_KEY"]).id
