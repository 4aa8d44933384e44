"""The API server as the operator meets it: logging in, whether the definitions are there, whether the watches move."""

import asyncio
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import aiohttp
import kopf
import structlog

from scoreboard import telemetry
from scoreboard_operator.resources import GROUP, KINDS, VERSION
from scoreboard_operator.settings import OperatorSettings

_PLURALS = frozenset(kind.plural for kind in KINDS)
_LOOK_AGAIN = 2.0  # seconds between two looks for the definitions
_SAME_TOKEN_PAUSE = 2.0  # seconds; a token that was just refused is not offered again at once
_TOKEN_LIFE = timedelta(minutes=10)  # the cluster renews the file in place; read it again long before it expires
_log = structlog.get_logger("scoreboard.operator.cluster")


class Cluster:
    """One for the process."""

    def __init__(self, settings: OperatorSettings, kopf_settings: kopf.OperatorSettings) -> None:
        self._settings = settings
        self._kopf_settings = kopf_settings
        self._moved = dict.fromkeys(_PLURALS, self._now())
        self._begun: set[str] = set()
        self._offered: tuple[str | None, float] = (None, float("-inf"))
        for plural in _PLURALS:
            telemetry.OPERATOR_WATCH_AGE.labels(plural).set_function(partial(self._age, plural))

    @property
    def watching(self) -> bool:
        """Whether every kind has been listed or watched once."""
        return self._begun == _PLURALS

    @property
    def alive(self) -> bool:
        """Whether the watch of every kind was begun anew not too long ago."""
        return all(self._age(plural) < self._settings.operator_watch_silence for plural in _PLURALS)

    async def log_in(self, **_: Any) -> kopf.AiohttpSession:
        """Connect by the pod's ServiceAccount, or by a kubeconfig on a developer's machine. For ``kopf.on.login``.

        Raises:
            kopf.LoginError: neither is there.
        """
        info = self._credentials()
        token, at = self._offered
        if info.token is not None and info.token == token and self._now() - at < _SAME_TOKEN_PAUSE:
            await asyncio.sleep(_SAME_TOKEN_PAUSE)
        self._offered = (info.token, self._now())
        return kopf.AiohttpSession(
            server=info.server,
            default_namespace=info.default_namespace,
            expiration=telemetry.utc_now() + _TOKEN_LIFE,
            aiohttp_session=self._session(info),
        )

    async def definitions(self) -> None:
        """Wait until the four kinds are known to the API server: kopf looks for them only once. As long as the server
        answers, that counts as moving: a restart would bring no definitions.
        """
        told = False
        while True:
            missing = _PLURALS - await self._known()
            if not missing:
                return
            if not told:
                _log.warning("the definitions are missing: helm install scoreboard-crds", missing=sorted(missing))
                told = True
            await asyncio.sleep(_LOOK_AGAIN)

    async def _known(self) -> set[str]:
        info = self._credentials()
        timeout = aiohttp.ClientTimeout(total=self._settings.operator_cluster_timeout)
        async with self._session(info) as session:
            try:
                async with session.get(f"{info.server}/apis/{GROUP}/{VERSION}", timeout=timeout) as reply:
                    if reply.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
                        self._moved = dict.fromkeys(_PLURALS, self._now())
                    if reply.status == HTTPStatus.OK:
                        return {each["name"] for each in (await reply.json())["resources"]}
                    if reply.status != HTTPStatus.NOT_FOUND:
                        _log.warning("the API server refuses to tell its kinds", status=reply.status)
                    return set()
            except (aiohttp.ClientError, TimeoutError) as error:
                _log.warning("the API server does not answer", reason=type(error).__name__)
                return set()

    def _credentials(self) -> kopf.ConnectionInfo:
        found = kopf.login_with_service_account(settings=self._kopf_settings) or kopf.login_with_kubeconfig(
            settings=self._kopf_settings
        )
        if found is None:
            raise kopf.LoginError("Neither a ServiceAccount's token nor a kubeconfig is here.")
        return found

    def _session(self, info: kopf.ConnectionInfo) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._answered)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers={**info.as_http_headers(), "User-Agent": "scoreboard-operator"},
            trace_configs=[trace],
            trust_env=False,
        )

    async def _answered(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        """A list or a watch was answered; single resources are never read."""
        plural = end.url.name
        if end.method == "GET" and plural in _PLURALS and end.response.status == HTTPStatus.OK:
            self._moved[plural] = self._now()
            self._begun.add(plural)

    def _age(self, plural: str) -> float:
        return self._now() - self._moved[plural]

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
