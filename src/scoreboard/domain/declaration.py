"""Who may declare what: a resource of a cluster or a person. Two owners never overwrite each other in turn.

``usecases/declare`` and ``usecases/retire`` load the owner, ask :func:`owner_after` or :func:`require_release`, save.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scoreboard.domain.errors import ErrorCode, Refusal


class Resource(StrEnum):
    """What can be declared."""

    BOARDS = "boards"
    KINDS = "kinds"
    POLICIES = "policies"
    SEASONS = "seasons"


class Outcome(StrEnum):
    """What a declaration came to. The owner may have changed in any case."""

    CREATED = "created"
    CHANGED = "changed"
    RESTORED = "restored"
    UNCHANGED = "unchanged"
    RETIRED = "retired"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who declares a thing: a resource with its uid and generation, or a person who took it over (no uid)."""

    name: str
    uid: str | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field. ``missing`` names what the field speaks of and is not there, as it may be later."""

    pointer: str
    detail: str
    missing: tuple[Resource, str] | None = None


def require_faultless(faults: list[Fault]) -> None:
    """Raises Refusal VALIDATION_ERROR with a pointer for each fault, and what it would be worth to wait for."""
    if not faults:
        return
    extra: dict[str, Any] = {"errors": [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]}
    if all(fault.missing for fault in faults):
        named = [fault.missing for fault in faults if fault.missing]
        extra["waits_for"] = [{"resource": str(resource), "key": key} for resource, key in named]
    words = "This cannot be declared."
    raise Refusal(ErrorCode.VALIDATION_ERROR, words, extra=extra)


def conflict(reason: str, detail: str, faults: list[Fault] | None = None, **extra: Any) -> Refusal:
    """The refusal of what clashes with how things stand; ``reason`` is for programs."""
    more: dict[str, Any] = {"reason": reason, **extra}
    if faults:
        more["errors"] = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
    return Refusal(ErrorCode.CONFLICT, detail, extra=more)


def owner_after(owner: Owner | None, claim: Owner | None, person: str, *, take_over: bool) -> Owner | None:
    """Who owns a thing once it is declared.

    Args:
        owner: who owns it now.
        claim: the resource that declares it; None for a person.
        person: the caller's name.
        take_over: declare it whoever owns it.

    Raises:
        Refusal: CONFLICT, reason ``owned``, ``taken_over`` or ``stale_generation``.
    """
    if claim is None:
        if owner is None or owner.uid is None:
            return owner
        if not take_over:
            raise _owned(owner)
        return Owner(person)
    if owner is None:
        return claim
    if owner.uid == claim.uid:
        _require_fresh(owner, claim.generation)
    elif not take_over:
        raise _owned(owner)
    return claim


def require_release(owner: Owner | None, uid: str | None, generation: int | None, *, take_over: bool) -> None:
    """Whether the caller may retire a thing or give it up.

    Raises:
        Refusal: CONFLICT as :func:`owner_after`; reason ``owned`` too for a resource to which it does not belong.
    """
    if owner is not None and owner.uid is not None and owner.uid == uid:
        _require_fresh(owner, generation)
        return
    if take_over or (uid is None and (owner is None or owner.uid is None)):
        return
    if owner is None:
        raise conflict("owned", "No resource owns it, so deleting one does not touch it.")
    raise _owned(owner)


def _require_fresh(owner: Owner, generation: int | None) -> None:
    if owner.generation is not None and generation is not None and generation < owner.generation:
        raise conflict("stale_generation", "A newer generation of this resource was declared already.")


def _owned(owner: Owner) -> Refusal:
    told = {"uid": owner.uid, "name": owner.name}
    if owner.uid is None:
        words = f"{owner.name} took this over by hand; it can be declared from here again once it is given back."
        return conflict("taken_over", words, owner=told)
    words = f"The resource {owner.name} declares this; change it there, or take it over."
    return conflict("owned", words, owner=told)
