"""Whether others keep this machine busy: then everything is slow, and alerts that say so are right."""

import os
import re
from pathlib import Path

_PRESSURE = Path("/proc/pressure/cpu")
_STALLED = 80.0
"""Per cent of the last ten seconds in which somebody waited for a core; a drill alone stays below half of it."""
_WAITING = 3.0
"""Runnable processes for each core, where the kernel does not tell the other."""


def is_busy() -> bool:
    """Whether more runs here than the cores can do at once."""
    try:
        told = re.search(r"some avg10=([\d.]+)", _PRESSURE.read_text("ascii"))
    except OSError:
        told = None
    if told is not None:
        return float(told[1]) > _STALLED
    return os.getloadavg()[0] > _WAITING * (os.cpu_count() or 1)
