"""What cannot be declared: every no names the field."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.declaring import THRESHOLDS, declares, problem


@pytest.mark.parametrize(
    ("what", "body", "pointers"),
    [
        ("boards/b", {"title": ""}, ["/title"]),
        ("boards/b", {"title": "B", "sizes": 3}, ["/sizes"]),
        ("boards/B!", {"title": "B"}, ["#/path/key"]),
        ("boards/b", {"title": "B", "schedule": {"cron": "0 0 31 2 *"}}, ["/schedule/cron"]),
        ("boards/b", {"title": "B", "schedule": {"cron": "* * * * * *"}}, ["/schedule/cron"]),
        ("boards/b", {"title": "B", "schedule": {"cron": "every day"}}, ["/schedule/cron"]),
        (
            "boards/b",
            {"title": "B", "schedule": {"cron": "0 0 * * 1", "time_zone": "Mars/Phobos"}},
            ["/schedule/time_zone"],
        ),
        ("boards/b", {"title": "B", "schedule": {"cron": "0 0 * * 1", "time_zone": "../etc"}}, ["/schedule/time_zone"]),
        (
            "boards/b",
            {"title": "B", "schedule": {"starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-02T00:00:00Z"}},
            ["/schedule/ends_at"],
        ),
        (
            "boards/b",
            {"title": "B", "schedule": {"cron": "0 0 * * 1", "starts_at": "2030-01-02T00:00:00Z"}},
            ["/schedule/cron"],
        ),
        ("boards/b", {"title": "B", "schedule": {"starts_at": "2030-01-02T00:00:00"}}, ["/schedule/starts_at"]),
        ("boards/b", {"title": "B", "schedule": {"starts_at": 5}}, ["/schedule/starts_at"]),
        ("kinds/k", {"title": "K", "boards": []}, ["/points"]),
        ("kinds/k", {"title": "K", "boards": [], "points": 1, "bounds": {"min": 0, "max": 1}}, ["/points"]),
        ("kinds/k", {"title": "K", "boards": [], "bounds": {"min": 2, "max": 1}}, ["/bounds/min"]),
        ("kinds/k", {"title": "K", "boards": ["main", "nowhere"], "points": 1}, ["/boards/1"]),
        ("kinds/k", {"title": "K", "boards": ["main", "main"], "points": 1}, ["/boards/1"]),
        (
            "kinds/k",
            {"title": "K", "boards": [], "points": 1, "direct": True, "min_duration_s": 1},
            ["/min_duration_s"],
        ),
        (
            "kinds/k",
            {"title": "K", "boards": [], "points": 1, "min_duration_s": 9, "max_duration_s": 9},
            ["/min_duration_s"],
        ),
        ("policies/p", {"flag": 0.7, "hold": 0.7, "suspend": 0.9}, ["/flag"]),
        ("policies/p", {"flag": 0.5, "hold": 0.9, "suspend": 0.8}, ["/hold"]),
        ("policies/p", {**THRESHOLDS, "kinds": ["quiz", "nothing"]}, ["/kinds/1"]),
        (
            "seasons/s",
            {"starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z", "boards": ["main"]},
            ["/ends_at"],
        ),
        (
            "seasons/s",
            {"starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-02-01T00:00:00Z", "boards": ["main"]},
            ["/ends_at"],
        ),
        ("seasons/s", {"starts_at": "2030-01-02T00:00:00Z", "boards": ["nowhere"]}, ["/boards/0"]),
        ("seasons/s", {"starts_at": "2030-01-02T00:00:00Z", "boards": []}, ["/boards"]),
    ],
)
async def test_what_cannot_be_declared_is_refused_with_a_pointer(
    api: Api, what: str, body: dict[str, Any], pointers: list[str]
) -> None:
    reply = await (await declares(api)).put(what, body)
    assert problem(reply) == (400, "VALIDATION_ERROR", None, pointers), reply.text
    assert all(len(fault["detail"]) > 10 for fault in reply.json()["errors"])
    assert not await api.sql("SELECT 1 FROM audit_log WHERE event LIKE '%.declared' AND actor_id IS NOT NULL")
