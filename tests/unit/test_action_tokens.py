"""Action tokens, refresh tokens, ids and keys, and the chain of the ledger."""

import base64
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType, LedgerEntry, Verdict
from scoreboard.security import action_token, refresh_token
from scoreboard.security.action_token import ActionToken
from scoreboard.security.derived_keys import derive_key
from scoreboard.security.identifiers import new_id
from scoreboard.security.ledger_chain import GENESIS, entry_hash
from scoreboard.settings import Settings
from tests.stage import settings_from
from tests.unit.test_security_tokens import ADA, KEY, KEYS, MILLIS, SESSION, STORES


@given(st.uuids(), st.uuids(), st.integers(0, 2**32 - 1), MILLIS)
def test_action_tokens_come_back_as_they_went(action: UUID, player: UUID, version: int, moment: datetime) -> None:
    token = ActionToken(action, player, version, moment)
    text = action_token.issue(KEY, token)
    assert len(text) == 80
    assert action_token.read(KEY, text) == token
    with pytest.raises(Refusal) as caught:
        action_token.read(b"j" * 32, text)
    assert caught.value.code is ErrorCode.INVALID_SIGNATURE


def test_every_bit_of_an_action_token_counts() -> None:
    raw = base64.urlsafe_b64decode(
        action_token.issue(KEY, ActionToken(ADA, SESSION, 1, datetime(2026, 1, 1, tzinfo=UTC)))
    )
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Refusal) as caught:
            action_token.read(KEY, base64.urlsafe_b64encode(bytes(changed)).decode())
        assert caught.value.code is ErrorCode.INVALID_SIGNATURE


@pytest.mark.parametrize("text", ["", "A" * 79, "A" * 76, "A" * 84, "é" * 80, "A" * 79 + "=", " " + "A" * 79])
def test_what_is_no_action_token(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        action_token.read(KEY, text)
    assert caught.value.code is ErrorCode.INVALID_TOKEN


def test_refresh_tokens_have_one_successor() -> None:
    token = refresh_token.first()
    assert refresh_token.decode(refresh_token.encode(token)) == token
    assert len(refresh_token.encode(token)) == 43
    assert refresh_token.successor(KEY, token) == refresh_token.successor(KEY, token) != token
    assert refresh_token.successor(b"j" * 32, token) != refresh_token.successor(KEY, token)
    assert refresh_token.digest(token) != token
    assert refresh_token.first() != token


def test_keys_of_different_purposes_differ() -> None:
    master = bytes(range(32))
    made = {derive_key(master, purpose) for purpose in ("action-token", "refresh-token", "request:1", "request:2")}
    assert len(made) == 4
    assert all(len(key) == 32 for key in made)
    assert derive_key(master, "action-token") == derive_key(master, "action-token")


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}
    assert len(set(ids)) == 1000
    assert [each.int >> 80 for each in ids] == sorted(each.int >> 80 for each in ids)


ENTRY = LedgerEntry(
    EntryType.APPLIED, datetime(2026, 1, 1, tzinfo=UTC), ADA, SESSION, "quiz", 1, 10, (1, 2), (None, 5), (10, 15)
)
OTHERS = {
    "entry_type": EntryType.VOIDED,
    "at": ENTRY.at + timedelta(microseconds=1),
    "action_id": UUID(int=9),
    "player_id": UUID(int=9),
    "kind_key": "quiy",
    "kind_version": 2,
    "points": 11,
    "season_ids": (2, 1),
    "previous": (0, 5),
    "current": (10, 16),
    "verdict": Verdict.FLAG,
    "trace_id": "t",
}


@pytest.mark.parametrize("name", [field.name for field in fields(LedgerEntry)])
def test_the_chain_covers_every_field(name: str) -> None:
    assert entry_hash(GENESIS, 1, replace(ENTRY, **{name: OTHERS[name]})) != entry_hash(GENESIS, 1, ENTRY)


def test_the_chain_covers_its_past_and_its_place() -> None:
    first = entry_hash(GENESIS, 1, ENTRY)
    assert entry_hash(first, 1, ENTRY) != first
    assert entry_hash(GENESIS, 2, ENTRY) != first
    # Written down: a change of the format would make every old ledger look forged.
    assert first.hex() == "83c6b19581aba725aafbd84877533b074fdb95b4d3dc95fb58e64c123c30bf0f"


@pytest.mark.parametrize(
    "changes",
    [
        {"SCOREBOARD_MASTER_KEY": "AAAA"},
        {"SCOREBOARD_MASTER_KEY": "not base64!"},
        {"SCOREBOARD_DATABASE_LOCK_TIMEOUT": "9"},
        {"SCOREBOARD_REQUEST_DEADLINE": "1"},
        {"SCOREBOARD_API_PORT": "99999"},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
        settings_from({**STORES, **KEYS, **changes})


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(settings_from({**STORES, **KEYS, "DATABASE_URL": "postgresql://u:hunter2@h/d"}))
    assert isinstance(settings_from({**STORES, **KEYS}), Settings)
    for secret in ("hunter2", KEYS["SCOREBOARD_MASTER_KEY"], "BEGIN PRIVATE KEY"):
        assert secret not in shown
