"""The pictures of ``docs/benchmarks.md``. Each is drawn from the JSON that a benchmark wrote; ``page`` calls this."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Figures = Mapping[str, Any]
Paint = Callable[[Axes], None]
_OURS, _PEER = "#1f5d99", "#8fb8de"
_SHADES = ("#1f5d99", "#4f8fc6", "#8fb8de", "#c8dcef")
_DPI = 110


def draw_all(name: str, figures: Figures, folder: Path) -> Iterator[tuple[str, str]]:
    """Draw a benchmark's pictures. Yields the file's name and the words for who cannot see it, for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, words, paint, height in _PICTURES.get(name, _none)(figures):
        figure = Figure(figsize=(7.0, height), layout="constrained", facecolor="white", dpi=_DPI)
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        paint(axes)
        figure.savefig(folder / f"{file}.png", metadata={"Software": None})
        yield f"{file}.png", words


Pictures = Iterator[tuple[str, str, Paint, float]]


def _none(_: Figures) -> Pictures:
    yield from ()


def _median(rounds: Sequence[Mapping[str, float]], figure: str) -> float:
    return statistics.median(one[figure] for one in rounds)


def _plain(value: float) -> str:
    """Three digits at least."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bars(values: Mapping[str, float], label: str, *, ours: Callable[[str], bool]) -> Paint:
    """Horizontal bars, the first on top, each with its value."""

    def paint(axes: Axes) -> None:
        names = list(values)[::-1]
        colours = [_OURS if ours(name) else _PEER for name in names]
        bars = axes.barh(names, [values[name] for name in names], color=colours, height=0.7)
        axes.bar_label(bars, labels=[_plain(values[name]) for name in names], padding=3, fontsize=8)
        axes.margins(x=0.12)
        axes.tick_params(axis="y", length=0, labelsize=8)
        axes.set_xlabel(label)

    return paint


def _groups(groups: Mapping[str, Mapping[str, float]], label: str) -> Paint:
    """Upright bars in groups, one shade for each member."""

    def paint(axes: Axes) -> None:
        members = list(next(iter(groups.values())))
        width = 0.8 / len(members)
        for place, member in enumerate(members):
            heights = [group[member] for group in groups.values()]
            at = np.arange(len(groups)) + (place - (len(members) - 1) / 2) * width
            bars = axes.bar(at, heights, width * 0.95, color=_SHADES[place % len(_SHADES)], label=member)
            axes.bar_label(bars, labels=[_plain(height) for height in heights], fontsize=7, padding=2)
        axes.set_xticks(np.arange(len(groups)), list(groups), fontsize=8)
        axes.set_ylabel(label)
        axes.legend(frameon=False, fontsize=8)

    return paint


def _write(figures: Figures) -> Pictures:
    servers = figures["servers"]
    rates = {name: _median(one["rounds"], "rate") for name, one in servers.items()}
    for form in figures["pgbench"]:
        name = f"pgbench: {form['name']}"
        rates[name] = max(rates.get(name, 0.0), form["rate"])
    yield (
        *("write-rate", "Completions a second: naive, ours, and pgbench's forms"),
        *(_bars(rates, "scores a second", ours=lambda name: name.startswith("ours")), 0.4 * len(rates) + 0.8),
    )
    tails = {
        name: {figure: _median(one["rounds"], figure) for figure in ("p50", "p90", "p99")}
        for name, one in servers.items()
    }
    yield "write-latency", "Latency of a completion at 64 connections", _groups(tails, "ms"), 3.0
    if figures.get("soak"):
        yield "write-soak", "Memory of the server during a long load", _soak(figures["soak"]), 2.6


def _soak(slices: Sequence[Mapping[str, float]]) -> Paint:
    def paint(axes: Axes) -> None:
        axes.plot([one["loaded"] for one in slices], [one["mebibytes"] for one in slices], color=_OURS, marker="o")
        axes.set_ylim(0, max(one["mebibytes"] for one in slices) * 1.2)
        axes.set_xlabel("seconds of load")
        axes.set_ylabel("MiB of its own")

    return paint


def _reads(figures: Figures) -> Pictures:
    boards = figures["boards"]
    for figure, label in (("p95", "95th percentile, ms"), ("p99", "99th percentile, ms")):
        groups = {
            what: {f"{int(size):,} players": _median(kinds[what]["rounds"], figure) for size, kinds in boards.items()}
            for what in next(iter(boards.values()))
        }
        yield f"reads-{figure}", f"Requests on a small and a large board: {label}", _groups(groups, label), 3.0


def _fanout(figures: Figures) -> Pictures:
    groups = {
        name: {f"{int(size):,} sockets": statistics.median(values) for size, values in one["delivery_us"].items()}
        for name, one in figures["figures"].items()
    }
    paint = _groups(groups, "µs of the server for a delivery")
    yield "fanout", "Processor time of each server for one delivery of an event", paint, 3.2


def _live(figures: Figures) -> Pictures:
    def paint(axes: Axes) -> None:
        for place, (name, phase) in enumerate(figures["phases"].items()):
            values = np.sort(phase["from_score_ms"])
            axes.step(values, np.arange(1, len(values) + 1) / len(values), label=name, color=_SHADES[place * 2])
        axes.set_ylim(0, 1)
        axes.set_xlim(left=0)
        axes.set_xlabel("ms from the moment that Postgres gave the score")
        axes.set_ylabel("share of scores seen by both")
        axes.legend(title="board", frameon=False, fontsize=8)

    yield "live", "Share of scores that both sockets have seen after so many milliseconds", paint, 3.0


def _defence(figures: Figures) -> Pictures:
    medians = {name: statistics.median(values) for name, values in figures["rounds"].items()}
    paint = _bars(medians, "µs of processor time, with all above it", ours=lambda _: True)
    yield "defence", "Processor time of a request, one layer more in each row", paint, 2.8


def _anticheat(figures: Figures) -> Pictures:
    best = {name: max(values) for name, values in figures["rates"].items()}
    yield "anticheat", "Events a second and core", _bars(best, "events a second and core", ours=lambda _: True), 2.6


def _telemetry(figures: Figures) -> Pictures:
    spent = {name: statistics.median(one["server_cpu_us"]) for name, one in figures["servers"].items()}
    paint = _bars(spent, "µs of the server's processor time for a completion", ours=lambda name: name != "nothing")
    yield "telemetry", "Processor time of a completion with and without telling", paint, 1.6


def _start(figures: Figures) -> Pictures:
    held = dict(sorted(figures["idle_mib"].items(), key=lambda one: -one[1]))
    yield "start-memory", "Memory at rest by process", _bars(held, "MiB at rest (PSS)", ours=lambda _: True), 3.0


_PICTURES: dict[str, Callable[[Figures], Pictures]] = {
    "write": _write,
    "reads": _reads,
    "fanout": _fanout,
    "live": _live,
    "defence": _defence,
    "anticheat": _anticheat,
    "telemetry": _telemetry,
    "start": _start,
}
