"""The pictures of the detection card and of a training's report: SVG, the same bytes for the same figures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scoreboard_anticheat_ml.training import HUMAN
from scoreboard_anticheat_ml.windows import LENGTHS
from scoreboard_cli.training.trials import Table

_HONEST, _CHEAT, _GREY = "#1b7f5c", "#b3261e", "#8a8f98"
_SHADES = ("#c8dcef", "#8fb8de", "#4f8fc6", "#1f5d99")


def draw(path: Path, paint: Callable[[Axes], None], *, width: float = 7.0, height: float = 3.6) -> None:
    """Paint one pair of axes into a file."""
    with mpl.rc_context():
        mpl.rc("svg", hashsalt="scoreboard", fonttype="path")  # letters as shapes: the same where a font is missing
        mpl.rc("font", size=9)
        mpl.rc("axes.spines", top=False, right=False)
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        paint(figure.subplots())
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def families(section: Mapping[str, Any], rate: str) -> Callable[[Axes], None]:
    """Detected windows by family, one bar for each window length."""
    names = sorted(section["lengths"]["200"]["rates"][rate]["families"], key=_by_rate(section, rate))

    def paint(axes: Axes) -> None:
        for place, length in enumerate(LENGTHS):
            found = section["lengths"][str(length)]["rates"][rate]["families"]
            shares = [found[name][0] / found[name][1] if name in found else np.nan for name in names]
            axes.barh(np.arange(len(names)) + 0.3 - 0.2 * place, shares, 0.2, color=_SHADES[place], label=str(length))
        axes.set_yticks(np.arange(len(names)), [name.replace("_", " ") for name in names])
        axes.set_xlim(0, 1)
        axes.set_xlabel(f"share of the cheats' windows found when {float(rate):.1%} of honest windows would be")
        axes.legend(title="events in a window", frameon=False, loc="lower right", fontsize=8)

    return paint


def _by_rate(section: Mapping[str, Any], rate: str) -> Callable[[str], float]:
    found = section["lengths"]["200"]["rates"][rate]["families"]
    return lambda name: float(found[name][0] / found[name][1])


def calibration(section: Mapping[str, Any]) -> Callable[[Axes], None]:
    """What the model said against how it was."""

    def paint(axes: Axes) -> None:
        curve = section["calibration"]
        axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="exact")
        axes.plot(curve["said"], curve["was"], color=_SHADES[3], marker="o", markersize=4, label="the model")
        axes.set_xlabel("probability that the model gave")
        axes.set_ylabel("share that were cheats")
        axes.legend(frameon=False)

    return paint


def detection(table: Table) -> Callable[[Axes], None]:
    """Cheats' windows found against honest windows found, for each length; families count the same."""

    def paint(axes: Axes) -> None:
        for place, length in enumerate(LENGTHS):
            own = table.compared(length)
            honest = np.sort(own.score[own.honest])[::-1]
            rates = np.unique(np.geomspace(1, len(honest), 120).astype(int) - 1)
            names = sorted(set(own.family.tolist()) - {HUMAN})
            found = [[(own.score[own.family == name] > honest[at]).mean() for name in names] for at in rates]
            axes.plot(
                np.maximum(rates, 0.5) / len(honest), np.mean(found, axis=1), color=_SHADES[place], label=str(length)
            )
        axes.set_xscale("log")
        axes.axvline(0.001, color=_GREY, linewidth=0.8, linestyle=":")
        axes.set_ylim(0, 1)
        axes.set_xlabel("share of honest windows found as well (dotted: one in a thousand)")
        axes.set_ylabel("share of cheats' windows found")
        axes.legend(title="events in a window", frameon=False, loc="lower right")

    return paint


def scores(table: Table, length: int) -> Callable[[Axes], None]:
    """How the scores of honest and of cheating windows lie."""

    def paint(axes: Axes) -> None:
        own = table.compared(length)
        edges = np.linspace(np.quantile(own.raw, 0.001), np.quantile(own.raw, 0.999), 60)
        for rows, colour, label in ((own.honest, _HONEST, "honest"), (~own.honest, _CHEAT, "cheats")):
            axes.hist(own.raw[rows], edges.tolist(), density=True, color=colour, alpha=0.6, label=label)
        axes.set_xlabel(f"the model's score of windows of {length} events")
        axes.set_yticks([])
        axes.legend(frameon=False)

    return paint


def segments(section: Mapping[str, Any]) -> Callable[[Axes], None]:
    """How often honest windows of each segment pass the watch threshold."""

    def paint(axes: Axes) -> None:
        rows = section["segments"]
        axes.barh([row[0] for row in rows], [100 * row[2] / row[1] for row in rows], color=_SHADES[2])
        axes.axvline(1.0, color=_GREY, linewidth=0.8, linestyle=":")
        axes.set_xlabel("% of honest windows over the watch threshold (dotted: what it is set for)")

    return paint
