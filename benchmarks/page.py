"""Writes ``docs/benchmarks.md`` and its pictures from the figures of the last run. ``benchmarks.suite`` calls it."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import plots, report

Figures = Mapping[str, Any]
_GOALS = Path(__file__).with_name("goals.toml")
_ABOUT = {
    "write": (
        "Write path",
        "Ours, the naive baseline (`benchmarks/naive_app.py`: FastAPI and the ORM, with the same checks, durability,"
        " pool and collector tuning) and pgbench, in one run. The server has one core; load, Postgres and Redis share"
        " the others. With two processes everything shares all cores, as pgbench does. After the rounds every ledger is"
        " checked: dense, chained, each answer once, totals add up.",
    ),
    "reads": (
        "Reads, and what growing costs",
        "Two boards, two servers on the same core, rounds in turn. Who asks is spread over the whole board.",
    ),
    "fanout": ("Fan-out", "From one change of a board to every socket that follows it, against other servers."),
    "live": ("From a commit to two browsers", "Two measured sockets among a thousand."),
    "defence": ("The four layers of defence", "Processor time of a signed request in a batch, layer after layer."),
    "anticheat": ("Anti-cheat", "How fast players are judged. How well: [the detection card](detection-card.md)."),
    "telemetry": ("What telling costs", "All metrics, scraped, and 1 % of requests traced, against neither."),
    "start": ("Start and rest", "`make up` on a machine that has everything installed."),
}
_FIRST = """# Benchmarks

`make bench` measures everything below and writes this page; the exit code says whether a floor or a ceiling was missed.
`make bench ARGS=--quick` tries in a few minutes whether all of it runs. Only figures of one run are compared with each
other: machines differ, ratios hardly do. Where rounds were repeated, a figure is the median, with the least and the
greatest in brackets.
"""
_OTHERS = """## Peers that were not run

| peer | its own figure, two shared cores | why not here |
|---|---|---|
| Nakama 3 (Go), leaderboard write, one core and its own Postgres | 4,200–4,600 a second, p99 29–53 ms | measured once \
on another day on a machine of the same size; it is no dependency of this repository, and Debian 12 brings Go 1.19 \
only: a Nakama of that age was not built |
| Nakama 3, read of the first ten | 4,400–4,800 a second | the same |

Nakama's write has no signature, no one-time token, no ledger and no live push; ours has all four. As machines and days
differ, this is no ratio of one run, and nothing is judged by it.
"""


def write(figures: Mapping[str, Figures | None], docs: Path) -> bool:
    """Write the page and its pictures. Returns whether every floor and ceiling was kept.

    Args:
        figures: of each benchmark as it wrote them; None for one that left none.
        docs: the folder of the page.
    """
    known = {name: one for name, one in figures.items() if one is not None}
    judged = {name: _judged(name, one) for name, one in known.items()}
    pictures = {name: list(plots.draw_all(name, one, docs / "benchmarks")) for name, one in known.items()}
    parts = [_FIRST, _machine(known), _goals(judged)]
    if missing := [name for name in figures if name not in known]:
        parts.append(f"Not in this run: {', '.join(missing)}.\n")
    for name, one in known.items():
        parts.append(_section(name, one, pictures[name]))
    parts.append(_OTHERS)
    path = docs / "benchmarks.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    print(f"\nWritten to {path}")
    return all(verdict.passed for found in judged.values() for verdict in found)


def _judged(name: str, one: Figures) -> list[report.Verdict]:
    """The verdicts on a benchmark's figures, whichever sections of the goals they are in."""
    measured, goals = one["measured"], tomllib.loads(_GOALS.read_text(encoding="utf-8"))
    sections = [section for section in goals if section == name or section.startswith(f"{name}_")]
    found = []
    for section in sections:
        own = {figure: value for figure, value in measured.items() if figure in goals[section]}
        found += report.verdicts(section, own)
    return found


def _machine(known: Mapping[str, Figures]) -> str:
    facts = {name: value for one in known.values() for name, value in one.get("machine", {}).items()}
    said = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"Measured on: {said}.\n"


def _goals(judged: Mapping[str, Sequence[report.Verdict]]) -> str:
    rows = []
    for name, verdicts in judged.items():
        for one in verdicts:
            word = one.word if one.reached else f"**{one.word}**" if not one.passed else "goal missed"
            rows.append([name, one.about, plain(one.measured), one.bound or "–", f"{one.goal:g}", word])
    reached = sum(one.reached for verdicts in judged.values() for one in verdicts)
    head = ["benchmark", "figure", "measured", "must be", "goal", "verdict"]
    return f"## Goals: {reached} of {len(rows)} reached\n\n{_markdown(head, rows)}"


def plain(value: float) -> str:
    """A figure with as many digits as it is worth."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _section(name: str, one: Figures, pictures: Sequence[tuple[str, str]]) -> str:
    title, about = _ABOUT.get(name, (name, ""))
    parts = [f"## {title}", about]
    parts += [f"![{words}](benchmarks/{file})" for file, words in pictures]
    parts += [f"{table['title']}:\n\n{_markdown(table['head'], table['rows'])}" for table in one.get("tables", [])]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines: Iterator[Sequence[str]] = iter([head, ["---", *["--:"] * (len(head) - 1)], *rows])
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
