"""The operator's way in: a token of its ServiceAccount, made for us by the cluster and checked with the cluster's keys.

It has no account here and no session: the token is good for the admin's endpoints, with the role platform-config, and
for nothing else. Whoever deletes the ServiceAccount or its pod ends it within the token's hour.
"""

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security.token_parts import MalformedTokenError, read_parts
from scoreboard.settings import Settings
from scoreboard_api.identity_provider import IdentityProvider

# What kube-apiserver signs with: RS256 with an RSA key, with an elliptic curve the one of its size.
_ALGORITHMS = ("RS256", "ES256", "ES384", "ES512")
_WORDS = {
    ErrorCode.TOKEN_EXPIRED: "This ServiceAccount token has expired; the cluster has put a new one into its file.",
    ErrorCode.INVALID_TOKEN: "This ServiceAccount token is not good here; look at its issuer, audience and signature.",
    ErrorCode.DEPENDENCY_UNAVAILABLE: "The cluster's keys cannot be read at this moment; please try again.",
}


class ServiceAccounts:
    """One for each process that has a cluster in its settings."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.operator_issuer
        self._subjects = frozenset(settings.operator_subjects)
        # A cluster is one more provider of identities; only what it may say about somebody differs.
        as_provider = settings.model_copy(
            update={
                "external_issuer": settings.operator_issuer,
                "external_audience": settings.operator_audience,
                "external_jwks_url": settings.operator_jwks_url,
                "external_algorithms": _ALGORITHMS,
                "external_role_claim": "",
            }
        )
        self._provider = IdentityProvider(
            as_provider, ca_file=settings.operator_ca_file, token_file=settings.operator_jwks_token_file
        )

    def speaks_of(self, token: str) -> bool:
        """Whether a token says that it is the cluster's. Believed only for choosing how to check it."""
        try:
            _, claims = read_parts(token)
        except MalformedTokenError:
            return False
        return claims.get("iss") == self._issuer

    async def identify(self, token: str) -> str:
        """The ServiceAccount, as ``system:serviceaccount:<namespace>:<name>``.

        Raises:
            Refusal: INVALID_TOKEN, also for an account that may not declare, TOKEN_EXPIRED, or
                DEPENDENCY_UNAVAILABLE where the cluster's keys are not known and cannot be read.
        """
        try:
            identity = await self._provider.identify(token)
        except Refusal as refusal:
            raise Refusal(refusal.code, _WORDS[refusal.code], refusal.retry_after) from refusal
        if identity.subject not in self._subjects:
            raise Refusal(ErrorCode.INVALID_TOKEN, "This ServiceAccount may not declare anything here.")
        return identity.subject

    async def close(self) -> None:
        """Close the connections to the cluster."""
        await self._provider.close()
