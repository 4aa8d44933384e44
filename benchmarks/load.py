"""The load: a closed loop over keep-alive connections, in its own process, as cheap as Python allows.

``python -m benchmarks.load PLAN RESULT --ports … --seconds …``. Each connection sends its next request when the answer
of the one before is complete. Every status is looked at, and every sixty-fourth answer to a completion is read.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop

_SAMPLE = 64
_LONGEST_WAIT = 30.0


class Order(msgspec.Struct, array_like=True):
    """One request: whose it is (None: nobody's), its request line without the version, further headers, its body."""

    person: int | None
    line: bytes
    headers: bytes
    body: bytes


class Plan(msgspec.Struct):
    """Everything to send, in order, and the access tokens that orders point to."""

    tokens: list[str]
    orders: list[Order]


class Result(msgspec.Struct):
    """What came back. Latencies are milliseconds; ``rate`` counts answers with 200 within the time."""

    rate: float
    succeeded: int
    failed: dict[str, int]
    faulty_bodies: int
    exhausted: bool
    seconds: float
    p50: float
    p90: float
    p95: float
    p99: float
    longest: float
    cpu_seconds: float


class _Score(msgspec.Struct):
    previous: int | None
    current: int | None


class _Completed(msgspec.Struct):
    """What has to be in the answer to a completion."""

    action_id: str
    verdict: str
    points: int
    score: _Score
    rank: _Score
    standings: list[dict[str, object]]


_read = msgspec.json.Decoder(_Completed)


class _Run:
    """What all connections of a run share."""

    def __init__(self, plan: Plan, host: str, seconds: float) -> None:
        self.orders = plan.orders
        self.nobodys = f" HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n".encode()
        self.heads = [self.nobodys + f"Authorization: Bearer {token}\r\n".encode() for token in plan.tokens]
        self.next = 0
        self.seconds = seconds
        self.deadline = float("inf")
        self.latencies: list[float] = []
        self.in_time = 0
        self.failed: dict[str, int] = {}
        self.faulty = 0
        self.busy = 0
        self.exhausted = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, connections: "list[_Connection]") -> None:
        self.busy = len(connections)
        self.deadline = time.perf_counter() + self.seconds
        for connection in connections:
            connection.send()

    def rest(self) -> None:
        self.busy -= 1
        if self.busy == 0 and not self.done.done():
            self.done.set_result(None)

    def fail(self, reason: str) -> None:
        self.failed[reason] = self.failed.get(reason, 0) + 1


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._parts = b""
        self._sent = 0.0
        self._order: Order | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._order is not None:
            self._order = None
            self._run.fail("connection lost")
            self._run.rest()

    def send(self) -> None:
        run = self._run
        now = time.perf_counter()
        if run.next >= len(run.orders) or now >= run.deadline:
            run.exhausted = run.exhausted or now < run.deadline
            self._order = None
            run.rest()
            return
        order = self._order = run.orders[run.next]
        run.next += 1
        assert self._transport is not None
        self._sent = now
        head = run.nobodys if order.person is None else run.heads[order.person]
        self._transport.write(
            b"%b%b%bContent-Length: %d\r\n\r\n%b" % (order.line, head, order.headers, len(order.body), order.body)
        )

    def data_received(self, data: bytes) -> None:
        data = self._parts + data if self._parts else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._parts = data
            return
        head = data[:end].lower()
        at = head.index(b"content-length:") + 15
        line = head.find(b"\r\n", at)
        length = int(head[at : line if line >= 0 else end])
        if len(data) < end + 4 + length:
            self._parts = data
            return
        self._parts = b""
        self._answered(head[9:12], data[end + 4 :])
        self.send()

    def _answered(self, status: bytes, body: bytes) -> None:
        run, order = self._run, self._order
        assert order is not None
        now = time.perf_counter()
        if status != b"200":
            run.fail(f"{status.decode()} {body[:200].decode(errors='replace')}" if len(run.failed) < 3 else "other")
            return
        run.latencies.append(now - self._sent)
        run.in_time += now <= run.deadline
        if len(run.latencies) % _SAMPLE == 0 and not _is_right(order, body):
            run.faulty += 1


def _is_right(order: Order, body: bytes) -> bool:
    if order.line.startswith(b"GET"):
        return bool(body)
    try:
        answer = _read.decode(body)
    except msgspec.DecodeError:
        return False
    score = answer.score
    return (
        answer.action_id.encode() in order.line
        and answer.verdict == "allow"
        and score.previous is not None
        and score.current == score.previous + answer.points
        and bool(answer.rank.current)
        and len(answer.standings) > 0
    )


async def drive(plan: Plan, *, ports: Sequence[int], connections: int, seconds: float) -> Result:
    """Connect, run for so many seconds or until the orders are used up, and count.

    Connections are shared out evenly among the ports.
    """
    run = _Run(plan, f"127.0.0.1:{ports[0]}", seconds)
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", ports[number % len(ports)])
        for number in range(connections)
    ]
    cpu, began = time.process_time(), time.perf_counter()
    run.begin([protocol for _, protocol in opened])
    await asyncio.wait_for(run.done, seconds + _LONGEST_WAIT)
    elapsed = time.perf_counter() - began
    for transport, _ in opened:
        transport.close()
    counted = elapsed if run.exhausted else seconds
    ordered = sorted(run.latencies) or [float("nan")]
    return Result(
        rate=(len(run.latencies) if run.exhausted else run.in_time) / counted,
        succeeded=len(run.latencies),
        failed=run.failed,
        faulty_bodies=run.faulty,
        exhausted=run.exhausted,
        seconds=counted,
        p50=_percentile(ordered, 0.5),
        p90=_percentile(ordered, 0.9),
        p95=_percentile(ordered, 0.95),
        p99=_percentile(ordered, 0.99),
        longest=ordered[-1] * 1000,
        cpu_seconds=time.process_time() - cpu,
    )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main() -> None:
    """Read the plan, run it, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--ports", type=_numbers, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--cores", type=_numbers, required=True)
    asked = parser.parse_args()
    os.sched_setaffinity(0, asked.cores)
    plan = msgspec.msgpack.decode(asked.plan.read_bytes(), type=Plan)
    result = uvloop.run(drive(plan, ports=asked.ports, connections=asked.connections, seconds=asked.seconds))
    asked.result.write_bytes(msgspec.msgpack.encode(result))


if __name__ == "__main__":
    main()
