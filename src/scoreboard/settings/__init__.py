"""Every setting of the platform, read once from the environment when a process starts.

This is the only package that looks at the environment (the operator, which gets neither stores nor keys, has its own
settings); its modules hold the settings by theme. Each service builds one frozen ``Settings`` in its ``__main__`` and
hands it on; nothing holds settings globally. A name in the environment is the field's name with the prefix
``SCOREBOARD_``; ``DATABASE_URL`` and ``REDIS_URL`` go without, as hosting platforms set them that way.
"""

from typing import Self

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scoreboard.settings.access import Access
from scoreboard.settings.anticheat import Anticheat
from scoreboard.settings.cluster import Cluster
from scoreboard.settings.defence import Defence
from scoreboard.settings.past import Past
from scoreboard.settings.places import Places
from scoreboard.settings.tracing import Tracing
from scoreboard.settings.work import Work

MASTER_KEY_BYTES = 32


class Settings(Places, Access, Cluster, Defence, Anticheat, Work, Past, Tracing, BaseSettings):
    """Addresses, keys, limits and timeouts. Times are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="SCOREBOARD_", frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("allowed_origins", "external_algorithms", "operator_subjects"):
            listed = values.get(name)
            if isinstance(listed, str):
                values[name] = tuple(part.strip() for part in listed.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.master_key_bytes) != MASTER_KEY_BYTES:
            raise ValueError("SCOREBOARD_MASTER_KEY must be base64 of exactly 32 bytes")
        if not self.database_lock_timeout < self.database_statement_timeout < self.request_deadline:
            raise ValueError("the order lock_timeout < statement_timeout < request_deadline must hold")
        if self.operator_issuer and self.operator_issuer in (self.issuer, self.external_issuer):
            raise ValueError("SCOREBOARD_OPERATOR_ISSUER must be another issuer than ours and the external provider's")
        if (self.external_issuer or self.operator_issuer) and not self.external_timeout < self.request_deadline:
            raise ValueError("SCOREBOARD_EXTERNAL_TIMEOUT must be below the request deadline")
        return self
