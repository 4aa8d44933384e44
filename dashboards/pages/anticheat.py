"""Anti-cheat and moderation: what is found, by whom, and whether people keep up with it."""

from dashboards.panels import Page, Panel, number

PAGE = Page(
    "anticheat",
    "Anti-cheat and moderation",
    "Verdicts of the rules and of the model, the health of the model, the review queue.",
    {
        "Now": [
            number("Cases", "Wait for a decision.", "short", "max(scoreboard_review_cases{$ns})"),
            number(
                "Overdue",
                "Past the time that the policy allows.",
                "short",
                "max(scoreboard_review_overdue_cases{$ns})",
                1,
            ),
            number(
                "Oldest case",
                "Age of the oldest case without a decision.",
                "s",
                "max(scoreboard_review_oldest_seconds{$ns})",
                43200,
                86400,
            ),
            number(
                "Held actions", "Their points wait for a decision.", "short", "max(scoreboard_review_held_actions{$ns})"
            ),
            number(
                "Behind the ledger",
                "Entries that the model has not looked at.",
                "short",
                "max(scoreboard_model_behind_entries{$ns})",
                1000,
                5000,
            ),
            number(
                "Canaries",
                "1 while known windows score as before.",
                "none",
                "max(scoreboard_model_canaries_equal{$ns})",
                1,
                0.5,
            ),
        ],
        "Rules": [
            Panel(
                "Verdicts",
                "Completed actions that are not simply allowed.",
                "ops",
                {
                    "{{verdict}}": 'sum by (verdict) (rate(scoreboard_actions_completed_total{verdict!="allow",$ns}'
                    "[$__rate_interval]))"
                },
                stacked=True,
            ),
            Panel(
                "Signals",
                "Oddities that were measured, refused attempts included.",
                "ops",
                {"{{signal}}": "sum by (signal) (rate(scoreboard_anticheat_signals_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Automatic suspensions",
                "In an hour. They stop by themselves at the policy's limit.",
                "short",
                {"an hour": "sum(increase(scoreboard_automatic_suspensions_total{$ns}[1h]))"},
                limits=(10,),
            ),
        ],
        "Model": [
            Panel(
                "Windows",
                "What it found in stretches of play, by the stage of the model.",
                "ops",
                {
                    "{{stage}} {{found}}": "sum by (stage, found) (rate(scoreboard_model_windows_total{$ns}"
                    "[$__rate_interval]))"
                },
            ),
            Panel(
                "Verdicts",
                "What its findings led to.",
                "ops",
                {"{{verdict}}": "sum by (verdict) (rate(scoreboard_model_verdicts_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Time to a verdict",
                "From the completion that ends a window. The promise is 30 seconds.",
                "s",
                {
                    "p50": "histogram_quantile(0.5, sum by (le)"
                    " (rate(scoreboard_model_verdict_seconds_bucket{$ns}[$__rate_interval])))",
                    "p99": "histogram_quantile(0.99, sum by (le)"
                    " (rate(scoreboard_model_verdict_seconds_bucket{$ns}[$__rate_interval])))",
                },
                limits=(30,),
            ),
            Panel(
                "Drift",
                "Features that moved furthest from what the model learned; 0.25 is another population.",
                "short",
                {"{{feature}}": "topk(10, max by (feature) (scoreboard_model_drift_psi{$ns}))"},
                limits=(0.1, 0.25),
            ),
            Panel(
                "Scores",
                "Quantiles of the latest raw scores.",
                "percentunit",
                {"{{quantile}}": "max by (quantile) (scoreboard_model_score{$ns})"},
                most=1,
            ),
            Panel(
                "Rates",
                "Players it would flag; its cases that reviewers confirmed; windows that only one of two models flags.",
                "percentunit",
                {
                    "flagged": "max(scoreboard_model_flag_rate{$ns})",
                    "confirmed": "max(scoreboard_model_review_precision{$ns})",
                    "disagreement": "max(scoreboard_model_disagreement{$ns})",
                },
                most=1,
            ),
            Panel(
                "Completions taken in",
                "By the model's process.",
                "ops",
                {"completions": "sum(rate(scoreboard_model_events_total{$ns}[$__rate_interval]))"},
            ),
            Panel(
                "Stage",
                "What the model in use may do.",
                "short",
                {"{{stage}}": "max by (stage) (scoreboard_model_stage{$ns})"},
            ),
            Panel(
                "Age",
                "Since the model in use was allowed to do what it does.",
                "s",
                {"age": "max(scoreboard_model_age_seconds{$ns})"},
            ),
        ],
        "Moderation": [
            Panel(
                "Queue",
                "Cases that wait, and those of them that are overdue.",
                "short",
                {"open": "max(scoreboard_review_cases{$ns})", "overdue": "max(scoreboard_review_overdue_cases{$ns})"},
            ),
            Panel(
                "Opened in 24 hours",
                "By who brought them up.",
                "short",
                {"{{source}} {{verdict}}": "max by (source, verdict) (scoreboard_review_opened_cases{$ns})"},
                stacked=True,
            ),
            Panel(
                "Decided",
                "In an hour, by decision and by whom.",
                "short",
                {
                    "{{decision}} by {{by}}": "sum by (decision, by) (increase(scoreboard_review_decisions_total{$ns}"
                    "[1h]))"
                },
                stacked=True,
            ),
            Panel(
                "Reports",
                "Of players about others, in an hour.",
                "short",
                {"{{reason}}": "sum by (reason) (increase(scoreboard_player_reports_total{$ns}[1h]))"},
            ),
            Panel("Appeals", "In an hour.", "short", {"appeals": "sum(increase(scoreboard_appeals_total{$ns}[1h]))"}),
        ],
    },
)
