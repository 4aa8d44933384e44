"""``docs/runbooks.md``: a section for each alert, from the same source as the alert itself."""

from dashboards.alerts import Alert
from dashboards.rules import all_alerts

_HEAD = """# Runbooks

What to do when an alert fires. Its `runbook_url` leads to its section here, its `dashboard_url` to the figures.
`make rules` writes this page from `dashboards/alerts/` and `dashboards/slos.yaml`; a test fails when it is stale.

**critical** pages somebody: users feel it now. **warning** is a ticket or a line in the chat: it can wait.
While Postgres, Redis or one of our services is down, its own alert speaks, and those that only follow from it (column
"held back by") are silent. [The drill](drill.md) shows who is told of what, and after how long.
Queries are PromQL; the namespace is `scores` and the release `scoreboard` in all commands.
"""


def as_markdown() -> str:
    """The page."""
    alerts = all_alerts()
    rows = [
        f"| [{each.name}](#{each.name.lower()}) | {each.severity} | {each.component} | {_held(each)} |"
        for each in alerts
    ]
    lines = [_HEAD, "| alert | severity | component | held back by |", "|---|---|---|---|", *rows]
    for each in alerts:
        lines += ["", *_section(each)]
    return "\n".join(lines) + "\n"


def _held(alert: Alert) -> str:
    return ", ".join(alert.needs) or "–"


def _section(alert: Alert) -> list[str]:
    book = alert.runbook
    for_ = f" for {alert.hold}" if alert.hold else ""
    return [
        f"## {alert.name}",
        "",
        f"{alert.summary}. {alert.severity}{for_}, dashboard `scoreboard-{alert.dashboard}`.",
        "",
        f"**Meaning.** {book.meaning}",
        "",
        f"**Impact.** {book.impact}",
        "",
        "**First queries**",
        "",
        "```promql",
        *book.queries,
        "```",
        "",
        "**Causes**",
        "",
        *(f"- {cause}" for cause in book.causes),
        "",
        "**Fix**",
        "",
        *(f"- {step}" for step in book.fix),
        "",
        f"**Silence.** {book.silence}",
    ]
