"""The HTTP API: how much, how fast, how often not."""

from dashboards.panels import Page, Panel, number

_LATE = "histogram_quantile({q}, sum by (le{by}) (rate({name}_bucket{{{where}$ns}}[$__rate_interval])))"


def _late(name: str, q: float, by: str = "", where: str = "") -> str:
    return _LATE.format(q=q, by=f", {by}" if by else "", name=name, where=where)


_COMPLETE = 'route="/api/v1/actions/{action_id}/complete",'

PAGE = Page(
    "api",
    "API",
    "Requests, their time and their refusals; the write path; log-ins and attacks.",
    {
        "Requests": [
            number(
                "Requests",
                "A second, over all API processes.",
                "reqps",
                "sum(rate(scoreboard_request_seconds_count{$ns}[$__rate_interval]))",
            ),
            number(
                "5xx",
                "Share of requests that failed by our fault.",
                "percentunit",
                "sum(rate(scoreboard_requests_failed_total{$ns}[$__rate_interval]))"
                " / sum(rate(scoreboard_request_seconds_count{$ns}[$__rate_interval]))",
                0.001,
                0.01,
            ),
            number(
                "Completion, p99",
                "99 of 100 completions are answered within this.",
                "s",
                _late("scoreboard_request_seconds", 0.99, where=_COMPLETE),
                0.15,
                0.3,
            ),
            number(
                "In flight", "Requests that are being answered now.", "short", "sum(scoreboard_requests_in_flight{$ns})"
            ),
            number(
                "Waiting",
                "Items that wait for the next flush, over all stages.",
                "short",
                "sum(scoreboard_queue_items{$ns})",
                200,
                1500,
            ),
            number(
                "Event loop, p99",
                "How late the busiest process comes back to its event loop.",
                "s",
                "max(" + _late("scoreboard_loop_lag_seconds", 0.99, "instance") + ")",
                0.1,
                0.25,
            ),
        ],
        "By route": [
            Panel(
                "Rate",
                "The twelve busiest routes, by template.",
                "reqps",
                {
                    "{{route}}": "topk(12, sum by (route)"
                    " (rate(scoreboard_request_seconds_count{$ns}[$__rate_interval])))"
                },
                width=12,
            ),
            Panel(
                "Time, p99",
                "The twelve slowest routes.",
                "s",
                {"{{route}}": "topk(12, " + _late("scoreboard_request_seconds", 0.99, "route") + ")"},
                width=12,
            ),
            Panel(
                "Status",
                "Answers by status.",
                "reqps",
                {"{{status}}": "sum by (status) (rate(scoreboard_request_seconds_count{$ns}[$__rate_interval]))"},
                stacked=True,
            ),
            Panel(
                "Our faults",
                "5xx by status: 503 overload or a store, 504 late, 500 a fault of our code.",
                "reqps",
                {"{{status}}": "sum by (status) (rate(scoreboard_requests_failed_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Refusals",
                "The twelve most frequent codes.",
                "reqps",
                {"{{code}}": "topk(12, sum by (code) (rate(scoreboard_rejections_total{$ns}[$__rate_interval])) > 0)"},
            ),
        ],
        "Write path": [
            Panel(
                "Time of completions",
                "From the request's first byte to the answer.",
                "s",
                {
                    "p50": _late("scoreboard_request_seconds", 0.5, where=_COMPLETE),
                    "p95": _late("scoreboard_request_seconds", 0.95, where=_COMPLETE),
                    "p99": _late("scoreboard_request_seconds", 0.99, where=_COMPLETE),
                },
                limits=(0.3,),
            ),
            Panel(
                "Stages, p99",
                "What a flush spends its time with.",
                "s",
                {
                    "{{stage}}": _late("scoreboard_stage_seconds", 0.99, "stage"),
                    "leaderboard": _late("scoreboard_leaderboard_update_seconds", 0.99),
                },
            ),
            Panel(
                "Items in a flush",
                "On average. The more there is to do, the more share a transaction.",
                "short",
                {
                    "{{stage}}": "sum by (stage) (rate(scoreboard_batch_items_sum{$ns}[$__rate_interval]))"
                    " / sum by (stage) (rate(scoreboard_batch_items_count{$ns}[$__rate_interval]))"
                },
            ),
            Panel(
                "Waiting items",
                "By stage. Thousands mean 503 soon.",
                "short",
                {"{{stage}}": "sum by (stage) (scoreboard_queue_items{$ns})"},
            ),
            Panel(
                "Turned away for load",
                "Before any work: who looks without a name first, who completes an action last.",
                "reqps",
                {"{{rank}}": "sum by (rank) (rate(scoreboard_requests_shed_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Created and completed",
                "The difference are actions that nobody finished.",
                "ops",
                {
                    "created": "sum(rate(scoreboard_actions_created_total{$ns}[$__rate_interval]))",
                    "completed": "sum(rate(scoreboard_actions_completed_total{$ns}[$__rate_interval]))",
                },
            ),
            Panel(
                "Jobs",
                "Asynchronous actions by how they ended, and those that were given up.",
                "ops",
                {
                    "{{status}}": "sum by (status) (rate(scoreboard_jobs_finished_total{$ns}[$__rate_interval]))",
                    "given up": "sum(rate(scoreboard_jobs_given_up_total{$ns}[$__rate_interval]))",
                },
            ),
        ],
        "Access and attacks": [
            Panel(
                "Sessions",
                "Log-ins, refreshes, log-outs and what failed of them.",
                "ops",
                {"{{event}}": "sum by (event) (rate(scoreboard_auth_events_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Signatures and replays",
                "Requests that were signed wrongly, too old, or sent twice.",
                "ops",
                {
                    "{{code}}": 'sum by (code) (rate(scoreboard_rejections_total{layer="signing",$ns}'
                    "[$__rate_interval]))"
                },
            ),
            Panel(
                "Limits",
                "Requests beyond a limit.",
                "ops",
                {"{{code}}": 'sum by (code) (rate(scoreboard_rejections_total{layer="limits",$ns}[$__rate_interval]))'},
            ),
            Panel(
                "Blocks",
                "Addresses and players that were blocked for too many failures.",
                "short",
                {
                    "{{subject}}": "sum by (subject) (increase(scoreboard_security_incidents_total{$ns}"
                    "[$__rate_interval]))"
                },
            ),
            Panel(
                "Provider",
                "Looks for the keys of the external identity provider.",
                "ops",
                {"{{outcome}}": "sum by (outcome) (rate(scoreboard_provider_reads_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Process",
                "CPU of each process; 1 is a whole core.",
                "percentunit",
                {
                    "{{instance}}": "rate(process_cpu_seconds_total{$ns}[$__rate_interval])"
                    ' and on (instance) scoreboard_build_info{service="api"}'
                },
            ),
        ],
    },
)
