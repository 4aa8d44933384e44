"""The detection card as a page: what each figure says, for somebody who has to decide whether to trust the model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scoreboard_cli.training.cells import honest, macro, of, rate, share, table
from scoreboard_cli.training.family_words import FAMILY_WORDS

_LENGTHS = ("20", "50", "100", "200")
_STRICT, _MILD = "0.001", "0.01"
_WEAK = 0.5

_HEAD = """\
# Detection card

What the shipped anti-cheat model finds, what it misses, and how often it wrongs somebody who plays honestly. `make
detection-card` measures everything here again and writes this page; it fails when a figure falls below its floor in
`benchmarks/goals.toml`.

How to read it:

- The model looks at **windows**: the last 20, 50, … 200 completed actions of one player. It sees timing, kinds, points
  and cooldowns; it does not see who somebody is.
- A **family** is one way to cheat, such as a fixed interval or a replayed recording. Families count the same in every
  mean, however many players they have.
- "**Found at 0.1 %**" is the share of cheating windows that score higher than 99.9 % of honest windows. The limit is
  taken from the honest windows of the same section, so no threshold can flatter it. It is not what is deployed.
- "**Flagged as shipped**" is the share that is flagged or worse with the thresholds in the model: over the flag
  threshold (the 0.1 % of simulated people and 1.5 log odds more, because real ones are more varied), after two such
  windows of the last three, or proven by a hard rule or by accounts that act together.
- No one is banned by a score. A flag asks a person to look; a hold keeps points back until a person has looked. Held
  points that are released keep their original time.
"""


def page(card: Mapping[str, Any]) -> str:
    """The whole page from the card's JSON: its ``simulated`` section, and ``real`` where there is one."""
    parts = [_HEAD, *_at_a_glance(card), *_simulated(card["simulated"]), *_real(card.get("real")), *_limits(card)]
    return "\n".join(parts).rstrip() + "\n"


_GLANCE: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "found at 0.1 %, windows of 200": ("≥ 90 %", lambda section: macro(section, "200", _STRICT)),
    "found at 0.1 %, windows of 50": ("≥ 82 %", lambda section: macro(section, "50", _STRICT)),
    "found at 0.1 %, windows of 20": ("≥ 65 %", lambda section: macro(section, "20", _STRICT)),
    "flagged as shipped, windows of 200": ("–", lambda section: share(section["lengths"]["200"]["shipped"]["macro"])),
    "a family never shown in training, at 1 %: mean": ("≥ 85 %", lambda section: _unseen_share(section, "mean")),
    "the same, the worst family": ("≥ 50 %", lambda section: _unseen_share(section, "worst")),
    "honest players ever held": ("≤ 0.05 %", lambda section: honest(section["honest"], "held")),
    "honest players ever flagged": ("≤ 0.4 %", lambda section: honest(section["honest"], "flagged")),
    "watched most, against everybody": ("≤ 2 ×", lambda section: f"{section['segment_ratio']:.1f} ×"),
    "calibration error": ("≤ 1.5 %", lambda section: share(section["calibration"]["error"])),
}


def _unseen_share(section: Mapping[str, Any], what: str) -> str:
    return share(section["unseen"]["200"][what])


def _at_a_glance(card: Mapping[str, Any]) -> list[str]:
    sections = [("simulated players", card["simulated"])]
    if card.get("real"):
        sections.append(("real people, imitated", card["real"]))
    rows = [[name, goal, *(say(section) for _, section in sections)] for name, (goal, say) in _GLANCE.items()]
    return [
        "## At a glance",
        "",
        *table(["figure", "goal", *(name for name, _ in sections)], rows),
        "In brackets: what the figure lies between with 95 % certainty, by drawing people anew 300 times.",
        "",
    ]


def _simulated(section: Mapping[str, Any]) -> list[str]:
    versions = section["versions"]
    honest = section["honest"]["people"]
    return [
        "## Simulated players",
        "",
        f"Seed {section['seed']}; model `{versions['model']}`, features `{versions['features']}`, simulator "
        f"`{versions['simulator']}`. {len(section['platforms'])} platforms with {honest:,} honest players in all; none "
        "of them was seen in training. The figures are exact: the same seed gives the same counts "
        "(`docs/detection-card.json`). Who trained on a simulator is good at it: real people say more.",
        "",
        *_common(section, "simulated"),
        *_unseen(section),
        *_segments(section),
    ]


def _real(section: Mapping[str, Any] | None) -> list[str]:
    if not section:
        return [
            "## Real people",
            "",
            "Not measured: no recordings were at hand. `SCOREBOARD_HUMAN_TIMING=FILE make detection-card` adds this.",
            "",
        ]
    people = ", ".join(f"{count} of {source}" for source, count in section["people"].items())
    rows = [[source, honest(own, "held"), honest(own, "flagged")] for source, own in section["sources"].items()]
    return [
        "## Real people",
        "",
        f"Measured on {section['date']} with model `{section['versions']['model']}` on recordings of "
        f"{sum(section['people'].values())} people ({people}). The model was not trained on any of them. The cheats "
        "imitate these very people: each has the tempo of one of them, and the borrowed families replay, shuffle or "
        "cut their intervals. The recordings hold times and kinds only, so that ages are unknown and points are made "
        "up alike for everybody. So no honest person here has a cooldown, an age or points above the most: three of "
        "the five hard rules (sniper, instant, overreach) cannot fire on them, and this section does not show that "
        "they spare people. They are not part of this repository (digest "
        f"`{section['file']}`); `make detection-card` without them leaves this section as it is.",
        "",
        "**Expect worse on other people.** These were looked at while the model was built: the simulator's ranges were "
        "set beside theirs, and thresholds and detectors were changed after seeing which of them were flagged. So they "
        f"are no fresh sample; and {sum(section['people'].values())} people without a single flag would show only that "
        f"fewer than {100 * _nobody(section):.2f} % are flagged.",
        "",
        *table(["source", "people ever held", "people ever flagged"], rows),
        *_common(section, "real"),
        *_unseen(section),
        *_segments(section),
    ]


def _nobody(section: Mapping[str, Any]) -> float:
    """The rate that no case at all among these people rules out with 95 % certainty."""
    return float(1 - 0.05 ** (1 / sum(section["people"].values())))


def _common(section: Mapping[str, Any], name: str) -> list[str]:
    return [*_by_length(section), *_families(section, name), *_players(section), *_calibration(section, name)]


def _by_length(section: Mapping[str, Any]) -> list[str]:
    rows = [[length, *_at_length(section, length)] for length in _LENGTHS]
    head = ["events", "honest windows", "PR-AUC", "found at 1 %", "found at 0.1 %", "the model without detectors"]
    head.append("flagged as shipped")
    return [
        "### By length of the window",
        "",
        *table(head, rows),
        "PR-AUC is the area under precision and recall, were half of all windows cheating: 1 is perfect, 0.5 is "
        "chance. *The model without detectors* leaves out the hard rules and the detector of accounts that act "
        "together, at 0.1 %.",
        "",
    ]


def _at_length(section: Mapping[str, Any], length: str) -> list[str]:
    found = section["lengths"][length]
    known = [f"{found['honest_windows']:,}", f"{found['pr_auc']:.3f}"]
    rates = [macro(section, length, _MILD), macro(section, length, _STRICT)]
    return [*known, *rates, share(found["rates"][_STRICT]["model_alone"]), share(found["shipped"]["macro"])]


def _families(section: Mapping[str, Any], name: str) -> list[str]:
    strict = {length: section["lengths"][length]["rates"][_STRICT]["families"] for length in _LENGTHS}
    mild = section["lengths"]["200"]["rates"][_MILD]["families"]
    shipped = section["lengths"]["200"]["shipped"]["families"]
    first = section["until_flag"]
    rows = []
    for family in sorted(mild, key=lambda each: (-rate(strict["200"], each), each)):
        cells = [of(strict[length][family]) if family in strict[length] else "–" for length in _LENGTHS]
        flag = first[family]
        never = flag["players"] - flag["flagged"]
        half = str(flag["half"]) if flag["flagged"] else "–"
        words = f"{family.replace('_', ' ')}: {FAMILY_WORDS.get(family, '')}".rstrip(": ")
        rows.append([words, *cells, of(mild[family]), of(shipped[family]), half, f"{never} of {flag['players']}"])
    head = [
        "family",
        *(f"{length} events" for length in _LENGTHS),
        "200, at 1 %",
        "200, flagged as shipped",
        "first flag, events",
        "never flagged",
    ]
    return [
        "### By family, found at 0.1 %",
        "",
        *table(head, rows),
        "*First flag*: after so many events half of those that were ever flagged were, counted from where the cheating "
        "begins. *Never flagged*: in 400 events. Where a person begins and a script goes on, a window counts while it "
        "holds something of both.",
        "",
        f"![Windows found by family and length](images/detection-{name}-families.svg)",
        "",
        f"![Windows found against honest windows found](images/detection-{name}-curve.svg)",
        "",
    ]


def _players(section: Mapping[str, Any]) -> list[str]:
    honest, cheats = section["outcomes"]["honest"], section["outcomes"]["cheats"]

    def cell(counts: Mapping[str, int], what: str) -> str:
        return f"{counts[what]:,} ({100 * counts[what] / sum(counts.values()):.2f} %)"

    words = {"mark": "marked: points held, or suspended", "review": "review: a person is asked to look", "none": "none"}
    rows = [[said, cell(honest, what), cell(cheats, what)] for what, said in words.items()]
    return [
        "### What becomes of players",
        "",
        *table(["severest verdict in 400 events", "honest", "cheating"], rows),
        "With the standing policy in enforcing mode and the shipped thresholds: flag over the flag threshold, hold "
        "after two such windows of three or on a broken hard rule. One honest player may stand here for several "
        "stretches of play.",
        "",
    ]


def _calibration(section: Mapping[str, Any], name: str) -> list[str]:
    return [
        "### Can its probabilities be believed?",
        "",
        f"On average a probability is off by {share(section['calibration']['error'])}, were half of all windows "
        f"cheating (without {_listed(_apart(section))}). In real life far fewer are: read a probability as a way to "
        "order cases, not as the odds of guilt.",
        "",
        f"![Calibration](images/detection-{name}-calibration.svg)",
        "",
    ]


def _unseen(section: Mapping[str, Any]) -> list[str]:
    at = section["unseen"]
    families = sorted(at["200"]["families"], key=lambda each: (-rate(at["200"]["families"], each), each))
    rows = [[f.replace("_", " "), *(of(at[n]["families"][f]) for n in ("50", "200"))] for f in families]
    rows.append(["**mean**", *(f"**{share(at[n]['mean'])}**" for n in ("50", "200"))])
    return [
        "### Cheats that nobody thought of",
        "",
        "For each family the model is trained again without it, and then meets it, at a false positive rate of 1 %. "
        "This is the best guess at a new way to cheat. (One booster on fewer players, where the shipped model is the "
        "mean of several; hard rules stay, they need no training.) "
        f"Not in the table: {_listed(_apart(section))}, on which the model is not trained at all, since alone and for "
        "a few hundred actions they look like people; other detectors look for them.",
        "",
        *table(["family left out of training", "found in 50 events", "in 200 events"], rows),
    ]


def _apart(section: Mapping[str, Any]) -> list[str]:
    """Families that training leaves out."""
    at_200 = section["lengths"]["200"]["rates"][_MILD]["families"]
    return [name.replace("_", " ") for name in sorted(at_200.keys() - section["unseen"]["200"]["families"].keys())]


def _segments(section: Mapping[str, Any]) -> list[str]:
    rows = [
        [row[0], f"{row[1]:,}", share(row[2] / row[1]), f"{100 * row[3] / row[1]:.2f} %"] for row in section["segments"]
    ]
    return [
        "### Is anybody's way to play held against them?",
        "",
        "Thresholds are set for each segment of tempo and kinds, so that slow and regular people are not flagged more "
        f"than others. The segment that is watched most is watched {section['segment_ratio']:.1f} times as often as "
        "everybody (segments with at least 1,000 windows).",
        "",
        *table(["segment", "honest windows", "over the 1 % threshold", "over the flag threshold"], rows),
    ]


def _limits(card: Mapping[str, Any]) -> list[str]:
    weak = _weak(card["simulated"])
    real = _weak(card["real"]) if card.get("real") else []
    lines = [
        "## Where it is weak",
        "",
        f"- Simulated: fewer than half of the windows of 200 events are found at 0.1 % for {_listed(weak)}.",
    ]
    if card.get("real"):
        lines.append(f"- Against real people: the same for {_listed(real)}.")
    return [
        *lines,
        "- In 20 events little can be seen. Who plays less than 20 actions is left to the inline rules.",
        "- A script that draws from a person's own distribution and keeps its memory cannot be told from that person "
        "by timing. What finds it is what it does for hours: no break, always the same kinds, points at the cap.",
        "- The simulator's people are drawn by hand. Before a platform enforces anything, the model runs in shadow for "
        "seven days, and reviewers' verdicts train its successor.",
        "- Accounts that act together are only found when they act at the same moments.",
    ]


def _weak(section: Mapping[str, Any]) -> list[str]:
    found = section["lengths"]["200"]["rates"][_STRICT]["families"]
    return [name.replace("_", " ") for name in sorted(found) if rate(found, name) < _WEAK]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "no family"
