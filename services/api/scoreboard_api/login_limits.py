"""Proving who one is has limits of its own, for each account and each address; Redis counts them over all pods.

Whatever checks a password takes from them: log-in, change of password, an appeal without a session.
"""

from fastapi import Request

from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.player import fold_username
from scoreboard.live.gcra import Limit
from scoreboard.live.guard import GuardRequest, LimitedBucket
from scoreboard_api.wiring import Wiring

_MINUTE = 60


async def limit_log_in(request: Request, wiring: Wiring, account: str | None, scope: str = "login-account") -> None:
    """Take from the limits of log-ins, of the address and of the account where there is one.

    Raises:
        Refusal: TOO_MANY_REQUESTS or USER_RATE_LIMIT.
    """
    settings, address = wiring.settings, request.scope["state"].get("address", "unknown")
    per_address = settings.login_address_per_minute
    buckets = [
        LimitedBucket(
            "login-address", address, Limit(per_address / _MINUTE, int(per_address)), ErrorCode.TOO_MANY_REQUESTS
        )
    ]
    if account is not None:
        per_account = settings.login_account_per_minute
        limit = Limit(per_account / _MINUTE, int(per_account))
        buckets.append(LimitedBucket(scope, fold_username(account)[:64], limit, ErrorCode.USER_RATE_LIMIT))
    await wiring.admissions.submit(GuardRequest(tuple(buckets)))
