"""The dashboards as pictures: every panel's queries, asked of the drill's Prometheus, at the places Grafana gives them.

A panel without anything to show is a fault, of the panel or of what it asks for, unless ``empty_panels.yaml`` says why.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from PIL import Image

from dashboards.drill.units import in_words
from dashboards.panels import WIDTH, Page, Panel, places

EXCUSES: Mapping[str, Mapping[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "empty_panels.yaml").read_text("utf-8")
)
_POINTS = 240
_COLUMN_IN, _ROW_IN = 0.62, 0.30
_DPI = 75
_COLOURS = 64
_LEGEND = 8
"""Lines with a name; more would hide the picture."""
_LONGEST = 34


@dataclass(frozen=True)
class Line:
    """One series: minutes since the drill began, and values; one that is no number is a hole."""

    legend: str
    times: list[float]
    values: list[float]

    @property
    def known(self) -> list[float]:
        """The values without the holes."""
        return [value for value in self.values if math.isfinite(value)]


@dataclass(frozen=True)
class Shown:
    """A panel with what it shows, and the legends of its queries that found nothing."""

    panel: Panel
    lines: list[Line]
    empty: list[str]


async def read_page(client: httpx.AsyncClient, page: Page, began: datetime, ended: datetime, every: int) -> list[Shown]:
    """Ask every query of a page for the time of the drill. Raises HTTPError where one is refused."""
    step = max(every, math.ceil((ended - began).total_seconds() / _POINTS))
    interval = f"{max(4 * every, step + every)}s"  # as Grafana chooses $__rate_interval
    shown = []
    for panel in page.panels:
        lines, empty = [], []
        for legend, query in panel.filled().items():
            expr = query.replace("$namespace", ".*").replace("$__rate_interval", interval)
            span = {"start": began.timestamp(), "end": ended.timestamp(), "step": step}
            reply = await client.get("/api/v1/query_range", params={"query": expr, **span})
            series = reply.raise_for_status().json()["data"]["result"]
            found = [line for each in series if (line := _line(legend, each, began, step))]
            lines += found
            empty += [] if found else [legend]
        shown.append(Shown(panel, lines, empty))
    return shown


def _line(legend: str, series: dict[str, Any], began: datetime, step: float) -> Line | None:
    """A series, with a hole where something is missing; None when there is nothing else in it."""
    times: list[float] = []
    values: list[float] = []
    for at, value in ((float(at) - began.timestamp(), float(value)) for at, value in series["values"]):
        if times and at - times[-1] * 60 > 1.5 * step:
            times.append((at - step) / 60)
            values.append(math.nan)
        times.append(at / 60)
        values.append(value if math.isfinite(value) else math.nan)
    for label, text in series["metric"].items():
        legend = legend.replace("{{" + label + "}}", text)
    return Line(legend, times, values) if any(map(math.isfinite, values)) else None


def wrongly_empty(page: Page, shown: Sequence[Shown]) -> list[str]:
    """Panels that are empty without an excuse, and excuses that are none, in words."""
    excused = EXCUSES.get(page.name, {})
    wrong = [
        f"{page.name}, {each.panel.title}: nothing for {', '.join(each.empty)}"
        for each in shown
        if each.empty and not {"*", each.panel.title} & excused.keys()
    ]
    full = {each.panel.title for each in shown if each.lines and not each.empty}
    return wrong + [f"{page.name}, {title}: excused, and not empty" for title in excused if title in full]


def draw(page: Page, shown: Sequence[Shown], path: Path) -> None:
    """One picture of all panels of a page."""
    spots = places(page)
    height = max(spot.top + spot.height for spot in spots) + 1
    figure = Figure(figsize=(WIDTH * _COLUMN_IN, height * _ROW_IN), dpi=_DPI)
    figure.text(0.005, 1 - 0.6 / height, f"{page.title}. {page.words}", fontsize=11, weight="bold", va="center")
    panels = iter(shown)
    longest = max((line.times[-1] for each in shown for line in each.lines), default=1.0)
    for spot in spots:
        bottom = 1 - (spot.top + spot.height + 1) / height
        if spot.panel is None:
            figure.text(0.005, bottom + 0.4 / height, spot.title, fontsize=10, color="#3465a4", va="center")
            continue
        beside, above, below = (0.15, 1.2, 0.3) if spot.panel.number else (0.8, 1.2, 2.3)
        box = (
            (spot.left + beside) / WIDTH,
            bottom + below / height,
            (spot.width - beside - 0.25) / WIDTH,
            (spot.height - above - below) / height,
        )
        _panel(figure.add_axes(box), next(panels), longest)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    with Image.open(path) as picture:  # few colours: a tenth of the size
        picture.convert("RGB").quantize(_COLOURS).save(path, optimize=True)


def _panel(axes: Axes, shown: Shown, longest: float) -> None:
    panel = shown.panel
    axes.set_title(panel.title, fontsize=8, loc="left", pad=3)
    axes.tick_params(labelsize=6, length=2, pad=1)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if not shown.lines:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no data", ha="center", va="center", fontsize=9, color="#888888", transform=axes.transAxes)
        return
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} min"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_words(value, panel.unit)))
    axes.locator_params(axis="y", nbins=4)
    axes.locator_params(axis="x", nbins=6, integer=True)
    for line in shown.lines:
        axes.plot(line.times, line.values, linewidth=0.9, label=line.legend)
    if panel.number:
        _large(axes, shown)
    else:
        for limit in panel.limits:
            axes.axhline(limit, color="#cc0000", linewidth=0.6, linestyle=":")
        _name(axes, shown.lines)
    values = [value for line in shown.lines for value in line.known]
    axes.set_ylim(bottom=min(0.0, *values), top=panel.most or (None if max(values) > 0 else 1.0))
    axes.set_xlim(0, longest)


def _large(axes: Axes, shown: Shown) -> None:
    """The last value, as Grafana writes it into the middle; what led to it stays behind it."""
    axes.lines[0].set_color("#bbccdd")
    axes.set_xticks([])
    axes.set_yticks([])
    words = in_words(shown.lines[0].known[-1], shown.panel.unit)
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=17, weight="bold", transform=axes.transAxes)


def _name(axes: Axes, lines: Sequence[Line]) -> None:
    """A legend beneath, of the highest lines where there are many."""
    highest = sorted(zip(lines, axes.lines, strict=False), key=lambda pair: -max(pair[0].known))[:_LEGEND]
    names = [line.legend if len(line.legend) <= _LONGEST else line.legend[: _LONGEST - 1] + "…" for line, _ in highest]
    axes.legend(
        [drawn for _, drawn in highest],
        names,
        fontsize=6,
        ncols=4,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.11),
        frameon=False,
        handlelength=1.0,
        columnspacing=0.8,
        borderaxespad=0.0,
        labelspacing=0.15,
    )
