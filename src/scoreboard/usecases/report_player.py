"""A player reports another: one voice a day about each, and so many a day in all."""

from datetime import timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Player, PlayerStatus
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.domain.signal_words import REPORTED
from scoreboard.security.identifiers import new_id
from scoreboard.storage import actions, players, reports
from scoreboard.storage.database import Transaction
from scoreboard.storage.reports import Report
from scoreboard.usecases.keyed import Keyed, once, remember
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.raise_cases import raise_cases

_DAY = timedelta(days=1)


class ReportReason(StrEnum):
    """What a player is reported for."""

    CHEATING = "cheating"
    NAME = "name"
    OTHER = "other"


class Reported(msgspec.Struct, frozen=True):
    """A report that was taken in. Whether it led to a case is nobody's business but the reviewers'."""

    report_id: UUID


async def report_player(
    platform: Platform, reporter_id: UUID, player_id: UUID, reason: ReportReason, note: str, keyed: Keyed | None = None
) -> Reported:
    """Take in a report; it brings the player before the reviewers, unless they have looked at the same before.

    Raises:
        Refusal: NOT_FOUND for somebody whom the reporter cannot see, CONFLICT for oneself and for a second report about
            the same player within a day, USER_RATE_LIMIT beyond ``reports_per_day``, and the codes of a key.
        StoreUnavailable: nothing was stored.
    """
    review_s = (await platform.catalog.policy_choice()).general().review_s

    async def work(tx: Transaction) -> tuple[Reported, Literal[True]]:
        # Locked, so that reports of one player are counted one after the other.
        await players.lock(tx, reporter_id)
        now = await actions.clock(tx)
        recent = await reports.since(tx, reporter_id, now - _DAY)
        _require_allowed(platform, reporter_id, await players.find(tx, player_id), recent, now.timestamp())
        event = SuspicionEvent(
            player_id, now, CaseSource.REPORT, f"{REPORTED}{reason}", 0.0, 0.0, Verdict.FLAG, reference=note or None
        )
        suspect = Suspect(player_id, Verdict.FLAG, CaseSource.REPORT, (event,), review_s)
        case_id = (await raise_cases(tx, [suspect], now)).get(player_id)
        report = Report(new_id(), reporter_id, player_id, str(reason), note, now, case_id)
        await reports.add(tx, report)
        reply = Reported(report.id)
        await remember(tx, keyed, reply)
        return reply, True

    reply, fresh = await once(platform, keyed, Reported, work)
    if fresh:
        telemetry.REPORTS.labels(str(reason)).inc()
    return reply


def _require_allowed(
    platform: Platform, reporter_id: UUID, player: Player | None, recent: list[Report], now: float
) -> None:
    if player is None or player.status is not PlayerStatus.ACTIVE:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such player.")
    if player.id == reporter_id:
        raise Refusal(ErrorCode.CONFLICT, "You cannot report yourself.")
    if any(report.player_id == player.id for report in recent):
        raise Refusal(ErrorCode.CONFLICT, "You have reported this player today; the moderators know.")
    most = platform.settings.reports_per_day
    if len(recent) >= most:
        left = recent[-most].created_at.timestamp() + _DAY.total_seconds() - now
        limit = {"limit": "reports", "burst": most, "rate": most / _DAY.total_seconds()}
        words = "You have reported as many players today as one can."
        raise Refusal(ErrorCode.USER_RATE_LIMIT, words, max(left, 1.0), {"limit": limit})
