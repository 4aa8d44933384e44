"""The operator, as it comes in from a Kubernetes cluster: by a token of its ServiceAccount, without an account here."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_settings import NoDecode

from scoreboard.settings.access import is_private


class Cluster(BaseModel):
    """Whose ServiceAccount tokens may declare; how keys are looked for is as with the external provider."""

    operator_issuer: str = Field("", description="the cluster's issuer of ServiceAccount tokens; empty: no operator")
    operator_jwks_url: str = Field("", description="where the cluster's keys are; https, or http on this machine")
    operator_audience: str = Field("scoreboard-api", description="must be among the audiences of the operator's token")
    operator_subjects: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="system:serviceaccount:<namespace>:<name> of each that may declare, separated by commas"
    )
    operator_ca_file: str = Field("", description="PEM: who signs the certificate of that address; empty: the system's")
    operator_jwks_token_file: str = Field(
        "", description="bearer token for that address, read each time as it rotates; empty: none is sent"
    )

    @model_validator(mode="after")
    def _check_cluster(self) -> Self:
        if not self.operator_issuer:
            return self
        if not self.operator_audience or not self.operator_subjects:
            raise ValueError("SCOREBOARD_OPERATOR_ISSUER needs SCOREBOARD_OPERATOR_AUDIENCE and _SUBJECTS")
        if not all(subject.startswith("system:serviceaccount:") for subject in self.operator_subjects):
            raise ValueError("SCOREBOARD_OPERATOR_SUBJECTS are written as system:serviceaccount:<namespace>:<name>")
        if not is_private(self.operator_jwks_url):
            raise ValueError("SCOREBOARD_OPERATOR_JWKS_URL must be https; http is for this machine only")
        return self
