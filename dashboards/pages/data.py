"""Postgres, Redis and what travels between them."""

from dashboards.panels import Page, Panel, number


def _late(name: str, q: float, by: str = "") -> str:
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({grouped}) (rate({name}_bucket{{$ns}}[$__rate_interval])))"


PAGE = Page(
    "data",
    "Data",
    "Stores, transactions, outbox and stream, leaderboards, caches and the loops that keep them.",
    {
        "Now": [
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
                "Outbox",
                "Saved facts that are not announced yet.",
                "short",
                "max(scoreboard_outbox_pending{$ns})",
                100,
                1000,
            ),
            number(
                "Oldest in the outbox",
                "Usually below two seconds.",
                "s",
                "max(scoreboard_outbox_oldest_seconds{$ns})",
                10,
                30,
            ),
            number(
                "Wrong entries",
                "That the self-audit found in an hour. Has to be 0.",
                "short",
                "sum(increase(scoreboard_leaderboard_drifted_entries_total{$ns}[1h]))",
                1,
            ),
            number(
                "Connections in use",
                "Share of the fullest pool.",
                "percentunit",
                "max(scoreboard_database_connections_in_use{$ns} / (scoreboard_database_pool_connections{$ns} > 0))",
                0.8,
                1,
            ),
        ],
        "Postgres": [
            Panel(
                "Transactions",
                "Tries a second, by process.",
                "ops",
                {
                    "{{instance}}": "sum by (instance) (rate(scoreboard_database_wait_seconds_count{$ns}"
                    "[$__rate_interval]))"
                },
            ),
            Panel(
                "Wait for a connection",
                "Until a transaction had one.",
                "s",
                {
                    "p50": _late("scoreboard_database_wait_seconds", 0.5),
                    "p99": _late("scoreboard_database_wait_seconds", 0.99),
                },
            ),
            Panel(
                "Retried and given up",
                "Conflicts are usual; given up means an error for somebody.",
                "ops",
                {
                    "retried: {{reason}}": "sum by (reason) (rate(scoreboard_transaction_retries_total{$ns}"
                    "[$__rate_interval]))",
                    "given up: {{reason}}": "sum by (reason) (rate(scoreboard_transaction_failures_total{$ns}"
                    "[$__rate_interval]))",
                },
            ),
            Panel(
                "Connections in use",
                "By process, of its pool.",
                "short",
                {"{{instance}}": "max by (instance) (scoreboard_database_connections_in_use{$ns})"},
            ),
            Panel(
                "Commit, p99",
                "The whole transaction of a batch of completions.",
                "s",
                {"{{stage}}": _late("scoreboard_stage_seconds", 0.99, "stage")},
            ),
            Panel(
                "Connections at the server",
                "By state, as postgres_exporter tells it.",
                "short",
                {"{{state}}": "sum by (state) (pg_stat_activity_count{$ns})"},
                stacked=True,
            ),
        ],
        "Redis": [
            Panel(
                "Failures",
                "Calls that failed or took too long, by call.",
                "ops",
                {"{{call}}": "sum by (call) (rate(scoreboard_redis_failures_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Project and publish",
                "One call for each batch.",
                "s",
                {
                    "p50": _late("scoreboard_leaderboard_update_seconds", 0.5),
                    "p99": _late("scoreboard_leaderboard_update_seconds", 0.99),
                },
            ),
            Panel(
                "Memory",
                "As redis_exporter tells it. It must not reach its limit: nothing may be evicted.",
                "bytes",
                {"used": "max(redis_memory_used_bytes{$ns})", "limit": "max(redis_memory_max_bytes{$ns} > 0)"},
            ),
        ],
        "Outbox and stream": [
            Panel(
                "Waiting facts",
                "Only what a crash or an outage left is there for longer than a moment.",
                "short",
                {"facts": "max(scoreboard_outbox_pending{$ns})"},
            ),
            Panel(
                "Age of the oldest",
                "The worker takes what is older than two seconds.",
                "s",
                {"age": "max(scoreboard_outbox_oldest_seconds{$ns})"},
                limits=(30,),
            ),
            Panel(
                "Published",
                "Items appended to the stream.",
                "ops",
                {"items": "sum(rate(scoreboard_events_published_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Commit to realtime process",
                "Through outbox and stream. The promise is ten seconds.",
                "s",
                {
                    "p50": _late("scoreboard_event_delivery_seconds", 0.5),
                    "p99.9": _late("scoreboard_event_delivery_seconds", 0.999),
                },
                limits=(10,),
            ),
            Panel(
                "Behind the stream",
                "Items that each process has not read.",
                "short",
                {
                    "{{instance}}": "max by (instance) (scoreboard_stream_lag_items{$ns})"
                    ' and on (instance) scoreboard_build_info{service="realtime"}'
                },
            ),
            Panel(
                "Model behind the ledger",
                "Entries that it has not looked at.",
                "short",
                {"entries": "max(scoreboard_model_behind_entries{$ns})"},
            ),
        ],
        "Leaderboards and caches": [
            Panel(
                "Wrong entries",
                "That the self-audit found, by board; it rebuilds the board at once.",
                "short",
                {
                    "{{board}}": "sum by (board) (increase(scoreboard_leaderboard_drifted_entries_total{$ns}"
                    "[$__rate_interval]))"
                },
            ),
            Panel(
                "Rebuilds",
                "From Postgres; lost ones begin again.",
                "short",
                {
                    "{{outcome}}": "sum by (outcome) (increase(scoreboard_leaderboard_rebuilds_total{$ns}"
                    "[$__rate_interval]))"
                },
            ),
            Panel(
                "Board reads",
                "By where the answer came from.",
                "ops",
                {"{{level}}": "sum by (level) (rate(scoreboard_cache_reads_total{$ns}[$__rate_interval]))"},
                stacked=True,
            ),
        ],
        "Loops": [
            Panel(
                "Since the last success",
                "By loop. Seconds for most; hours for those that run rarely.",
                "s",
                {"{{loop}}": "time() - max by (loop) (scoreboard_loop_last_success_seconds{$ns})"},
                width=12,
            ),
            Panel(
                "Failures",
                "Rounds that failed and were repeated.",
                "ops",
                {"{{loop}}": "sum by (loop) (rate(scoreboard_loop_failures_total{$ns}[$__rate_interval])) > 0"},
                width=12,
            ),
            Panel(
                "Seasons closed",
                "In a day.",
                "short",
                {"seasons": "sum(increase(scoreboard_seasons_closed_total{$ns}[1d]))"},
            ),
        ],
    },
)
