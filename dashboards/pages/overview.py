"""Is everything well, and are the promises kept? The first page to look at."""

from dashboards import objectives
from dashboards.panels import Page, Panel, number

_SLOS = objectives.load()


def _budget(slo: objectives.Objective) -> Panel:
    words = f"Of the 30 days' budget for “{slo.objective:g} % of {slo.unit}”. Below 0 the promise is broken."
    expr = f'min(scoreboard:slo_budget_remaining:ratio{{slo="{slo.name}",$ns}})'
    return number(slo.title, words, "percentunit", expr, 0.5, 0.1, width=8)


PAGE = Page(
    "overview",
    "Overview",
    "Promises and their budgets, what is up, and how much is going on.",
    {
        "Error budgets that are left": [_budget(slo) for slo in _SLOS],
        "Pace at which budgets are used": [
            Panel(
                "Burn rate over an hour",
                "1 uses the budget up in exactly 30 days. From 14.4 on somebody is paged, at once.",
                "short",
                {
                    slo.name: f'max(scoreboard:slo_errors:ratio_rate1h{{slo="{slo.name}",$ns}}) / {slo.budget:g}'
                    for slo in _SLOS
                },
                width=12,
                limits=(6, 14.4),
            ),
            Panel(
                "Burn rate over a day",
                "From 3 on it is a ticket.",
                "short",
                {
                    slo.name: f'max(scoreboard:slo_errors:ratio_rate1d{{slo="{slo.name}",$ns}}) / {slo.budget:g}'
                    for slo in _SLOS
                },
                width=12,
                limits=(1, 3),
            ),
        ],
        "Now": [
            number(
                "Alerts",
                "Alerts of the platform that fire, without the watchdog.",
                "none",
                'count(ALERTS{alertstate="firing",alertname=~"Scoreboard.*",alertname!="ScoreboardWatchdog",$ns})'
                " or vector(0)",
                1,
            ),
            number(
                "Postgres",
                "1 while some process reaches it.",
                "none",
                'max(scoreboard_store_up{store="database",$ns})',
                1,
                0.5,
            ),
            number(
                "Redis",
                "1 while some process reaches it.",
                "none",
                'max(scoreboard_store_up{store="redis",$ns})',
                1,
                0.5,
            ),
            number(
                "Processes",
                "Processes of the platform that tell their metrics.",
                "none",
                "count(scoreboard_build_info{$ns})",
            ),
            number(
                "Live connections",
                "Browsers and other clients that watch.",
                "short",
                "sum(scoreboard_realtime_connections{$ns})",
            ),
            number(
                "Cases to review",
                "Review cases that wait for a moderator.",
                "short",
                "max(scoreboard_review_cases{$ns})",
            ),
        ],
        "Play": [
            Panel(
                "Completed actions",
                "By the verdict of the anti-cheat.",
                "ops",
                {"{{verdict}}": "sum by (verdict) (rate(scoreboard_actions_completed_total{$ns}[$__rate_interval]))"},
                stacked=True,
            ),
            Panel(
                "Points",
                "Sum of absolute points, by kind of action.",
                "short",
                {"{{kind}}": "sum by (kind) (rate(scoreboard_points_magnitude_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Refused",
                "Requests and messages by the layer that refused them.",
                "ops",
                {"{{layer}}": "sum by (layer) (rate(scoreboard_rejections_total{$ns}[$__rate_interval]))"},
                stacked=True,
            ),
        ],
    },
)
