"""A player appeals against a decision, once; somebody hears it with the evidence that was frozen then."""

from typing import Literal
from uuid import UUID

import msgspec

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Player, PlayerStatus
from scoreboard.domain.review import CaseSource, CaseStatus, ReviewCase, ReviewDecision, Suspect, SuspicionEvent
from scoreboard.domain.signal_words import APPEAL
from scoreboard.security.external_token import Identity
from scoreboard.security.identifiers import new_id
from scoreboard.storage import actions, audit, external_identities, players, reports, review_cases, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.storage.reports import Appeal
from scoreboard.usecases.keyed import Keyed, once, remember
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.raise_cases import raise_cases
from scoreboard.usecases.sign_in import SignIn, wrong_credentials

_KEPT_OUT = (PlayerStatus.SUSPENDED, PlayerStatus.BANNED, PlayerStatus.HIDDEN)
_AGAINST = (ReviewDecision.REJECT, ReviewDecision.BAN)
_CASES = 50


class Appealed(msgspec.Struct, frozen=True):
    """An appeal that was taken in."""

    appeal_id: UUID


async def identify_for_appeal(sign_in: SignIn, username: str, password: str) -> UUID:
    """Who appeals that cannot sign in any more. An unknown name and a wrong password take as long and read the same.

    Raises:
        Refusal: INVALID_CREDENTIALS, OVERLOADED.
        StoreUnavailable: Postgres cannot be used.
    """
    found = await sign_in.platform.database.transact(lambda tx: players.credentials(tx, username))
    player, password_hash = found if found is not None else (None, None)
    right = await sign_in.passwords.verify(password_hash, password)
    if player is None or password_hash is None or not right:
        telemetry.AUTH_EVENTS.labels("failed").inc()
        raise wrong_credentials()
    return player.id


async def find_appellant(platform: Platform, identity: Identity) -> UUID:
    """Which player appeals, by a verified token of the identity provider. Unlike an exchange this makes no player and
    opens no session.

    Raises:
        Refusal: NOT_FOUND for a person who has no player here.
        StoreUnavailable: Postgres cannot be used.
    """
    found = await platform.database.transact(
        lambda tx: external_identities.find_player(tx, identity.issuer, identity.subject)
    )
    if found is None:
        raise _nothing()
    return found


async def appeal_case(
    platform: Platform,
    player_id: UUID,
    words: str,
    number: int | None = None,
    keyed: Keyed | None = None,
    request_id: str | None = None,
) -> Appealed:
    """Take in an appeal and bring it before the reviewers.

    Args:
        platform: stores.
        player_id: who appeals.
        words: what they have to say.
        number: of the case; None for the latest decision against the player, or what keeps the account closed now.
        keyed: the request's Idempotency-Key.
        request_id: for the audit log.

    Raises:
        Refusal: NOT_FOUND when there is nothing to appeal against, CONFLICT when there is an appeal already, and the
            codes of a key.
        StoreUnavailable: nothing was stored.
    """
    review_s = (await platform.catalog.policy_choice()).general().review_s

    async def work(tx: Transaction) -> tuple[Appealed, Literal[True]]:
        player = await players.lock(tx, player_id)
        if player is None:
            raise wrong_credentials()
        await review_cases.lock_clearances(tx, [player.id])
        against = await _appealed(tx, player, number)
        if against is not None:
            await _require_unheard(tx, against)
        now = await actions.clock(tx)
        event = SuspicionEvent(player.id, now, CaseSource.APPEAL, APPEAL, 0.0, 0.0, Verdict.FLAG)
        suspect = Suspect(player.id, Verdict.FLAG, CaseSource.APPEAL, (event,), review_s)
        case_id = (await raise_cases(tx, [suspect], now))[player.id]
        if against is not None and against.id != case_id:
            await review_cases.set_appeal_of(tx, case_id, against.id)
        appeal = Appeal(new_id(), case_id if against is None else against.id, player.id, words, now, case_id)
        await reports.add_appeal(tx, appeal)
        reply = Appealed(appeal.id)
        await remember(tx, keyed, reply)
        detail = {"appeal": str(appeal.id), "case": str(case_id), "against": str(appeal.case_id)}
        await audit.record(
            tx,
            "review_case.appealed",
            str(player.id),
            actor_id=player.id,
            actor_role=player.role,
            detail=detail,
            request_id=request_id,
        )
        return reply, True

    reply, fresh = await once(platform, keyed, Appealed, work)
    if fresh:
        telemetry.APPEALS.inc()
    return reply


async def _appealed(tx: Transaction, player: Player, number: int | None) -> ReviewCase | None:
    """The case against which the player appeals; None where the account was closed without one."""
    if number is not None:
        named = await review_cases.find_by_number(tx, player.id, number)
        if named is None:
            raise _nothing()
        _require_appealable(named)
        return named
    cases = await review_queue.of_player(tx, player.id, _CASES)
    against = next((case for case in cases if case.decision in _AGAINST), None)
    running = next((case for case in cases if case.status is CaseStatus.OPEN), None)
    banned = player.status is PlayerStatus.BANNED and against is not None
    if running is not None and not banned and running.verdict is not Verdict.FLAG:
        return running
    if against is None and player.status not in _KEPT_OUT:
        raise _nothing()
    return against or running


def _nothing() -> Refusal:
    return Refusal(ErrorCode.NOT_FOUND, "There is no decision against which you could appeal.")


def _require_appealable(case: ReviewCase) -> None:
    if case.decision is not None and case.decision not in _AGAINST:
        raise Refusal(ErrorCode.CONFLICT, "This was decided in your favour; there is nothing to appeal against.")


async def _require_unheard(tx: Transaction, case: ReviewCase) -> None:
    """One appeal against each decision, and none against what an appeal came to."""
    if await reports.appeal_against(tx, case.id) is not None or await reports.appeal_in(tx, case.id) is not None:
        raise Refusal(ErrorCode.CONFLICT, "You have appealed against this already; there is one appeal.")
