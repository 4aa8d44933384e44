"""One fault of the drill, from the dead process to the pager and back."""

import pytest

from dashboards.drill.faults import FAULTS
from dashboards.drill.run import QUICK, open_drill
from tests.observability.promtool import needs_prometheus

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]  # 50 s; the machine may be busy with the other tests


@needs_prometheus
async def test_a_dead_worker_reaches_the_pager_and_so_does_its_return() -> None:
    [fault] = [each for each in FAULTS if each.name == "worker"]
    steps: list[str] = []
    async with open_drill(steps.append, QUICK) as drill:
        outcome = await drill.go_through(fault, steps.append)
        [up] = await drill.ask('count(scoreboard_build_info{service="worker"})')
    assert not outcome.judgement.problems, "\n".join(outcome.judgement.problems)
    assert not outcome.judgement.others
    assert outcome.judgement.told_after is not None
    assert outcome.judgement.over_after is not None
    assert up["value"][1] == "1"
    assert steps[-1] == "stops"
