"""What rules and dashboards ask of the operator is what its process tells."""

import httpx2 as httpx
import pytest

from tests.observability.contract import ADDED_BY_SCRAPES, ASKED, Scrape, never_told
from tests.operator.conftest import Operator

pytestmark = pytest.mark.timeout(120)


async def test_the_operator_tells_what_is_asked_of_it(operator: Operator) -> None:
    scrape = Scrape()
    async with httpx.AsyncClient() as client:
        scrape.read((await client.get(f"{operator.service.url}/metrics")).text)
    asked = {
        (name, label)
        for _, each in ASKED
        for name, labels in each.labels.items()
        for label in labels - ADDED_BY_SCRAPES
        if name.startswith("scoreboard_operator_")
    }
    assert len({name for name, _ in asked}) >= 2
    assert not {(name, label) for name, label in asked if label not in scrape.series.get(name, {})}
    assert "operator" in scrape.series["scoreboard_build_info"]["service"]
    assert scrape.series["scoreboard_loop_lag_seconds_count"] == {}
    wrong = [each for each in never_told(scrape, set()) if "scoreboard_operator_" in each]
    assert not wrong, wrong
