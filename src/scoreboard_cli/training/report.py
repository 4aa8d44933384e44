"""What a training tells whoever started it: one page with pictures, readable without a network."""

import html
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scoreboard_anticheat_ml.artefact import Artefact
from scoreboard_cli.training import plots
from scoreboard_cli.training.trials import Table

_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Model {model}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
td, th {{ padding: .25rem .8rem .25rem 0; text-align: left; border-bottom: 1px solid #e2e4e8; }}
svg {{ max-width: 100%; height: auto; }}
</style></head><body>
<h1>Model {model}</h1>
<p>Trained on {date} with seed {seed}, on {events} events of {players}. The figures are of other simulated players, of
seed {trial}, whom it has not seen.</p>
<h2>Found when one honest window in a thousand would be</h2>
<table><tr><th>events in a window</th><th>found</th><th>95 % interval</th></tr>{lengths}</table>
{families}{curve}
<h2>Honest players</h2>
<p>{flagged} of {people} were ever flagged, {held} ever held. The segment that is watched most is watched {ratio}
times as often as everybody.</p>
<h2>Probabilities</h2>
<p>Off by {error} on average.</p>
{calibration}
<h2>Scores</h2>
{scores}
<p>To use it: <code>scoreboard models add {folder}</code> registers it as a candidate, <code>scoreboard models
promote</code> lets it into shadow. It decides nothing in either.</p>
</body></html>
"""


def write_report(artefact: Artefact, found: Mapping[str, Any], table: Table, folder: Path, now: datetime) -> Path:
    """Write ``report.html`` into the artefact's folder and return its path."""
    trained = artefact.sidecar["trained"]
    people = sum(trained["players"].values())
    pictures = {
        "families": plots.families(found, "0.001"),
        "curve": plots.detection(table),
        "calibration": plots.calibration(found),
        "scores": plots.scores(table, 200),
    }
    rows = [(length, each["rates"]["0.001"]) for length, each in found["lengths"].items()]
    page = _PAGE.format(
        model=html.escape(artefact.model_id),
        date=f"{now:%Y-%m-%d %H:%M} UTC",
        seed=trained["seed"],
        trial=trained["seed"] + 1,
        events=f"{trained['events']:,}",
        players=f"{people:,} players ({len(trained['players']) - 1} families of cheats among them)",
        lengths="".join(
            f"<tr><td>{length}</td><td>{_percent(each['macro'])}</td>"
            f"<td>{_percent(each['low'])} – {_percent(each['high'])}</td></tr>"
            for length, each in rows
        ),
        flagged=found["honest"]["flagged"],
        held=found["honest"]["held"],
        people=f"{found['honest']['people']:,}",
        ratio=f"{found['segment_ratio']:.1f}",
        error=_percent(found["calibration"]["error"]),
        folder=html.escape(str(folder)),
        **_drawn(pictures),
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _drawn(pictures: Mapping[str, Any]) -> dict[str, str]:
    """Each picture as SVG text that can stand in a page."""
    drawn = {}
    with TemporaryDirectory() as folder:
        for name, paint in pictures.items():
            path = Path(folder) / f"{name}.svg"
            plots.draw(path, paint, height=6.0 if name == "families" else 3.4)
            drawn[name] = "<svg" + path.read_text(encoding="utf-8").partition("<svg")[2]
    return drawn
