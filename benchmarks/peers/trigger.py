"""How the benchmark tells a Python peer to send: a line on its stdin."""

import asyncio
import os
import sys
from collections.abc import Callable


def on_line(send: Callable[[], None]) -> None:
    """Call ``send`` once for each line that comes in on stdin; the end of stdin ends the process."""
    loop, source = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        data = os.read(source, 4096)
        if not data:
            os._exit(0)
        for _ in range(data.count(b"\n")):
            send()

    loop.add_reader(source, read)
