"""docs/reliability.md: what was broken, how often, what held, and the figures, as a run has recorded them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.chaos.catalogue import INVARIANTS, SLACK, Fault
from tests.chaos.catalogue_outside import ELSEWHERE, FAULTS
from tests.security.counts import REQUIRED

Record = Mapping[str, Any]

_HEAD = """# Reliability

What breaks, what holds all the same, and how that is shown. This page is written by `make chaos`; no figure in it is
by hand.

{kind}

| | |
|---|---|
{machine}

## Invariants

Checked from outside after every fault, over the whole database, by `tests/ledger_check.py` and
`tests/chaos/invariants.py`; no process is asked whether it is well.

| | |
|---|---|
{invariants}

## Faults

Players insist as clients with retries do: always with the same Idempotency-Key, waiting as long as `Retry-After` says,
at the next address when one fails. Nothing may be in the ledger that was not answered in the end, and nothing that was
answered may be missing.

| fault | what happens | what must hold | invariants | gone through | figures |
|---|---|---|---|---|---|
{faults}

A figure with a limit fails the run beyond it; so does an invariant, and a fault that was not gone through.{skipped}

## Attacks

The security tests count these, and `make test-full` fails below the counts.

| attack | expected | count | where |
|---|---|---|---|
{elsewhere}

## Run it

| | |
|---|---|
| `make chaos` | every fault, full counts; writes this page when all held |
| `make chaos ARGS="--quick"` | every fault, the few rounds that `make test` makes |
| `make chaos ARGS="redis-flush kill-api"` | some of them |
| `make chaos ARGS="--seed 7"` | another seed: it drives load and faults |
| `make chaos ARGS="--resume"` | goes on with a full run that broke off: what held is not repeated |

It brings its own Postgres, Redis and processes. Some faults need rights that not everybody has: they say so and are
left out.
"""


def page(records: Sequence[Record], machine: Mapping[str, str], *, full: bool, seed: int) -> str:
    """The page of a run in which everything held. Raises ValueError otherwise: that is not written down as a result."""
    if wrong := [record["name"] for record in records if record["problems"]]:
        raise ValueError(f"not as it should be: {', '.join(wrong)}")
    told = {record["name"]: record for record in records}
    minutes = sum(record["seconds"] for record in records) / 60
    kind = (
        f"This is of a **full** run, seed {seed}, {minutes:.0f} minutes of faults."
        if full
        else f"This is of a **quick** run only, seed {seed}: few rounds, and limits of time {SLACK:g} times as wide. "
        "`make chaos` makes the full one."
    )
    left_out = [f"`{record['name']}`: {record['skipped']}" for record in records if record["skipped"]]
    return _HEAD.format(
        kind=kind,
        machine=_rows((name, value) for name, value in machine.items()),
        invariants=_rows(INVARIANTS.items()),
        faults=_rows(_fault(fault, told[name]) for name, fault in FAULTS.items()),
        skipped=f"\n\nLeft out here: {'; '.join(left_out)}." if left_out else "",
        elsewhere=_rows(
            (
                each.title,
                each.expected,
                ", ".join(f"{REQUIRED[name]:,} {name}" for name in each.counts) or "all",
                ", ".join(f"`{name}`" for name in each.tests),
            )
            for each in ELSEWHERE
        ),
    )


def _rows(rows: Any) -> str:
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)


def _fault(fault: Fault, record: Record) -> tuple[str, ...]:
    counted = fault.counted.removesuffix("s") if record["done"] == 1 else fault.counted
    done = f"{record['done']:,} {counted}" if not record["skipped"] else "left out"
    return (
        f"`{fault.name}`",
        fault.title,
        fault.expected,
        ", ".join(record["held"]) or "–",
        done,
        "; ".join(_figure(figure) for figure in record["figures"].values()) or "–",
    )


def _figure(figure: Mapping[str, Any]) -> str:
    unit = f" {figure['unit']}" if figure["unit"] else ""
    told = f"{figure['words']}: **{_number(figure['value'])}{unit}**"
    if figure["of"] in ("p99", "median"):
        told += f", worst {_number(figure['worst'])}{unit}"
    if figure["of"] == "worst" and figure["samples"] > 1:
        told += f", median {_number(figure['median'])}{unit}"
    if figure["at_most"] is not None:
        told += f" (at most {figure['at_most']:g})"
    if figure["at_least"] is not None:
        told += f" (at least {figure['at_least']:g})"
    return told


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"
