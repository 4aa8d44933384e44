"""A release: which version runs where, and did it make anything worse?"""

from dashboards.panels import Page, Panel, number

_VERSION = " * on (instance, namespace) group_left (version) scoreboard_build_info{$ns}"

PAGE = Page(
    "release",
    "Release",
    "Versions side by side with errors and times; migrations, restarts and autoscaling.",
    {
        "Now": [
            number(
                "Versions",
                "More than one while a release is under way.",
                "none",
                "count(count by (version) (scoreboard_build_info{$ns}))",
            ),
            number(
                "Schema does not fit",
                "Processes whose version needs migrations that are missing.",
                "none",
                "sum(scoreboard_schema_mismatch{$ns})",
                1,
            ),
            number("Draining", "Processes that are shutting down.", "none", "sum(scoreboard_draining{$ns})"),
            number(
                "Youngest process",
                "Since its start.",
                "s",
                "time() - max(process_start_time_seconds{$ns} and on (instance) scoreboard_build_info)",
            ),
            number(
                "Failed migrations",
                "Jobs, as kube-state-metrics tells it.",
                "none",
                'sum(kube_job_status_failed{job_name=~".*scoreboard.*-migrate.*",$ns})',
                1,
            ),
            number(
                "Certificates",
                "Days until the first one expires, as cert-manager tells it.",
                "d",
                "min(certmanager_certificate_expiration_timestamp_seconds{$ns} - time()) / 86400",
                30,
                14,
            ),
        ],
        "Version by version": [
            Panel(
                "Processes",
                "By service and version.",
                "short",
                {"{{service}} {{version}}": "count by (service, version) (scoreboard_build_info{$ns})"},
                stacked=True,
            ),
            Panel(
                "5xx",
                "Share of the requests that failed.",
                "percentunit",
                {
                    "{{version}}": "sum by (version) (sum by (instance, namespace)"
                    " (rate(scoreboard_requests_failed_total{$ns}[$__rate_interval]))" + _VERSION + ")"
                    " / sum by (version) (sum by (instance, namespace)"
                    " (rate(scoreboard_request_seconds_count{$ns}[$__rate_interval]))" + _VERSION + ")"
                },
            ),
            Panel(
                "Completion, p99",
                "Time to the answer.",
                "s",
                {
                    "{{version}}": "histogram_quantile(0.99, sum by (le, version) (sum by (le, instance, namespace)"
                    ' (rate(scoreboard_request_seconds_bucket{route="/api/v1/actions/{action_id}/complete"'
                    ",$ns}[$__rate_interval]))" + _VERSION + "))"
                },
            ),
            Panel(
                "Memory",
                "By service; a slope is a leak.",
                "bytes",
                {
                    "{{service}} {{instance}}": "process_resident_memory_bytes{$ns}"
                    " * on (instance, namespace) group_left (service)"
                    " scoreboard_build_info{$ns}"
                },
            ),
            Panel(
                "CPU",
                "By service; 1 is a whole core.",
                "percentunit",
                {
                    "{{service}} {{instance}}": "rate(process_cpu_seconds_total{$ns}[$__rate_interval])"
                    " * on (instance, namespace) group_left (service)"
                    " scoreboard_build_info{$ns}"
                },
            ),
            Panel(
                "Internal errors",
                "Faults of our code, by version.",
                "ops",
                {
                    "{{version}}": "sum by (version) (sum by (instance, namespace) (rate(scoreboard_rejections_total"
                    '{code="INTERNAL_ERROR",$ns}[$__rate_interval]))' + _VERSION + ")"
                },
            ),
        ],
        "Cluster": [
            Panel(
                "Restarts",
                "Of containers, in an hour, as kube-state-metrics tells it.",
                "short",
                {
                    "{{container}}": "sum by (container) (increase(kube_pod_container_status_restarts_total"
                    '{pod=~".*scoreboard.*",$ns}[1h]))'
                },
            ),
            Panel(
                "Autoscalers",
                "Pods there are, and at most.",
                "short",
                {
                    "{{horizontalpodautoscaler}}": "max by (horizontalpodautoscaler)"
                    " (kube_horizontalpodautoscaler_status_current_replicas{$ns})",
                    "{{horizontalpodautoscaler}} at most": "max by (horizontalpodautoscaler)"
                    " (kube_horizontalpodautoscaler_spec_max_replicas{$ns})",
                },
            ),
        ],
    },
)
