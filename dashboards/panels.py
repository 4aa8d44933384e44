"""The forms that our dashboards are made of, and how they become Grafana's JSON.

A page is data: rows of panels with a sentence each. In queries ``$ns`` stands for the matcher of the namespace.
"""

from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as forms
from grafana_foundation_sdk.models import dashboard as models

WIDTH = 24
TAG = "scoreboard"
_NAMESPACE = 'namespace=~"$namespace"'
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True)
class Panel:
    """Lines over time, or one number.

    Attributes:
        title: what it shows.
        words: one or two sentences for who looks at it for the first time.
        unit: as Grafana names units.
        queries: PromQL by legend; ``{{label}}`` stands for a label.
        number: the last value alone, large.
        width: of 24 columns.
        limits: values from which on it is yellow, then red; descending ones mean that less is worse.
        stacked: lines on top of each other.
        most: the top of the axis, for shares.
    """

    title: str
    words: str
    unit: str
    queries: dict[str, str]
    number: bool = False
    width: int = 8
    limits: tuple[float, ...] = ()
    stacked: bool = False
    most: float | None = None

    def filled(self) -> dict[str, str]:
        """The queries as Grafana gets them."""
        return {legend: expr.replace("$ns", _NAMESPACE) for legend, expr in self.queries.items()}


@dataclass(frozen=True)
class Page:
    """A dashboard: its rows by their titles. Its address ends in ``scoreboard-`` and the name."""

    name: str
    title: str
    words: str
    rows: dict[str, list[Panel]] = field(default_factory=dict)

    @property
    def panels(self) -> list[Panel]:
        """All panels, in order."""
        return [panel for panels in self.rows.values() for panel in panels]


def number(title: str, words: str, unit: str, expr: str, *limits: float, width: int = 4) -> Panel:
    """One number, coloured by limits where there are some."""
    return Panel(title, words, unit, {title: expr}, number=True, width=width, limits=limits)


@dataclass(frozen=True)
class Spot:
    """Where something stands, in Grafana's columns and rows; without a panel it is the title of a row."""

    title: str
    panel: Panel | None
    left: int
    top: int
    width: int
    height: int


def places(page: Page) -> list[Spot]:
    """Row titles and panels from left to right and from top to bottom."""
    spots = []
    top = 0
    for title, panels in page.rows.items():
        spots.append(Spot(title, None, 0, top, WIDTH, 1))
        top += 1
        left, height = 0, 0
        for panel in panels:
            tall = 5 if panel.number else 8
            if left + panel.width > WIDTH:
                left, top = 0, top + height
                height = 0
            spots.append(Spot(panel.title, panel, left, top, panel.width, tall))
            left, height = left + panel.width, max(height, tall)
        top += height
    return spots


def as_json(page: Page) -> str:
    """The page as Grafana imports it."""
    builder = (
        dashboard.Dashboard(f"Scoreboard / {page.title}")
        .uid(f"scoreboard-{page.name}")
        .description(page.words)
        .tags([TAG])
        .timezone("browser")
        .time("now-3h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_namespaces())
        .link(_siblings())
    )
    for index, spot in enumerate(places(page), start=1):
        place = models.GridPos(h=spot.height, w=spot.width, x=spot.left, y=spot.top)
        if spot.panel is None:
            builder.with_row(dashboard.Row(spot.title).id(index).grid_pos(place))
        else:
            built = _number(spot.panel, place) if spot.panel.number else _lines(spot.panel, place)
            builder.with_panel(built.id(index))
    return JSONEncoder(sort_keys=True, indent=1).encode(builder.build()) + "\n"


def _namespaces() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("namespace")
        .label("Namespace")
        .datasource(_SOURCE)
        .query("label_values(scoreboard_build_info, namespace)")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def _siblings() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Scoreboard")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )


def _targets(panel: Panel) -> list[Builder[Dataquery]]:
    return [
        prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(chr(ord("A") + index)).datasource(_SOURCE)
        for index, (legend, expr) in enumerate(panel.filled().items())
    ]


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    falling = len(panel.limits) > 1 and panel.limits[0] > panel.limits[-1]
    colours = ["red", "yellow", "green"] if falling else ["green", "yellow", "red"]
    if len(panel.limits) == 1:
        colours = ["green", "red"]
    values = [None, *sorted(panel.limits)]
    steps = [models.Threshold(value=value, color=colour) for value, colour in zip(values, colours, strict=False)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _number(panel: Panel, place: models.GridPos) -> stat.Panel:
    return (
        stat.Panel()
        .title(panel.title)
        .description(panel.words)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .grid_pos(place)
        .targets(_targets(panel))
        .thresholds(_thresholds(panel))
        .graph_mode(forms.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
    )


def _lines(panel: Panel, place: models.GridPos) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.words)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .grid_pos(place)
        .targets(_targets(panel))
        .min(0)
        .line_width(1)
        .fill_opacity(20 if panel.stacked else 8)
        .show_points(forms.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(forms.LegendDisplayMode.LIST)
            .placement(forms.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(common.VizTooltipOptions().mode(forms.TooltipDisplayMode.MULTI).sort(forms.SortOrder.DESCENDING))
    )
    if panel.stacked:
        built.stacking(common.StackingConfig().mode(forms.StackingMode.NORMAL))
    if panel.most is not None:
        built.max(panel.most)
    if panel.limits:
        built.thresholds(_thresholds(panel))
        built.thresholds_style(common.GraphThresholdsStyleConfig().mode(forms.GraphThresholdsStyleMode.LINE))
    return built
