"""Hold what was published against the ledger: numbers without a gap, sequences that never go back, nothing made up."""

from collections.abc import Sequence

from scoreboard.live import bus
from scoreboard.live.bus import Published, ScoreItem
from scoreboard.storage import ledger
from scoreboard.usecases.check_findings import Check, Findings
from scoreboard.usecases.platform import Platform

_EVENTS = 1000
"""The newest: what a browser that was away may still ask for."""


async def check_stream(platform: Platform, findings: Findings) -> None:
    """Check the newest events of the stream.

    Raises:
        LiveUnavailable, StoreUnavailable: nothing can be said.
    """
    events = await bus.recent_events(platform.live, count=_EVENTS)
    epoch, newest = await bus.stream_state(platform.live)
    findings.looked(Check.STREAM, len(events))
    if not events:
        return
    for words in out_of_sequence(events):
        findings.add(Check.STREAM, "the stream", words)
    last = events[-1]
    if last.epoch == epoch and newest < last.first + len(last.event.items) - 1:
        words = f"The stream's counter is at {newest}, below its newest event {last.first}: numbers would come again."
        findings.add(Check.STREAM, "the stream", words)
    await _compare_with_ledger(platform, [item for event in events for item in event.event.items], findings)


def out_of_sequence(events: Sequence[Published]) -> list[str]:
    """Where a gap is in the numbers of neighbouring events, or the sequence of a board season goes back."""
    words, expected, seqs = list[str](), dict[str, int](), dict[tuple[int, str], int]()
    for published in events:
        due = expected.get(published.epoch, published.first)
        if published.first != due:
            words.append(f"Event {published.id} begins with number {published.first}; {due} was to come.")
        expected[published.epoch] = published.first + len(published.event.items)
        for (_, season), projection in zip(published.event.seasons, published.projections, strict=True):
            if projection.seq < seqs.get((season, projection.epoch), 0):
                words.append(f"In event {published.id} the sequence of season {season} goes back to {projection.seq}.")
            seqs[season, projection.epoch] = projection.seq
    return words


async def _compare_with_ledger(platform: Platform, items: Sequence[ScoreItem], findings: Findings) -> None:
    wanted = sorted({item.seq for item in items})

    entries = dict(await platform.database.transact(lambda tx: ledger.among(tx, wanted)))
    for item in items:
        entry = entries.get(item.seq)
        told = entry and (entry.action_id, entry.player_id, str(entry.entry_type), entry.points, entry.at)
        if told != (item.action_id, item.player_id, item.entry_type, item.points, item.at):
            words = f"An event tells something else of entry {item.seq} than the ledger."
            findings.add(Check.STREAM, f"entry {item.seq}", words)
