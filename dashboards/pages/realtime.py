"""Live connections: who watches, how fresh it is, who cannot keep up."""

from dashboards.panels import Page, Panel, number


def _late(name: str, q: float, by: str = "") -> str:
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({grouped}) (rate({name}_bucket{{$ns}}[$__rate_interval])))"


PAGE = Page(
    "realtime",
    "Realtime",
    "Live connections, the way of a score from commit to browser, and slow clients.",
    {
        "Now": [
            number(
                "Connections",
                "Open live connections of all kinds.",
                "short",
                "sum(scoreboard_realtime_connections{$ns})",
            ),
            number(
                "Commit to socket, p99",
                "The promise is one second.",
                "s",
                _late("scoreboard_commit_to_socket_seconds", 0.99),
                0.5,
                1,
            ),
            number(
                "Fan-out, p99",
                "Time to hand one frame to a whole room. Autoscaling looks at it.",
                "s",
                _late("scoreboard_fanout_seconds", 0.99),
                0.05,
                0.25,
            ),
            number(
                "Behind the stream",
                "Items that the slowest process has not read.",
                "short",
                "max(scoreboard_stream_lag_items{$ns})",
                100,
                1000,
            ),
            number(
                "Waiting bytes",
                "In the sockets of all processes, for clients that read slowly.",
                "bytes",
                "sum(scoreboard_realtime_backlog_bytes{$ns})",
            ),
            number("Draining", "Processes that are shutting down.", "short", "sum(scoreboard_draining{$ns})"),
        ],
        "Connections": [
            Panel(
                "By transport",
                "Browsers use Socket.IO or WebSocket; Server-Sent Events are for software.",
                "short",
                {"{{transport}}": "sum by (transport) (scoreboard_realtime_connections{$ns})"},
                stacked=True,
            ),
            Panel(
                "By process",
                "They should be about even; they even out as clients reconnect.",
                "short",
                {
                    "{{instance}}": "sum by (instance) (scoreboard_realtime_connections{$ns})"
                    ' and on (instance) scoreboard_build_info{service="realtime"}'
                },
            ),
            Panel(
                "Opened",
                "New connections. A jump is a storm of reconnects.",
                "cps",
                {
                    "{{transport}}": "sum by (transport) (rate(scoreboard_realtime_connects_total{$ns}"
                    "[$__rate_interval]))"
                },
            ),
            Panel(
                "Ended",
                "By reason; client means that they left by themselves.",
                "cps",
                {"{{reason}}": "sum by (reason) (rate(scoreboard_realtime_disconnects_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Not let in",
                "OVERLOADED and DRAINING are ours, the others are the client's.",
                "cps",
                {"{{code}}": "sum by (code) (rate(scoreboard_realtime_connects_refused_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "How reconnects were answered",
                "Replayed or current: nothing was missed.",
                "cps",
                {"{{result}}": "sum by (result) (rate(scoreboard_realtime_resumes_total{$ns}[$__rate_interval]))"},
            ),
        ],
        "Freshness": [
            Panel(
                "Commit to socket",
                "What a watcher feels.",
                "s",
                {
                    "p50": _late("scoreboard_commit_to_socket_seconds", 0.5),
                    "p99": _late("scoreboard_commit_to_socket_seconds", 0.99),
                },
                limits=(1,),
            ),
            Panel(
                "Commit to realtime process",
                "The part of it that outbox and stream take.",
                "s",
                {
                    "p50": _late("scoreboard_event_delivery_seconds", 0.5),
                    "p99": _late("scoreboard_event_delivery_seconds", 0.99),
                },
                limits=(10,),
            ),
            Panel(
                "Fan-out, p99",
                "By process.",
                "s",
                {"{{instance}}": _late("scoreboard_fanout_seconds", 0.99, "instance")},
            ),
            Panel(
                "Messages",
                "Handed to connections, by type.",
                "ops",
                {"{{type}}": "sum by (type) (rate(scoreboard_realtime_messages_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Left out",
                "Messages not sent because a client reads too slowly.",
                "ops",
                {"{{reason}}": "sum by (reason) (rate(scoreboard_realtime_dropped_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Event loop, p99",
                "How late each process comes back to its event loop.",
                "s",
                {
                    "{{instance}}": _late("scoreboard_loop_lag_seconds", 0.99, "instance")
                    + ' and on (instance) scoreboard_build_info{service="realtime"}'
                },
            ),
        ],
    },
)
