"""The operator: do the resources in the cluster and the platform agree?"""

from dashboards.panels import Page, Panel, number


def _standing(state: str, words: str, *limits: float) -> Panel:
    return number(state, words, "short", f'sum(scoreboard_operator_objects{{condition="{state}",$ns}})', *limits)


PAGE = Page(
    "operator",
    "Operator",
    "Boards, action kinds, policies and seasons that are declared as Kubernetes resources.",
    {
        "Now": [
            _standing("Declared", "Resources that are in effect as declared."),
            _standing("Waiting", "Resources that name another one which is not there yet."),
            _standing("Conflict", "Resources whose key belongs to somebody else.", 1),
            _standing("Invalid", "Resources that the API refuses; their status says why.", 1),
            _standing("Degraded", "Resources that wait for the API.", 1),
            _standing("Paused", "Resources that are left alone because somebody said so."),
        ],
        "Work": [
            Panel(
                "Rounds",
                "By what came of them; seen means that nothing had to be done.",
                "ops",
                {
                    "{{resource}} {{outcome}}": "sum by (resource, outcome)"
                    " (rate(scoreboard_operator_reconciles_total{$ns}[$__rate_interval])) > 0"
                },
                width=12,
            ),
            Panel(
                "Time of a round, p99",
                "The API's answer included.",
                "s",
                {
                    "{{resource}}": "histogram_quantile(0.99, sum by (le, resource)"
                    " (rate(scoreboard_operator_round_seconds_bucket{$ns}[$__rate_interval])))"
                },
                width=12,
            ),
            Panel(
                "Drift corrected",
                "What was changed beside the resources and put right.",
                "short",
                {
                    "{{resource}}": "sum by (resource)"
                    " (increase(scoreboard_operator_drift_corrections_total{$ns}[$__rate_interval]))"
                },
                width=12,
            ),
            Panel(
                "Age of the watches",
                "Since a kind was listed or its watch begun anew. Beyond 200 seconds the process is restarted.",
                "s",
                {"{{resource}}": "max by (resource) (scoreboard_operator_watch_age_seconds{$ns})"},
                width=12,
                limits=(200,),
            ),
            Panel(
                "Resources",
                "By kind and how they stand.",
                "short",
                {"{{resource}} {{condition}}": "sum by (resource, condition) (scoreboard_operator_objects{$ns})"},
                width=12,
            ),
            Panel(
                "Process",
                "CPU of the operator; 1 is a whole core.",
                "percentunit",
                {
                    "{{instance}}": "rate(process_cpu_seconds_total{$ns}[$__rate_interval])"
                    ' and on (instance) scoreboard_build_info{service="operator"}'
                },
                width=12,
            ),
        ],
    },
)
