"""Every setting of the platform, read once from the environment when a process starts.

This is the only module that looks at the environment. Each service builds one frozen ``Settings`` in
its ``__main__`` and hands it on; nothing holds settings globally. A name in the environment is the field's
name with the prefix ``SCOREBOARD_``; ``DATABASE_URL`` and ``REDIS_URL`` go without, as hosting
platforms set them that way.
"""

import base64
import binascii
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MASTER_KEY_BYTES = 32
# Asymmetric ones only: with a shared secret whoever can check a token could also make one.
ExternalAlgorithm = Literal["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"]


class Settings(BaseSettings):
    """Addresses, keys, limits and timeouts. Times are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="SCOREBOARD_", frozen=True, extra="ignore")

    # Stores
    database_url: SecretStr = Field(
        validation_alias=AliasChoices("DATABASE_URL", "SCOREBOARD_DATABASE_URL"),
        description="postgresql://user:password@host:port/name; the truth lives here",
    )
    redis_url: SecretStr = Field(
        validation_alias=AliasChoices("REDIS_URL", "SCOREBOARD_REDIS_URL"),
        description="redis://, rediss:// or unix:// ; a projection that may be lost",
    )
    database_pool_size: int = Field(4, ge=1, le=64, description="two flushes in flight and two for reads")
    database_pool_wait: float = Field(2.0, gt=0, description="a request waits this long for a connection, then 503")
    database_connect_timeout: float = Field(3.0, gt=0)
    database_statement_timeout: float = Field(5.0, gt=0, description="above lock_timeout, below request_deadline")
    database_lock_timeout: float = Field(2.0, gt=0)
    redis_timeout: float = Field(0.25, gt=0, description="a request never waits longer for Redis than this")
    redis_retry_pause: float = Field(0.5, ge=0, description="after a failed call Redis is left alone this long")

    # Keys
    signing_key: SecretStr = Field(description="PEM, EC P-256: signs access tokens (ES256)")
    previous_signing_key: SecretStr | None = Field(None, description="PEM; still accepted while keys rotate")
    master_key: SecretStr = Field(description="base64, 32 bytes: action tokens, refresh tokens, session keys")

    # Addresses
    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65535)
    realtime_host: str = "127.0.0.1"
    realtime_port: int = Field(8001, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(0, ge=0, le=65535, description="0: no metrics server")
    realtime_url: str = Field("", description="where browsers reach realtime; empty: the page's own origin")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://127.0.0.1:8000", "http://localhost:8000"),
        description="pages that may open a live connection, separated by commas; * allows all",
    )
    trusted_proxy_hops: int = Field(0, ge=0, le=8, description="how many X-Forwarded-For entries our proxies add")
    secure_cookies: bool = Field(
        False, description="on behind TLS: the refresh cookie becomes __Host- and Secure, and browsers keep to https"
    )
    hsts_subdomains: bool = Field(False, description="https on all subdomains too; only if all of them have it")
    public_docs: bool = Field(True, description="/docs and /openapi.json on the public port; off in production")

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

    # Request signing (RFC 9421; see security.request_signing)
    require_signatures: bool = Field(
        False, description="every action must be signed, whatever its kind says; the production values turn it on"
    )
    signature_past: float = Field(60.0, gt=0, le=600, description="a signed request older than this is stale")
    signature_future: float = Field(5.0, ge=0, le=60, description="tolerated skew of a client's clock ahead of ours")
    nonce_ttl: float = Field(70.0, gt=0, description="longer than signature_past and signature_future together")

    # Limits (defaults from the product's table; a burst is the bucket's size)
    player_write_rate: float = Field(10, gt=0)
    player_write_burst: int = Field(20, ge=1)
    player_read_rate: float = Field(30, gt=0)
    player_read_burst: int = Field(60, ge=1)
    service_rate: float = Field(200, gt=0, description="a trusted game server sends batches for all of its players")
    service_burst: int = Field(400, ge=1)
    address_rate: float = Field(50, gt=0)
    address_burst: int = Field(100, ge=1)
    login_account_per_minute: float = Field(5, gt=0)
    login_address_per_minute: float = Field(20, gt=0)
    global_rate: float = Field(2000, gt=0, description="requests a second for one replica")
    global_burst: int = Field(4000, ge=1)
    action_per_minute: float = Field(60, gt=0, description="for each player and action kind")
    replicas: int = Field(1, ge=1, description="with Redis gone each replica grants limit / replicas")

    # Security incidents (see scoreboard_api.incidents)
    incident_failures: int = Field(
        50, ge=2, description="of an address or a player in a window; a class behind one address may mistype so often"
    )
    incident_window: float = Field(300.0, ge=1, description="blueprint 4's five minutes, from the first failure on")
    incident_block: float = Field(300.0, ge=1, description="too short to hurt who shares an address, long for guessing")
    incident_look_every: float = Field(0.5, gt=0, description="a block is known to all pods within a second")
    addresses_kept_days: int = Field(30, ge=1, description="then incidents keep only the network: privacy")

    # Anti-cheat
    anticheat_mode: Literal["shadow", "enforce"] = Field(
        "enforce", description="shadow: notes what it would do and does nothing; a declared policy has its own mode"
    )
    suspicion_flag: float = Field(0.5, gt=0, le=1, description="two strong signals; points count, a person looks at it")
    suspicion_hold: float = Field(0.7, gt=0, le=1, description="four strong signals; no weak one leads here by itself")
    suspicion_suspend: float = Field(0.95, gt=0, le=1, description="blueprint 5's critical threshold; 1: never")
    suspicion_half_life: float = Field(600.0, gt=0, description="without new signals suspicion halves in this time")
    automatic_suspension_hours: float = Field(24.0, gt=0, description="by then a person has decided")
    automatic_suspensions_per_hour: int = Field(20, ge=0, description="a fault of ours shall not empty the boards")

    address_window: float = Field(2.0, gt=0, le=60, description="players of one address count as together within it")
    address_memory: int = Field(4096, ge=16, description="addresses remembered for that, each with its newest players")
    held_counted: int = Field(
        1000, ge=1, description="held actions of a player that are added up for the provisional rank; more are slow"
    )

    # The anti-cheat's model (a service of its own)
    model_enabled: bool = Field(True, description="off: this process asks no model, whatever the registry says")
    model_gravest: Literal["allow", "flag", "hold", "suspend"] = Field(
        "suspend", description="the gravest verdict that a model may cause; its stage decides, and it begins in shadow"
    )
    model_gather: float = Field(0.2, gt=0, le=1, description="completions of this time are scored together")
    model_idle: float = Field(0.5, gt=0, le=1, description="the ledger is looked at this often when nothing is heard")
    model_batch: int = Field(2000, ge=10, le=2000, description="ledger entries at once while a backlog is caught up")
    model_players: int = Field(10_000, ge=2000, description="kept in memory, 9 KiB each; others are read again")
    model_first_look: int = Field(
        100_000, ge=0, description="a model that never ran begins so many ledger entries back, not with all history"
    )
    model_repeat: float = Field(
        600.0, gt=0, description="the same verdict about the same player is told to reviewers once in this time"
    )
    model_synchrony_window: float = Field(600.0, gt=0, description="accounts that act together are sought in this time")
    model_synchrony_events: int = Field(20_000, ge=1000, description="and in so many completions at most")
    model_synchrony_every: float = Field(5.0, gt=0, description="between two searches, which look at everybody")
    model_report_every: float = Field(10.0, gt=0, description="between two reports on the model's health")
    model_canary_every: float = Field(3600.0, gt=0, description="windows with known scores must come out the same")
    model_shadow_days: float = Field(7.0, ge=0, description="in shadow before a model may flag")
    model_canary_days: float = Field(7.0, ge=0, description="only flagging before it may hold, and holding to suspend")
    model_windows_kept_days: float = Field(
        90.0, gt=0, description="windows that led to nothing are looked at this long, then deleted"
    )
    model_labels_days: float = Field(30.0, gt=0, description="reviewers' decisions of this time speak about a model")

    # Review
    review_lease_s: float = Field(900.0, gt=0, description="a moderator has a claimed case alone for so long")
    review_cleared_days: float = Field(
        30.0, ge=0, description="signals that a person found harmless bring a player up again only after this"
    )
    review_hours: float = Field(24.0, gt=0, description="until a case is overdue")
    review_deadline: Literal["release", "keep"] = Field(
        "release", description="what becomes of held points nobody decided about: in doubt they count"
    )
    review_look_every: float = Field(5.0, gt=0, description="between two looks for overdue cases and at the stakes")
    reports_per_day: int = Field(20, ge=1, description="of one player about others; more is a quarrel, not a report")

    # Amendments and corrections
    amendment_chunk: int = Field(1000, ge=1, le=10_000, description="actions of one statement; all share a transaction")
    amendment_rebuild_above: int = Field(
        2000, ge=1, description="changed totals of a season; more would keep Redis from everybody for 50 ms and longer"
    )
    correction_actions_limit: int = Field(
        100_000, ge=1, description="actions of one correction: about what a transaction of a few seconds can take back"
    )
    correction_changes_shown: int = Field(
        100, ge=1, le=1000, description="players of a board season named in a preview; more fill no screen"
    )

    # Past boards and freezes
    past_reads_at_once: int = Field(
        2, ge=1, le=64, description="of one process: a past board sorts a season, and other reads need connections too"
    )
    snapshot_entries: int = Field(
        100_000, ge=1000, description="of a season between two snapshots: a past board is folded within half a second"
    )
    snapshot_check_every: float = Field(30.0, gt=0, description="between two looks whether snapshots are due")
    freeze_check_every: float = Field(0.5, gt=0, description="between two looks for what freezes or is revealed")
    freeze_prepare: float = Field(
        120.0, ge=0, description="so long before a freeze a snapshot is taken, so that little is left to fold then"
    )
    freeze_grace: float = Field(
        1.0, ge=0.1, description="after the moment: by then who dated an action before it shows in Postgres"
    )
    frozen_board_ttl: int = Field(
        86400, ge=60, description="what is frozen is forgotten by Redis after this, and built again while it is needed"
    )

    # Sizes
    head_limit: int = Field(32 * 1024, ge=4096, description="bytes of a request's line and headers; a token has 1 KiB")
    head_deadline: float = Field(10.0, gt=0, description="from the connection, or a request's first byte, to its body")
    body_limit: int = Field(16 * 1024, ge=1024)
    batch_body_limit: int = Field(1024 * 1024, ge=1024)
    batch_items: int = Field(500, ge=1, le=5000)
    default_board: str = "main"

    # Write path
    flush_items: int = Field(200, ge=1, le=1000, description="items of one transaction")
    flush_in_flight: int = Field(2, ge=1, le=4, description="one is decided while the other commits")
    queue_bound: int = Field(2000, ge=1, description="waiting items; more are answered 503 at once")
    request_deadline: float = Field(8.0, gt=0, description="above statement_timeout; then 504, outcome unknown")
    transaction_tries: int = Field(3, ge=1, le=10)
    idempotency_ttl: int = Field(86400, ge=60)
    action_token_ttl: int = Field(600, ge=1, description="an action kind may set its own")
    catalog_ttl: float = Field(2.0, gt=0, description="boards and kinds are re-read after this, or on an event")

    # Reads
    l1_ttl: float = Field(0.25, ge=0)
    l2_ttl: int = Field(60, ge=1)
    anonymous_reads: bool = Field(True, description="public boards can be read and watched without a token")

    # Realtime
    tick: float = Field(0.1, gt=0, description="at most one frame per room in this time")
    heartbeat: float = Field(25.0, gt=0)
    auth_timeout: float = Field(5.0, gt=0)
    inactive_after: float = Field(300.0, gt=0)
    inactive_close_after: float = Field(900.0, gt=0, description="counted from becoming inactive")
    inactive_tick: float = Field(1.0, gt=0)
    registry_ttl: int = Field(90, ge=10)
    socket_payload: int = Field(8 * 1024, ge=512)
    socket_rate: float = Field(10, gt=0)
    socket_burst: int = Field(20, ge=1)
    sockets_per_player: int = Field(5, ge=1)
    sockets_per_address: int = Field(20, ge=1)
    sockets_per_pod: int = Field(6000, ge=1)
    backlog_skip: int = Field(32 * 1024, ge=1024, description="bytes waiting in a socket before ticks are skipped")
    backlog_close: int = Field(256 * 1024, ge=1024)
    stale_close_after: float = Field(10.0, gt=0)
    personal_queue: int = Field(64, ge=1)
    replay_window: float = Field(120.0, gt=0)
    polling: bool = Field(True, description="Socket.IO long polling; off behind several replicas without stickiness")
    drain_seconds: float = Field(20.0, ge=0)

    # Worker
    sweep_every: float = Field(0.5, gt=0)
    sweep_after: float = Field(2.0, gt=0, description="younger outbox rows belong to the process that wrote them")
    stream_length: int = Field(1_000_000, ge=1000)
    job_tries: int = Field(5, ge=1)
    job_backoff: float = Field(0.5, gt=0, description="doubles with every try")
    job_lease: float = Field(30.0, gt=0)
    season_check_every: float = Field(1.0, gt=0)
    season_close_grace: float = Field(2.0, ge=0, description="lets writers with a slow clock finish")
    audit_every: float = Field(5.0, gt=0)
    audit_sample: int = Field(200, ge=1)
    seal_every: float = Field(60.0, gt=0, description="between two looks whether a day of the audit log is over")
    rollup_every: float = Field(5.0, gt=0)

    abandoned_actions_kept: int = Field(
        86400, ge=3600, description="an attempt that was never completed can be looked at this long, then it is deleted"
    )

    # Logs
    log_format: str = Field("json", pattern="^(json|console)$")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    access_log_sample: float = Field(1.0, ge=0, le=1, description="share of 2xx access lines written")

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("allowed_origins", "external_algorithms"):
            listed = values.get(name)
            if isinstance(listed, str):
                values[name] = tuple(part.strip() for part in listed.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.master_key_bytes) != MASTER_KEY_BYTES:
            raise ValueError("SCOREBOARD_MASTER_KEY must be base64 of exactly 32 bytes")
        if self.nonce_ttl < self.signature_past + self.signature_future:
            raise ValueError("SCOREBOARD_NONCE_TTL must cover signature_past and signature_future together")
        if not self.database_lock_timeout < self.database_statement_timeout < self.request_deadline:
            raise ValueError("the order lock_timeout < statement_timeout < request_deadline must hold")
        if not self.suspicion_flag <= self.suspicion_hold <= self.suspicion_suspend:
            raise ValueError("the order suspicion_flag <= suspicion_hold <= suspicion_suspend must hold")
        self._check_provider()
        return self

    def _check_provider(self) -> None:
        if not self.external_issuer:
            if not self.local_accounts:
                raise ValueError("without local accounts SCOREBOARD_EXTERNAL_ISSUER is needed: nobody could come in")
            return
        if not self.external_audience or not self.external_algorithms:
            raise ValueError("an external issuer needs SCOREBOARD_EXTERNAL_AUDIENCE and at least one algorithm")
        if not _is_private(self.external_jwks_url):
            raise ValueError("SCOREBOARD_EXTERNAL_JWKS_URL must be https; http is for this machine only")
        if not self.external_timeout < self.request_deadline:
            raise ValueError("SCOREBOARD_EXTERNAL_TIMEOUT must be below the request deadline")

    @property
    def master_key_bytes(self) -> bytes:
        """The master key, decoded. Raises ValueError when it is not base64."""
        try:
            return base64.b64decode(self.master_key.get_secret_value(), validate=True)
        except binascii.Error as error:
            raise ValueError("SCOREBOARD_MASTER_KEY must be base64") from error


def _is_private(url: str) -> bool:
    """Whether nobody on the way can change what an address answers: https, or http that stays on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return bool(host) and parts.username is None
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False
