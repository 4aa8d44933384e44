from tests.conftest import Running
from tests.stage import register


async def test_a_score_travels(running: Running) -> None:
    ada = await register(running.client)
    done = await ada.score("quiz")
    assert done["score"] == {"previous": None, "current": 10}
    assert done["rank"] == {"previous": None, "current": 1}
    top = (await running.client.get("/api/v1/boards/main/top")).json()
    assert top["entries"][0]["username"] == ada.username
    document = (await running.client.get("/openapi.json")).json()
    assert len(document["paths"]) > 20
