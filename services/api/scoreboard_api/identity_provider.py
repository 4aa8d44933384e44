"""The external identity provider as the API meets it: its keys, fetched when somebody brings a token, and kept.

The only place that calls another party. A token never decides where we call or how often: the address is a setting,
and between two calls there is a pause, however many tokens name keys that nobody knows.
"""

import asyncio
import ssl
from pathlib import Path

import httpx
import jwt
import structlog

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security.external_token import (
    ExternalTokens,
    Identity,
    KeyName,
    KeySet,
    UnusableKeySetError,
    read_key_set,
)
from scoreboard.settings import Settings

_log = structlog.get_logger("scoreboard.identity_provider")
_NEVER = float("-inf")


class _NoKeysError(Exception):
    """The provider answered with something else than keys."""


class IdentityProvider:
    """One for each process that has a provider in its settings."""

    def __init__(self, settings: Settings, *, ca_file: str = "", token_file: str = "") -> None:
        """``ca_file``: who signs the provider's certificate, where the system does not know it. ``token_file``: what to
        show when asking for keys.
        """
        self._tokens = ExternalTokens(settings)
        self._url = settings.external_jwks_url
        self._algorithms = settings.external_algorithms
        self._ttl = settings.external_keys_ttl
        self._stale_ttl = max(settings.external_keys_stale_ttl, settings.external_keys_ttl)
        self._pause = settings.external_keys_pause
        self._most = settings.external_keys_bytes
        self._timeout = settings.external_timeout
        self._token_file = Path(token_file) if token_file else None
        self._keys: KeySet = {}
        self._read_at = _NEVER
        self._asked_at = _NEVER
        self._away = False
        self._asking: asyncio.Task[None] | None = None
        self._ca_file = ca_file or None
        # A file that is not there keeps players from nothing: it is looked for when keys are.
        self._opened = None if ca_file else self._open()

    def _open(self) -> httpx.AsyncClient:
        # The system's own trust store: an operator's authority is added there, once for every program. No proxy of
        # the environment, no redirect: what is called is what the settings say.
        return httpx.AsyncClient(
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(cafile=self._ca_file),
            headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
        )

    async def identify(self, token: str) -> Identity:
        """Who the token speaks of.

        Raises:
            Refusal: INVALID_TOKEN, TOKEN_EXPIRED, or DEPENDENCY_UNAVAILABLE where its key is not known and the
                provider cannot be asked.
        """
        name = self._tokens.key_name(token)
        return self._tokens.verify(token, name, await self._key(name))

    async def _key(self, name: KeyName) -> jwt.PyJWK:
        if self._age() > self._ttl or name not in self._keys:
            await self._ask()
        if self._age() > self._stale_ttl:
            self._keys = {}
        key = self._keys.get(name)
        if key is not None:
            return key
        if self._away:
            left = self._asked_at + self._pause - self._now()
            words = "The identity provider cannot be reached at this moment; please try again."
            raise Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, words, max(left, 1))
        raise Refusal(ErrorCode.INVALID_TOKEN, "This token is signed with a key that its provider does not publish.")

    async def _ask(self) -> None:
        """Read the keys, unless that was tried a moment ago. Everybody who needs them waits for the same call."""
        if self._asking is None:
            if self._now() - self._asked_at < self._pause:
                return
            self._asked_at = self._now()
            self._asking = telemetry.start_nobodys_task(self._read())
            self._asking.add_done_callback(self._asked)
        await asyncio.shield(self._asking)

    def _asked(self, _: asyncio.Task[None]) -> None:
        self._asking = None

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                keys = read_key_set(await self._fetch(), self._algorithms)
        except (httpx.HTTPError, TimeoutError, OSError, UnusableKeySetError, _NoKeysError) as error:
            self._away = True
            telemetry.PROVIDER_READS.labels("failed").inc()
            _log.warning(
                "no keys from the identity provider",
                url=self._url,
                reason=type(error).__name__,
                detail=str(error)[:200],
            )
            return
        self._keys, self._read_at, self._away = keys, self._now(), False
        telemetry.PROVIDER_READS.labels("read").inc()

    async def _fetch(self) -> bytes:
        headers = {}
        if self._token_file is not None:
            headers["Authorization"] = f"Bearer {(await asyncio.to_thread(self._token_file.read_text)).strip()}"
        if self._opened is None:
            self._opened = self._open()
        async with self._opened.stream("GET", self._url, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                raise _NoKeysError(f"status {response.status_code}")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > self._most:
                    raise _NoKeysError(f"more than {self._most} bytes")
            return bytes(body)

    def _age(self) -> float:
        return self._now() - self._read_at

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Give up what is under way and close the connections."""
        if self._asking is not None:
            self._asking.cancel()
        if self._opened is not None:
            await self._opened.aclose()
