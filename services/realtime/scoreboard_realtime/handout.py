"""One message to everyone in an audience: the same bytes, from connection to connection without looking at any.

For each delivery nothing is touched but the wire and the kernel. Who has a wire and who has not is worked out once, and
again when somebody comes, goes, falls behind or has caught up. Called by ``fanout``.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from scoreboard_realtime.connection import Connection
from scoreboard_realtime.parcel import Codec, Parcel
from scoreboard_realtime.wire import Wire, Wires

_BREATH = 256  # connections served before others on the event loop get a turn


@dataclass(slots=True, eq=False)
class Plan:
    """How the members of an audience are reached: by wires, by codec, and, in ``queued``, those who have none.

    Who has missed a frame is not in it: a snapshot comes first.
    """

    wires: dict[Codec, Wires] = field(default_factory=dict)
    owners: dict[Wire, Connection] = field(default_factory=dict)
    queued: list[Connection] = field(default_factory=list)


def planned(members: Iterable[Connection], channel: str) -> Plan:
    """The plan for these members of a channel."""
    plan = Plan()
    for connection in members:
        if channel in connection.missed:
            continue
        wire = connection.outlet.wire()
        if wire is None:
            plan.queued.append(connection)
        else:
            plan.wires.setdefault(connection.outlet.codec, Wires()).add(wire)
            plan.owners[wire] = connection
    return plan


@dataclass(slots=True, eq=False)
class HandOut:
    """One message on its way. ``behind`` are those who had too much waiting to be given it."""

    parcel: Parcel
    most: int
    members: set[Connection]
    sent: int = 0
    behind: list[Connection] = field(default_factory=list)
    has_wire_now: bool = False

    async def give(self, plan: Plan) -> None:
        """Give it to all in the plan who are still members."""
        for codec, wires in plan.wires.items():
            frame = self.parcel.framed(codec)
            for start in range(0, len(wires), _BREATH):
                some = wires.part(start, start + _BREATH)
                if start:
                    await asyncio.sleep(0)
                    some = some.those(lambda wire: plan.owners[wire] in self.members)
                full = some.offer(frame, self.most)
                self.sent += len(some) - len(full)
                self.behind += [plan.owners[wire] for wire in full]
        for connection in plan.queued:
            if connection in self.members:
                self._queue(connection)

    def _queue(self, connection: Connection) -> None:
        outlet = connection.outlet
        if outlet.backlog() > self.most:
            self.behind.append(connection)
        else:
            outlet.send(self.parcel)
            self.sent += 1
        self.has_wire_now |= outlet.wire() is not None
