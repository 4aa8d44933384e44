"""Where things are: the stores, the addresses that the processes listen on, the keys, the logs."""

import base64
import binascii
from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import NoDecode


class Places(BaseModel):
    """Stores, keys, addresses, logs."""

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
    database_idle_timeout: float = Field(
        5.0, gt=0, description="a process that freezes in a transaction keeps others waiting for its rows this long"
    )
    redis_timeout: float = Field(0.25, gt=0, description="a request never waits longer for Redis than this")
    redis_retry_pause: float = Field(0.5, ge=0, description="after a failed call Redis is left alone this long")
    health_timeout: float = Field(
        1.0, gt=0, description="a store that has not answered by then counts as away; below the probes' timeout (2 s)"
    )

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

    # Logs
    log_format: str = Field("json", pattern="^(json|console)$")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    access_log_sample: float = Field(1.0, ge=0, le=1, description="share of 2xx access lines written")

    @property
    def master_key_bytes(self) -> bytes:
        """The master key, decoded. Raises ValueError when it is not base64."""
        try:
            return base64.b64decode(self.master_key.get_secret_value(), validate=True)
        except binascii.Error as error:
            raise ValueError("SCOREBOARD_MASTER_KEY must be base64") from error
