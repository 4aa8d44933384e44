"""What a request may cost and how it proves itself: signatures, limits, incidents, sizes."""

from typing import Self

from pydantic import BaseModel, Field, model_validator


class Defence(BaseModel):
    """Signatures, limits, incidents, sizes."""

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

    # Sizes
    head_limit: int = Field(32 * 1024, ge=4096, description="bytes of a request's line and headers; a token has 1 KiB")
    head_deadline: float = Field(10.0, gt=0, description="from the connection, or a request's first byte, to its body")
    body_limit: int = Field(16 * 1024, ge=1024)
    batch_body_limit: int = Field(1024 * 1024, ge=1024)
    batch_items: int = Field(500, ge=1, le=5000)
    default_board: str = "main"

    @model_validator(mode="after")
    def _check_nonces(self) -> Self:
        if self.nonce_ttl < self.signature_past + self.signature_future:
            raise ValueError("SCOREBOARD_NONCE_TTL must cover signature_past and signature_future together")
        return self
