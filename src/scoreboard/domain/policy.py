"""Anti-cheat policies: from which suspicion on a player is flagged, held or suspended, and who may be suspended."""

from dataclasses import dataclass, field
from enum import StrEnum

from scoreboard.domain.events import Verdict


class Mode(StrEnum):
    """``shadow`` notes what it would do and does nothing."""

    SHADOW = "shadow"
    ENFORCE = "enforce"


class AtDeadline(StrEnum):
    """What becomes of held points when nobody has decided by the deadline."""

    RELEASE = "release"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class AntiCheatPolicy:
    """What suspicion leads to. ``kinds`` selects action kinds; an empty one stands for all that no other names.

    Thresholds are suspicions in 0..1 with flag < hold < suspend. A threshold of 1 is never reached: a policy with
    ``hold`` and ``suspend`` at 1 only flags. ``model`` is the gravest verdict that the model may cause by itself;
    ``allow`` keeps it in shadow. Times are in seconds.
    """

    key: str
    version: int = 1
    kinds: tuple[str, ...] = ()
    mode: Mode = Mode.ENFORCE
    flag: float = 0.5
    hold: float = 0.7
    suspend: float = 0.95
    half_life_s: float = 600.0
    suspension_s: float = 86400.0
    suspensions_per_hour: int = 20
    review_s: float = 86400.0
    at_deadline: AtDeadline = AtDeadline.RELEASE
    model: Verdict = Verdict.ALLOW

    def __post_init__(self) -> None:
        """Raises ValueError for thresholds that are out of order, and for times that are not positive."""
        if not 0 < self.flag <= self.hold <= self.suspend <= 1:
            raise ValueError("thresholds must be 0 < flag <= hold <= suspend <= 1")
        if min(self.half_life_s, self.suspension_s, self.review_s) <= 0 or self.suspensions_per_hour < 0:
            raise ValueError("times must be positive, and the number of suspensions not negative")


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a platform. ``fallback`` counts where none was declared."""

    declared: dict[str, AntiCheatPolicy]
    fallback: AntiCheatPolicy
    _chosen: dict[str, AntiCheatPolicy] = field(default_factory=dict)

    def of(self, kind_key: str) -> AntiCheatPolicy:
        """The policy for an action kind, see :func:`policy_of`."""
        chosen = self._chosen.get(kind_key)
        if chosen is None:
            chosen = self._chosen[kind_key] = policy_of(self.declared, kind_key, self.fallback)
        return chosen

    def general(self) -> AntiCheatPolicy:
        """The policy for what belongs to no kind."""
        return self.of("")


def verdict_at(policy: AntiCheatPolicy, suspicion: float) -> Verdict:
    """What a suspicion leads to under a policy that is enforced."""
    if suspicion >= policy.suspend < 1:
        return Verdict.SUSPEND
    if suspicion >= policy.hold < 1:
        return Verdict.HOLD
    if suspicion >= policy.flag < 1:
        return Verdict.FLAG
    return Verdict.ALLOW


def policy_of(policies: dict[str, AntiCheatPolicy], kind_key: str, fallback: AntiCheatPolicy) -> AntiCheatPolicy:
    """The policy for an action kind: one that names it (the first by key), else one for all, else ``fallback``."""
    general = fallback
    for _, policy in sorted(policies.items(), reverse=True):
        if not policy.kinds:
            general = policy
    return next((policy for _, policy in sorted(policies.items()) if kind_key in policy.kinds), general)
