"""Values in the units of panels, as a reader says them."""

_TIMES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BINARY = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_WHOLE = 9.995
"""From a thousand per cent on, digits behind the point say nothing."""
_AFTER = {"ops": "/s", "reqps": "/s", "cps": "/s", "d": " d"}


def in_words(value: float, unit: str) -> str:
    """A value with its unit, three digits at most: ``0.0123`` and ``s`` is ``12.3 ms``.

    Args:
        value: in the unit.
        unit: as Grafana names it; those of our panels.
    """
    if unit == "percentunit":
        return f"{value * 100:.3g} %" if abs(value) < _WHOLE else f"{value * 100:,.0f} %"
    if unit == "s":
        return _in(value, _TIMES)
    if unit == "bytes":
        return _in(value, (*_BINARY, (1, "B")))
    for size, sign in _THOUSANDS:
        if abs(value) >= size:
            return f"{value / size:.3g}{sign}{_AFTER.get(unit, '')}"
    return f"{value:.3g}{_AFTER.get(unit, '')}"


def _in(value: float, sizes: tuple[tuple[float, str], ...]) -> str:
    for size, sign in sizes:
        if abs(value) >= size:
            return f"{value / size:.3g} {sign}"
    return f"{value:g} {sizes[-1][1]}" if value else "0"
