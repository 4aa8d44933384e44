"""Who comes in: tokens and sessions, and the external identity provider."""

from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, model_validator
from pydantic_settings import NoDecode

# Asymmetric ones only: with a shared secret whoever can check a token could also make one.
ExternalAlgorithm = Literal["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"]


class Access(BaseModel):
    """Tokens, sessions, the external identity provider."""

    # Access
    issuer: str = "scoreboard"
    audience: str = "scoreboard"
    access_token_ttl: int = Field(600, ge=30, le=600)
    refresh_idle_ttl: int = Field(7 * 86400, ge=60)
    refresh_absolute_ttl: int = Field(30 * 86400, ge=60)
    refresh_leeway: int = Field(10, ge=0, le=60, description="a repeated refresh inside it gets the same successor")
    clock_leeway: int = Field(5, ge=0, le=30, description="tolerated skew between our own pods' clocks")
    password_threads: int = Field(2, ge=1, le=16, description="argon2 costs 18 ms of CPU; it gets its own threads")
    password_queue: int = Field(64, ge=1, description="log-ins waiting for a thread; more are answered 503")
    token_cache_size: int = Field(50_000, ge=0)
    local_accounts: bool = Field(
        True, description="off: players come by the external provider only; game servers and the operator still log in"
    )

    # External identity provider (OpenID Connect); without an issuer there is none
    external_issuer: str = Field("", description="exactly as in the iss claim of the provider's tokens")
    external_audience: str = Field("", description="must be among the token's audiences: the client id given to us")
    external_jwks_url: str = Field("", description="where the provider's keys are; https, or http on this machine")
    external_algorithms: Annotated[tuple[ExternalAlgorithm, ...], NoDecode] = Field(
        ("ES256", "RS256", "PS256", "EdDSA"), description="signatures that are accepted, separated by commas"
    )
    external_username_claim: str = Field("preferred_username", description="wished for, not owed: names stay unique")
    external_role_claim: str = Field(
        "", description="a claim, or a path to it as realm_access.roles; empty: roles are given here, not there"
    )
    external_roles: dict[str, Literal["player", "moderator", "admin"]] = Field(
        {}, description="JSON: value of the role claim to role; the highest counts, player where none is named"
    )
    external_clock_leeway: int = Field(30, ge=0, le=300, description="the provider's clock is not ours")
    external_keys_ttl: float = Field(3600.0, gt=0, description="the provider's keys are read again after this")
    external_keys_stale_ttl: float = Field(
        86400.0, gt=0, description="known keys while the provider is away; a withdrawn key lives no longer"
    )
    external_keys_pause: float = Field(
        30.0, gt=0, description="between two looks for keys, whatever tokens name: bad ones cost the provider nothing"
    )
    external_keys_bytes: int = Field(64 * 1024, ge=1024, description="a key set is a few KiB; more is not read")
    external_timeout: float = Field(3.0, gt=0, description="for the whole of a look for keys; below request_deadline")

    @model_validator(mode="after")
    def _check_provider(self) -> Self:
        if not self.external_issuer:
            if not self.local_accounts:
                raise ValueError("without local accounts SCOREBOARD_EXTERNAL_ISSUER is needed: nobody could come in")
            return self
        if not self.external_audience or not self.external_algorithms:
            raise ValueError("an external issuer needs SCOREBOARD_EXTERNAL_AUDIENCE and at least one algorithm")
        if not is_private(self.external_jwks_url):
            raise ValueError("SCOREBOARD_EXTERNAL_JWKS_URL must be https; http is for this machine only")
        return self


def is_private(url: str) -> bool:
    """Whether nobody on the way can change what an address answers: https, or http that stays on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return bool(host) and parts.username is None
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False
