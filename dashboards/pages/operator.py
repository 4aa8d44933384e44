"""The operator: do the resources in the cluster and the platform agree?"""

from dashboards.panels import Page, Panel, number

PAGE = Page(
    "operator",
    "Operator",
    "Boards, action kinds, policies and seasons that are declared as Kubernetes resources.",
    {
        "Now": [
            number(
                "Ready",
                "Resources that are in effect as declared.",
                "short",
                'sum(scoreboard_operator_objects{condition="Ready",$ns})',
            ),
            number(
                "Conflict",
                "Resources whose key belongs to somebody else.",
                "short",
                'sum(scoreboard_operator_objects{condition="Conflict",$ns})',
                1,
            ),
            number(
                "Invalid",
                "Resources that the API refuses; their status says why.",
                "short",
                'sum(scoreboard_operator_objects{condition="Invalid",$ns})',
                1,
            ),
            number(
                "Degraded",
                "Resources that wait for the API.",
                "short",
                'sum(scoreboard_operator_objects{condition="Degraded",$ns})',
                1,
            ),
        ],
        "Work": [
            Panel(
                "Reconciled",
                "Attempts by outcome.",
                "ops",
                {
                    "{{resource}} {{outcome}}": "sum by (resource, outcome)"
                    " (rate(scoreboard_operator_reconciles_total{$ns}[$__rate_interval]))"
                },
                width=12,
            ),
            Panel(
                "Drift corrected",
                "What was changed beside the resources and put right.",
                "short",
                {
                    "{{resource}}": "sum by (resource) (increase(scoreboard_operator_drift_corrections_total{$ns}"
                    "[$__rate_interval]))"
                },
                width=12,
            ),
            Panel(
                "Resources",
                "By kind and condition.",
                "short",
                {"{{resource}} {{condition}}": "sum by (resource, condition) (scoreboard_operator_objects{$ns})"},
                width=12,
            ),
            Panel(
                "Process",
                "CPU of the operator.",
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
