"""The four kinds of resources: their names here and there, and which field becomes which of the API's.

Pure. The words of the resources are those of charts/scoreboard-crds, the words of the API those of its admin endpoints.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

GROUP = "scoreboard.dev"
VERSION = "v1alpha1"
PAUSED_ANNOTATION = "scoreboard.dev/paused"
Json = dict[str, Any]


class DeletionPolicy(StrEnum):
    """What becomes of the platform's thing when its resource is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of resources.

    Args:
        plural: in the API server's addresses, and the label of metrics.
        noun: for people.
        endpoint: under ``/api/v1/admin/``.
        fields: from the path in ``spec`` to the path in the request, both with dots.
        truth: from the name in ``status`` to the path in the API's ``status``.
    """

    plural: str
    noun: str
    endpoint: str
    fields: Mapping[str, str]
    truth: Mapping[str, str]


BOARD = Kind(
    "boards",
    "board",
    "boards",
    {
        "title": "title",
        "order": "order",
        "operator": "operator",
        "tieRule": "tie_rule",
        "rankStyle": "rank_style",
        "size": "size",
        "visibility": "visibility",
        "schedule.cron": "schedule.cron",
        "schedule.timeZone": "schedule.time_zone",
        "schedule.startsAt": "schedule.starts_at",
        "schedule.endsAt": "schedule.ends_at",
        "freeze.from": "freeze.from",
        "freeze.until": "freeze.until",
    },
    {"season": "season.name", "players": "players", "frozen": "frozen"},
)
ACTION_KIND = Kind(
    "actionkinds",
    "action kind",
    "kinds",
    {
        "title": "title",
        "points": "points",
        "bounds.min": "bounds.min",
        "bounds.max": "bounds.max",
        "boards": "boards",
        "cooldownSeconds": "cooldown_s",
        "attempts.count": "attempts.count",
        "attempts.windowSeconds": "attempts.window_s",
        "once": "once",
        "tokenTTLSeconds": "token_ttl_s",
        "minimumDurationSeconds": "min_duration_s",
        "maximumDurationSeconds": "max_duration_s",
        "signature": "signature",
        "direct": "direct",
        "enabled": "enabled",
    },
    {"countsOn": "counts_on", "retiredBoards": "retired_boards"},
)
ANTI_CHEAT_POLICY = Kind(
    "anticheatpolicies",
    "anti-cheat policy",
    "policies",
    {
        "selector.kinds": "kinds",
        "mode": "mode",
        "thresholds.flag": "flag",
        "thresholds.hold": "hold",
        "thresholds.suspend": "suspend",
        "halfLifeSeconds": "half_life_s",
        "autoSuspend.maxPerHour": "suspensions_per_hour",
        "autoSuspend.durationSeconds": "suspension_s",
        "review.slaSeconds": "review_s",
        "review.atDeadline": "at_deadline",
        "model": "model",
    },
    {"openCases": "open_cases"},
)
SEASON = Kind(
    "seasons",
    "season",
    "seasons",
    {"title": "title", "start": "starts_at", "end": "ends_at", "boards": "boards", "onEnd": "on_end"},
    {"phase": "phase", "snapshot": "snapshot", "checksum": "checksum"},
)
KINDS = (BOARD, ACTION_KIND, ANTI_CHEAT_POLICY, SEASON)
_BY_ENDPOINT = {kind.endpoint: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as the API server tells it at this moment."""

    kind: Kind
    uid: str
    namespace: str
    name: str
    generation: int
    paused: bool
    deletion_policy: DeletionPolicy
    spec: Mapping[str, Any]
    status: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Its name on the platform."""
        return str(self.spec["key"])

    @classmethod
    def read(cls, kind: Kind, body: Mapping[str, Any]) -> "Resource":
        """The resource from its document; KeyError or ValueError for one that its definition would not let through."""
        meta, spec = body["metadata"], body["spec"]
        return cls(
            kind,
            str(meta["uid"]),
            str(meta["namespace"]),
            str(meta["name"]),
            int(meta["generation"]),
            (meta.get("annotations") or {}).get(PAUSED_ANNOTATION) == "true",
            DeletionPolicy(spec.get("deletionPolicy", DeletionPolicy.RETAIN)),
            spec,
            body.get("status") or {},
        )

    def request(self) -> Json:
        """The body that declares it: its spec in the API's words, and whose it is."""
        wanted: Json = {}
        for ours, theirs in self.kind.fields.items():
            found, value = _found(self.spec, ours)
            if found:
                _put(wanted, theirs, value)
        return {
            **wanted,
            "managed_by": {"uid": self.uid, "name": f"{self.namespace}/{self.name}", "generation": self.generation},
        }


def truth_of(kind: Kind, told: Mapping[str, Any]) -> Json:
    """The part of the status that the platform alone knows; None where there is nothing to say."""
    return {ours: _found(told, theirs)[1] for ours, theirs in kind.truth.items()}


def field_of(kind: Kind, pointer: str) -> str:
    """The field of the resource that a pointer of the API (RFC 6901) means, as people write it: ``spec.boards[0]``."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for length in range(len(parts), 0, -1):
        path = ".".join(parts[:length])
        for ours, theirs in kind.fields.items():
            if theirs == path or theirs.startswith(f"{path}."):
                whole = ours if theirs == path else ours.rsplit(".", 1)[0]
                return "spec." + whole + "".join(_step(part) for part in parts[length:])
    return "spec" + "".join(_step(part) for part in parts)


def noun_of(endpoint: str) -> str:
    """What people call the things of an endpoint."""
    return _BY_ENDPOINT[endpoint].noun if endpoint in _BY_ENDPOINT else endpoint


def _step(part: str) -> str:
    return f"[{part}]" if part.isdigit() else f".{part}"


def _found(tree: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    value: Any = tree
    for part in _parts(path):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value


def _put(tree: Json, path: str, value: Any) -> None:
    *above, last = _parts(path)
    for part in above:
        tree = tree.setdefault(part, {})
    tree[last] = value


def _parts(path: str) -> Iterator[str]:
    yield from path.split(".")
