"""Cron seasons in time zones whose clocks jump: every moment lies in exactly one season."""

from datetime import UTC, datetime, timedelta

import pytest

from scoreboard.domain.board import Board, Schedule
from scoreboard.usecases.season_boundaries import last_boundary, next_boundary, season_name


def board(cron: str, zone: str) -> Board:
    return Board("b", "B", schedule=Schedule(cron=cron, time_zone=zone))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def boundaries(cron: str, zone: str, start: str, count: int) -> list[datetime]:
    moments, moment = [], at(start)
    for _ in range(count):
        moment = next_boundary(board(cron, zone), moment)
        moments.append(moment)
    return moments


def test_an_hour_that_comes_twice_fires_once() -> None:
    assert boundaries("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 3) == [
        at("2026-10-25T00:30"),
        at("2026-10-26T01:30"),
        at("2026-10-27T01:30"),
    ]


def test_an_hour_that_is_left_out_still_fires_once() -> None:
    assert boundaries("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == [
        at("2026-03-29T01:00"),
        at("2026-03-30T00:30"),
    ]


def test_midnight_in_berlin_moves_against_utc() -> None:
    assert boundaries("0 0 * * 1", "Europe/Berlin", "2026-10-18T12:00", 2) == [
        at("2026-10-18T22:00"),
        at("2026-10-25T23:00"),
    ]


def test_the_second_before_a_boundary_belongs_to_the_season_before() -> None:
    midnight, day = board("0 0 * * *", "UTC"), timedelta(days=1)
    for before in (timedelta(microseconds=1), timedelta(seconds=0.5), timedelta(seconds=1), timedelta(minutes=1)):
        moment = at("2026-03-02T00:00") - before
        assert (last_boundary(midnight, moment), next_boundary(midnight, moment)) == (
            at("2026-03-02T00:00") - day,
            at("2026-03-02T00:00"),
        )
    assert last_boundary(midnight, at("2026-03-02T00:00")) == at("2026-03-02T00:00")


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"]
)
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 0 * * *", "0 * * * *", "*/20 * * * *", "0 0 * * 1", "0 3 1 * *"])
@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24", "2026-10-31", "2026-03-07", "2026-04-04"])
def test_every_moment_lies_in_one_season(zone: str, cron: str, day: str) -> None:
    schedule, moment = board(cron, zone), at(f"{day}T20:00") + timedelta(seconds=0.5)
    for _ in range(12):
        began, ends = last_boundary(schedule, moment), next_boundary(schedule, moment)
        assert began <= moment < ends
        assert next_boundary(schedule, began) == ends
        assert last_boundary(schedule, ends) == ends
        moment += timedelta(minutes=59, seconds=31)


def test_names() -> None:
    assert season_name(Board("b", "B"), at("1970-01-01T00:00")) == "All time"
    fixed = Board("b", "Cup", schedule=Schedule(starts_at=at("2026-01-01T00:00")))
    assert season_name(fixed, at("2026-01-01T00:00")) == "Cup"
    assert season_name(board("0 0 * * 1", "Europe/Berlin"), at("2026-10-18T22:00")) == "2026-10-19 00:00"
