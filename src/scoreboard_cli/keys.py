"""The development platform's keys: made once, kept in its folder. Keys given in the environment win."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

from scoreboard_cli.secret_files import read_or_create

SIGNING_KEY = "SCOREBOARD_SIGNING_KEY"
MASTER_KEY = "SCOREBOARD_MASTER_KEY"
_MASTER_KEY_BYTES = 32


def development_keys(directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The two keys every process needs, by the names of their environment variables.

    Args:
        directory: Holds ``signing_key.pem`` and ``master_key``; made when missing.
        environment: A key found here is used, and no file is made for it.

    Raises:
        ExpectedError: A file cannot be read or written.
    """
    signing_key = environment.get(SIGNING_KEY) or read_or_create(directory / "signing_key.pem", _new_signing_key)
    master_key = environment.get(MASTER_KEY) or read_or_create(directory / "master_key", _new_master_key)
    return {SIGNING_KEY: signing_key, MASTER_KEY: master_key}


def _new_master_key() -> str:
    return base64.b64encode(secrets.token_bytes(_MASTER_KEY_BYTES)).decode("ascii")


def _new_signing_key() -> str:
    from cryptography.hazmat.primitives import serialization  # heavy, and needed once per folder
    from cryptography.hazmat.primitives.asymmetric import ec

    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode("ascii")
    )
