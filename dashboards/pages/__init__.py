"""One module for each dashboard; each holds a ``PAGE``."""

from dashboards.pages import anticheat, api, data, operator, overview, realtime, release
from dashboards.panels import Page

PAGES: tuple[Page, ...] = tuple(module.PAGE for module in (overview, api, realtime, anticheat, data, operator, release))
