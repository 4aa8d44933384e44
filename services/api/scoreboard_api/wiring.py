"""The one place where the API's parts are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar
from uuid import UUID

from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live.around import Around
from scoreboard.live.gcra import Limit
from scoreboard.live.guard import Guard, GuardRequest
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.passwords import Passwords
from scoreboard.security.request_signing import SigningKeys
from scoreboard.settings import Settings
from scoreboard.storage.database import StoreContended, StoreUnavailable
from scoreboard.usecases.admit_requests import Admission
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.complete_actions import SavedBatch, announce_completions, save_completions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.create_actions import CreatedAction, CreationRequest, create_actions
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.read_board import BoardView
from scoreboard.usecases.read_places import OwnPlace, Place, read_own_places, read_places_around
from scoreboard.usecases.read_status import StatusReader
from scoreboard.usecases.sign_in import SignIn
from scoreboard_api.access_log import AccessLog
from scoreboard_api.barrier import Barrier
from scoreboard_api.batcher import Batcher, Waited, unavailable
from scoreboard_api.crowds import Crowds
from scoreboard_api.identity_provider import IdentityProvider
from scoreboard_api.incidents import Incidents
from scoreboard_api.overload import Overload
from scoreboard_api.service_accounts import ServiceAccounts
from scoreboard_api.steady import Steady
from scoreboard_api.top_cache import TopCache


class CallerLimits:
    """What one caller may do, made once from the settings."""

    def __init__(self, settings: Settings) -> None:
        self.write = Limit(settings.player_write_rate, settings.player_write_burst)
        self.read = Limit(settings.player_read_rate, settings.player_read_burst)
        self.service = Limit(settings.service_rate, settings.service_burst)
        per_minute = settings.action_per_minute
        self.action = Limit(per_minute / 60, max(1, int(per_minute)))


@dataclass(slots=True)
class Wiring:
    """Everything a request may need. ``draining`` is set once the process is told to stop."""

    settings: Settings
    platform: Platform
    tokens: AccessTokens
    sign_in: SignIn
    guard: Guard
    limits: CallerLimits
    admissions: "Batcher[GuardRequest, list[Refusal | None], None]"
    signing_keys: SigningKeys
    creations: "Batcher[CreationRequest, list[CreatedAction | Refusal], CreatedAction]"
    completions: "Batcher[CompletionRequest, SavedBatch, Completion]"
    own_places: "Batcher[tuple[Place, UUID], list[OwnPlace | Refusal], OwnPlace]"
    arounds: "Batcher[tuple[Place, Around], list[BoardView | Refusal], BoardView]"
    marker: OutboxMarker
    health: Health
    status: StatusReader
    tops: TopCache
    barrier: Barrier
    overload: Overload
    crowds: Crowds
    incidents: Incidents
    access_log: AccessLog
    provider: IdentityProvider | None
    service_accounts: ServiceAccounts | None
    steady: Steady
    draining: bool = False

    async def close(self) -> None:
        """Finish what is under way, then close every connection."""
        await self.completions.finish()
        await self.steady.finish()
        await self.creations.finish()
        await self.marker.finish()
        await self.incidents.finish()
        self.sign_in.passwords.close()
        if self.provider is not None:
            await self.provider.close()
        if self.service_accounts is not None:
            await self.service_accounts.close()
        await self.platform.close()


class _Sizes(TypedDict):
    most: int
    bound: int
    in_flight: int
    crowd: int
    patience: float
    waited: Waited


Answer = TypeVar("Answer")


async def _as_they_are(answers: list[Answer]) -> Sequence[Answer]:
    """The work of a batch that has nothing to announce."""
    return answers


def _lost(request: CreationRequest | CompletionRequest, error: StoreUnavailable) -> Refusal:
    """Rows that stay locked, for a request with a key: most likely its first try is still running somewhere."""
    if isinstance(error, StoreContended) and request.idempotency_key:
        words = "The first request with this Idempotency-Key has not been answered yet."
        return Refusal(ErrorCode.IDEMPOTENCY_KEY_IN_FLIGHT, words, 1)
    return unavailable(request, error)


def wire(settings: Settings) -> Wiring:
    """Build the API's parts. Nothing is contacted yet."""
    platform = open_platform(settings, application="scoreboard-api")
    tokens = AccessTokens(settings)
    passwords = Passwords(threads=settings.password_threads, queue=settings.password_queue)
    guard = Guard(platform.live, settings.replicas, settings.nonce_ttl)
    marker = OutboxMarker(platform)
    incidents = Incidents(platform)
    overload = Overload(settings)
    sizes = _Sizes(
        most=settings.flush_items,
        bound=settings.queue_bound,
        in_flight=settings.flush_in_flight,
        crowd=settings.flush_crowd,
        patience=settings.flush_patience,
        waited=overload.waited,
    )
    wiring = Wiring(
        settings=settings,
        platform=platform,
        tokens=tokens,
        sign_in=SignIn(platform, tokens, passwords),
        guard=guard,
        limits=CallerLimits(settings),
        admissions=Batcher("guard", Admission(platform, guard).admit, _as_they_are, **sizes),
        signing_keys=SigningKeys(settings.master_key_bytes, remembered=settings.token_cache_size),
        creations=Batcher("create", lambda items: create_actions(platform, items), _as_they_are, lost=_lost, **sizes),
        completions=Batcher(
            "complete",
            lambda items: save_completions(platform, items, marker),
            lambda saved: announce_completions(platform, saved, marker),
            lost=_lost,
            overlap=settings.flush_overlap,
            **sizes,
        ),
        own_places=Batcher("own_place", lambda items: read_own_places(platform, items), _as_they_are, **sizes),
        arounds=Batcher("around", lambda items: read_places_around(platform, items), _as_they_are, **sizes),
        marker=marker,
        health=Health(platform),
        status=StatusReader(platform, Health(platform)),
        tops=TopCache(platform),
        barrier=Barrier(settings, incidents),
        overload=overload,
        crowds=Crowds(settings),
        incidents=incidents,
        access_log=AccessLog(settings),
        provider=IdentityProvider(settings) if settings.external_issuer else None,
        service_accounts=ServiceAccounts(settings) if settings.operator_issuer else None,
        steady=Steady(),
    )
    overload.attend("guard", wiring.admissions)
    overload.attend("create", wiring.creations)
    overload.attend("complete", wiring.completions)
    overload.attend("own_place", wiring.own_places)
    overload.attend("around", wiring.arounds)
    return wiring
