"""The platform's admin endpoints as the operator calls them."""

import asyncio
import base64
import json
import random
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import aiohttp
import structlog

from scoreboard import telemetry
from scoreboard_operator.resources import DeletionPolicy, Resource
from scoreboard_operator.settings import OperatorSettings
from scoreboard_operator.verdicts import BUSY, Verdict, unreachable, verdict_of

_log = structlog.get_logger("scoreboard.operator")
_LEAST_PAUSE = 0.5  # seconds, where a rate limit names none


class PlatformApi:
    """One for the process. No redirects, no proxies of the environment: the token goes to one address only."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._base = settings.api_url.rstrip("/")
        self._token_file: Path = settings.operator_token_file
        self._busy_tries = settings.operator_busy_tries
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.operator_api_connections),
            timeout=aiohttp.ClientTimeout(total=settings.operator_api_timeout),
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def declare(self, resource: Resource) -> Verdict:
        """Make the platform's thing as the resource says. The same again changes nothing."""
        return await self._ask("PUT", resource, body=resource.request())

    async def look(self, resource: Resource) -> Verdict:
        """The thing as it is; ``NOT_THERE`` where it was never declared."""
        return await self._ask("GET", resource)

    async def let_go(self, resource: Resource) -> Verdict:
        """Retire the thing, or with Retain only give it up. Repeating it does no harm."""
        retain = resource.deletion_policy is DeletionPolicy.RETAIN
        query = {
            "uid": resource.uid,
            "generation": str(resource.generation),
            "retain": "true" if retain else "false",
        }
        return await self._ask("DELETE", resource, query=query)

    async def _ask(
        self, method: str, resource: Resource, *, body: object | None = None, query: Mapping[str, str] | None = None
    ) -> Verdict:
        """The answer. Being put off by a rate limit is none: many resources after a restart are no fault of anybody."""
        for _ in range(self._busy_tries - 1):
            verdict = await self._ask_once(method, resource, body, query)
            if verdict.reason != BUSY:
                return verdict
            await asyncio.sleep(max(verdict.retry_after, _LEAST_PAUSE) * (1 + random.random() / 4))  # noqa: S311
        return await self._ask_once(method, resource, body, query)

    async def _ask_once(
        self, method: str, resource: Resource, body: object | None, query: Mapping[str, str] | None
    ) -> Verdict:
        url = f"{self._base}/api/v1/admin/{resource.kind.endpoint}/{resource.key}"
        request_id = uuid4().hex
        try:
            token = self._token()
            headers = {"Authorization": f"Bearer {token}", "X-Request-ID": request_id}
            async with self._session.request(
                method, url, json=body, params=query, headers=headers, allow_redirects=False
            ) as reply:
                retry_after = reply.headers.get("Retry-After", "")
                verdict = verdict_of(resource.kind, reply.status, await reply.read(), retry_after, _issuer(token))
        except (TimeoutError, aiohttp.ClientError) as error:
            verdict = unreachable(type(error).__name__)
        except OSError as error:
            verdict = unreachable(f"the operator's token cannot be read ({type(error).__name__})")
        if verdict.view is None:
            with telemetry.serving(request_id):
                _log.info("refused", **_about(method, resource), reason=verdict.reason, detail=verdict.message)
        return verdict

    def _token(self) -> str:
        return self._token_file.read_text("ascii").strip()


def _issuer(token: str) -> str:
    """Who says to have issued a token (RFC 7519, ``iss``), for people; empty where it is no such token."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["iss"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""


def _about(method: str, resource: Resource) -> dict[str, str]:
    """Which resource a line is about, in the words of the keeper's lines."""
    kind = resource.kind.plural
    return {"method": method, "kind": kind, "namespace": resource.namespace, "name": resource.name}
