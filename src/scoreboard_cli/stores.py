"""Which Postgres and which Redis the platform uses: the ones given by address, otherwise bundled ones."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.external_stores import ExternalPostgres, ExternalRedis
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.valkey_server import ValkeyServer


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores of one platform. Their addresses are valid once they were launched."""

    postgres: PostgresServer | ExternalPostgres
    redis: ValkeyServer | ExternalRedis

    @property
    def environment(self) -> dict[str, str]:
        """How who owns the tables finds them."""
        return {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url}

    @property
    def is_bundled_postgres(self) -> bool:
        """Whether Postgres is ours, so that we make its roles."""
        return isinstance(self.postgres, PostgresServer)

    @property
    def service_environment(self) -> dict[str, str]:
        """How a service finds them, with no more rights than it needs; once the schema is there."""
        return {"DATABASE_URL": self.postgres.service_url, "REDIS_URL": self.redis.url}


def choose_stores(folder: DataFolder, environment: Mapping[str, str]) -> Stores:
    """Choose both; starts and checks nothing yet.

    Args:
        folder: Where bundled stores keep their files.
        environment: ``DATABASE_URL`` and ``REDIS_URL`` in it win.
    """
    database_url, redis_url = environment.get("DATABASE_URL"), environment.get("REDIS_URL")
    return Stores(
        postgres=ExternalPostgres(database_url)
        if database_url
        else PostgresServer(folder.postgres, log=folder.log("postgres")),
        redis=ExternalRedis(redis_url) if redis_url else ValkeyServer(folder.valkey, log=folder.log("redis")),
    )
