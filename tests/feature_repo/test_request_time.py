"""What is computed from a request: wherever it runs, without Feast."""

import ast
import importlib.util
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

FILE = Path(__file__).parents[2] / "feature_repo" / "request_time.py"


def _module():
    spec = importlib.util.spec_from_file_location("flights_request_time", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


request_time = _module()

# The days of 2013 as the Office of Personnel Management lists them.
HOLIDAYS_2013 = (
    *((1, 1), (1, 21), (2, 18), (5, 27), (7, 4)),
    *((9, 2), (10, 14), (11, 11), (11, 28), (12, 25)),
)


def asked(*times, clock=1201):
    return request_time.calendar({"time_hour": times, "sched_dep_time": [clock] * len(times)})


def test_it_imports_the_standard_library_alone():
    for node in ast.walk(ast.parse(FILE.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert {name.name.partition(".")[0] for name in node.names} <= sys.stdlib_module_names
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module.partition(".")[0] in sys.stdlib_module_names


def test_the_holidays_of_the_year_are_the_published_ones():
    assert request_time.holidays(2013) == tuple(date(2013, *day) for day in HOLIDAYS_2013)
    assert date(2024, 6, 19) in request_time.holidays(2024)
    assert len(request_time.holidays(2024)) == 11


@pytest.mark.parametrize(
    ("day", "away"),
    [
        (date(2013, 7, 4), 0),
        (date(2013, 7, 3), 1),
        (date(2013, 7, 5), -1),
        (date(2013, 12, 31), 1),
        (date(2013, 12, 28), -3),
        # Ten days after the one, ten before the other: the next counts.
        (date(2013, 1, 11), 10),
    ],
)
def test_the_nearest_holiday_counts_across_years(day, away):
    assert request_time.days_to_holiday(day) == away


@given(
    st.integers(0, 13 * 365 * 24),
    st.integers(0, 59),
    st.sampled_from(["America/New_York", "America/Los_Angeles", "Pacific/Honolulu"]),
)
def test_the_airports_day_is_found_without_its_zone(hours, minute, zone):
    hour = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    local = hour.astimezone(ZoneInfo(zone)).replace(minute=minute)
    found = asked(hour, clock=local.hour * 100 + local.minute)
    assert found["local_day_of_week"] == [local.weekday()]
    assert found["local_hour_of_day"] == [(local.hour * 60 + local.minute) / 60]
    away = found["days_to_holiday"][0]
    assert found["is_holiday"] == [away == 0]
    assert local.date() + timedelta(days=away) in {
        day
        for year in (local.year - 1, local.year, local.year + 1)
        for day in request_time.holidays(year)
    }


def test_a_time_may_come_in_any_form():
    at = datetime(2013, 7, 4, 16, tzinfo=UTC)
    forms = [
        at,
        at.replace(tzinfo=None),
        at.astimezone(timezone(timedelta(hours=-4))),
        at.timestamp(),
        int(at.timestamp()),
        "2013-07-04T16:00:00Z",
        "2013-07-04T16:00:00",
        "2013-07-04T12:00:00-04:00",
    ]
    assert asked(*forms)["is_holiday"] == [True] * len(forms)


@pytest.mark.parametrize("nothing", [None, float("nan"), ""])
def test_what_is_missing_makes_nothing(nothing):
    at = datetime(2013, 7, 4, 16, tzinfo=UTC)
    found = request_time.calendar({"time_hour": [at, nothing], "sched_dep_time": [nothing, 1200]})
    assert set(map(tuple, found.values())) == {(None, None)}
    ages = request_time.plane_ages(
        {
            "time_hour": [at, nothing],
            "plane_departed_at": [nothing, at],
            "plane_arrived_at": [at, at],
        }
    )
    assert ages["plane_minutes_since_departure"] == [None, None]
    assert ages["plane_minutes_since_arrival"] == [0, None]


def test_ages_are_whole_minutes():
    at = datetime(2013, 7, 4, 16, tzinfo=UTC)
    ages = request_time.plane_ages(
        {
            "time_hour": [at, at],
            "plane_departed_at": [at - timedelta(minutes=95, seconds=30), at + timedelta(hours=1)],
            "plane_arrived_at": [at - timedelta(days=6), None],
        }
    )
    assert ages["plane_minutes_since_departure"] == [95, -60]
    assert ages["plane_minutes_since_arrival"] == [6 * 1440, None]


def test_no_rows_make_empty_columns():
    assert request_time.calendar({"time_hour": [], "sched_dep_time": []}) == {
        name: []
        for name in ("local_hour_of_day", "local_day_of_week", "is_holiday", "days_to_holiday")
    }


def test_midnight_may_be_2400():
    night = datetime(2013, 7, 5, 4, tzinfo=UTC)
    assert asked(night, clock=2400) == asked(night, clock=0)
    assert asked(night, clock=0)["local_day_of_week"] == [4]


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        request_time.calendar({"time_hour": [None], "sched_dep_time": []})
