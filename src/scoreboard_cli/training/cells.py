"""How figures are written on the detection card."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, with an empty line after it."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f} %"


def of(counts: Sequence[int]) -> str:
    """``(found, windows)`` as a whole percentage."""
    return f"{100 * counts[0] / counts[1]:.0f} %"


def macro(section: Mapping[str, Any], length: str, rate: str) -> str:
    """A mean over families with its interval."""
    found = section["lengths"][length]["rates"][rate]
    return f"{share(found['macro'])} ({100 * found['low']:.0f}–{100 * found['high']:.0f})"


def rate(found: Mapping[str, Sequence[int]], family: str) -> float:
    """A family's share; 0 where it has no windows."""
    return found[family][0] / found[family][1] if family in found else 0.0


def honest(found: Mapping[str, Any], what: str) -> str:
    """How many honest people were flagged or held, and what the true share lies below."""
    return f"{found[what]} of {found['people']:,} (at most {100 * found[f'{what}_at_most']:.2f} %)"
