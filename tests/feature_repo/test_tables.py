"""The tables: what was known, when, and nothing of what came after."""

import csv
import io
import itertools
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from feature_repo import known
from feature_repo.known import DAY, HOUR, MINUTE
from feature_repo.tables import DATA, REPOSITORY, module, sliced, table, written

make_sources = module("make_sources")
TIMES = ("event_timestamp", "created")
ROLLING = {
    "carrier_at_origin": ("carrier", "origin"),
    "origin": ("origin",),
    "carrier": ("carrier",),
    "destination": ("dest",),
    "route": ("origin", "dest"),
}


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    """Some days of January, with storms and cancelled flights."""
    return sliced(tmp_path_factory.mktemp("flights"), 7000, after=24_000)


@pytest.fixture(scope="module")
def legs(flights):
    return known.legs_of(flights)


@pytest.fixture(scope="module")
def tables(flights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    make_sources.make(flights, folder)
    return folder


def sample(rows, count=60):
    picked = random.Random(7).sample(range(rows.num_rows), min(count, rows.num_rows))
    return rows.take(picked).to_pylist()


def expected(name, legs, row):
    now = row["event_timestamp"]
    mine = [leg for leg in legs if all(getattr(leg, key) == row[key] for key in ROLLING[name])]
    prefix = {"carrier_at_origin": "carrier_origin"}.get(name, name)
    unit, ends = (DAY, (7, 28)) if name == "route" else (HOUR, (1, 3, 6, 24))
    made = dict(known.congestion(mine, now, prefix))
    for kind in ("departure", "arrival"):
        for end in ends:
            label = f"{end}{'d' if unit == DAY else 'h'}"
            made |= dict(known.window(mine, now, end * unit, prefix, kind, label))
    return made


@pytest.mark.parametrize("name", ROLLING)
def test_a_row_holds_what_was_known_by_then_and_no_more(name, tables, legs):
    rows = table(tables, name)
    assert rows.num_rows > 20
    for row in sample(rows):
        wanted = expected(name, legs, row)
        found = {key: value for key, value in row.items() if key not in (*TIMES, *ROLLING[name])}
        assert found == {key: wanted[key] for key in found}


def test_what_is_counted_is_not_all_zero(tables):
    rows = table(tables, "carrier_at_origin")
    for name in rows.column_names:
        assert len(pc.unique(rows[name].drop_null())) > 1, name


@pytest.mark.parametrize("name", ROLLING)
def test_a_key_has_a_row_for_every_step_from_its_first_flight_on(name, tables, legs):
    keys = ROLLING[name]
    found = {}
    for row in table(tables, name).select([*keys, *TIMES]).to_pylist():
        assert row["created"] == row["event_timestamp"]
        found.setdefault(tuple(row[key] for key in keys), []).append(row["event_timestamp"])
    step = DAY if name == "route" else HOUR
    for times in found.values():
        assert {later - one for one, later in itertools.pairwise(times)} <= {step}
    assert {max(times) for times in found.values()} == {max(max(t) for t in found.values())}
    first = {key: min(times) for key, times in found.items()}
    for leg in legs:
        assert first[tuple(getattr(leg, key) for key in keys)] <= leg.hour + step


def test_an_arrival_is_when_its_delay_says(legs, flights):
    zone_of = known.zones(flights)
    rows = known.rows_of(flights / "flights.csv")
    landed = [(leg, row) for leg, row in zip(legs, rows, strict=True) if leg.arrived]
    assert len(landed) > 6000
    for leg, row in landed:
        due = (leg.arrived - leg.arrival_delay * MINUTE).astimezone(zone_of[leg.dest])
        assert due.hour * 100 + due.minute == int(row["sched_arr_time"]) % 2400
        assert leg.arrived - leg.departed >= int(row["air_time"]) * MINUTE


@pytest.mark.parametrize("kind", ["departure", "arrival"])
def test_a_plane_has_a_row_for_every_leg_when_it_was_known(kind, tables, legs):
    wanted = {
        (leg.tailnum, getattr(leg, f"{kind}_known"))
        for leg in legs
        if leg.tailnum and getattr(leg, f"{kind}_known")
    }
    rows = table(tables, f"plane_{kind}s").to_pylist()
    assert {(row["tailnum"], row["event_timestamp"]) for row in rows} == wanted
    assert len(rows) == len(wanted)
    at, delay = (
        f"plane_{'departed' if kind == 'departure' else 'arrived'}_at",
        f"plane_{kind}_delay",
    )
    by_key = {}
    for leg in legs:
        happened = leg.departed if kind == "departure" else leg.arrived
        told = (happened, getattr(leg, f"{kind}_delay"))
        by_key.setdefault((leg.tailnum, getattr(leg, f"{kind}_known")), []).append(told)
    for row in rows:
        assert (row[at], row[delay]) in by_key[row["tailnum"], row["event_timestamp"]]


def test_the_flight_that_is_asked_about_is_never_among_what_is_known(tmp_path):
    header = DATA.joinpath("flights.csv").read_text("utf-8").splitlines()[0]
    # Scheduled at 07:00, it left at 06:43 and landed at 07:30.
    row = "2013,1,5,643,700,-17,730,810,-40,UA,1,N1,EWR,BOS,40,200,7,0,2013-01-05T12:00:00Z"
    flights = written(tmp_path / "in", [f"{header}\n", f"{row}{',' * 10}\n"])
    make_sources.make(flights, tmp_path / "out")
    asked = datetime(2013, 1, 5, 12, tzinfo=UTC)
    [now] = [
        row
        for row in table(tmp_path / "out", "origin").to_pylist()
        if row["event_timestamp"] == asked
    ]
    assert (now["origin_departures_24h"], now["origin_scheduled_1h"]) == (0, 1)
    for name, minute in (("plane_departures", 1), ("plane_arrivals", 31)):
        [leg] = table(tmp_path / "out", name).to_pylist()
        assert leg["event_timestamp"] == asked + minute * MINUTE


def test_weather_is_known_when_its_hour_is_over(tables):
    observed = {
        (row["origin"], known.utc(row["time_hour"][:-1]) + HOUR): row
        for row in known.rows_of(DATA / "weather.csv")
    }
    rows = table(tables, "weather")
    assert rows.num_rows == len(observed)
    for row in sample(rows):
        published = observed[row["origin"], row["event_timestamp"]]
        for name in set(row) - {"origin", *TIMES}:
            told = published[name]
            assert row[name] == (None if told == "NA" else float(np.float32(float(told))))


def test_the_register_is_valid_from_before_the_first_flight(tables):
    facts = {row["tailnum"]: row for row in table(tables, "plane_facts").to_pylist()}
    published = known.rows_of(DATA / "planes.csv")
    assert len(facts) == len(published)
    for row in published:
        fact = facts[row["tailnum"]]
        assert fact["event_timestamp"] < datetime(2013, 1, 1, tzinfo=UTC)
        assert fact["plane_year"] == (None if row["year"] == "NA" else int(row["year"]))
        assert fact["plane_manufacturer"] == row["manufacturer"]


def test_times_are_microseconds_in_utc(tables):
    for path in tables.glob("*.parquet"):
        schema = pq.read_schema(path)
        times = {str(schema.field(name).type) for name in TIMES}
        assert times == {"timestamp[us, tz=UTC]"}, path.name


def with_another_future(folder, now, seed, to):
    """Leaves flights whose outcomes are others wherever they were not known by then."""
    chance = random.Random(seed)
    zone_of = known.zones(folder)
    rows = known.rows_of(folder / "flights.csv")
    for row in rows:
        leg = known.leg(row, zone_of[row["dest"]])
        if leg.departure_known is None or leg.departure_known > now:
            row |= _other_departure(leg, now, chance)
            leg = known.leg(row | {"arr_delay": ""}, zone_of[row["dest"]])
        elif leg.arrival_known is not None and leg.arrival_known <= now:
            continue
        row |= _other_arrival(leg, now, chance, zone_of[row["dest"]])
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written(to, [text.getvalue()])


def _other_departure(leg, now, chance):
    if chance.random() < 0.2:
        return dict.fromkeys(known.OUTCOMES, "")
    # It is known after now: it leaves after now, or is scheduled for then.
    least = -30 if leg.scheduled >= now else max(0, (now - leg.scheduled) // MINUTE)
    return {"dep_delay": str(least + chance.randrange(400))}


def _other_arrival(leg, now, chance, zone):
    if leg.departed is None or chance.random() < 0.1:
        return {"arr_time": "", "arr_delay": ""}
    after = max(leg.departed, now, leg.scheduled)
    arrived = min(after + chance.randrange(1, 300) * MINUTE, leg.departed + timedelta(hours=23))
    if max(arrived, leg.scheduled) + MINUTE <= now:
        return {"arr_time": "", "arr_delay": ""}
    clock = arrived.astimezone(zone)
    return {
        "arr_time": str(clock.hour * 100 + clock.minute),
        "arr_delay": str(chance.randrange(-40, 400)),
    }


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two days of January and their tables."""
    folder = tmp_path_factory.mktemp("few")
    flights = sliced(folder / "in", 1800, after=26_000)
    make_sources.make(flights, folder / "out")
    return flights, folder / "out"


@settings(
    max_examples=6,
    # Each example makes all tables; a failing one says enough as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(share=st.floats(0.1, 0.9), minute=st.integers(0, 59), seed=st.integers(0, 1000))
def test_what_happens_later_changes_nothing_that_was_known(few, tmp_path, share, minute, seed):
    flights, tables = few
    hours = sorted({row["time_hour"] for row in known.rows_of(flights / "flights.csv")})
    now = datetime.fromisoformat(hours[int(share * len(hours))]) + minute * MINUTE
    other = with_another_future(flights, now, seed, tmp_path / "in")
    make_sources.make(other, tmp_path / "out")
    later = 0
    for name in make_sources.TABLES:
        before, after = table(tables, name), table(tmp_path / "out", name)
        past = [rows.filter(pc.field("event_timestamp") <= now) for rows in (before, after)]
        assert past[0].equals(past[1]), name
        later += not before.equals(after)
    assert later >= len(ROLLING)


def test_the_same_data_makes_the_same_files(few, tmp_path):
    flights, tables = few
    make_sources.make(flights, tmp_path)
    for path in tables.glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def run(*arguments):
    command = [sys.executable, str(REPOSITORY / "make_sources.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_each_table_is_told_in_a_line(few, tmp_path):
    flights, _ = few
    ended = run("--data", flights, "--to", tmp_path / "out")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert len(lines) == len(make_sources.TABLES)
    assert all(line.endswith(" MB") and " rows " in line for line in lines)
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == sorted(make_sources.TABLES)


def test_a_file_that_is_missing_is_told_with_what_to_type(tmp_path):
    ended = run("--data", tmp_path / "nowhere", "--to", tmp_path / "out")
    assert ended.returncode == 1
    assert "flights.csv is missing\n  next: python examples/flights/make_data.py" in ended.stderr


@pytest.mark.parametrize(
    "content", ["a,b\n1,2\n", "", "faa,tzone\n\xff\n", "faa,tzone\nJFK\nLGA,1,2,3\n"]
)
def test_a_file_that_is_another_is_told_and_no_table_made(few, tmp_path, content):
    flights, _ = few
    folder = written(tmp_path / "in", (flights / "flights.csv").read_text().splitlines(True))
    (folder / "airports.csv").unlink()
    (folder / "airports.csv").write_bytes(content.encode("latin-1"))
    ended = run("--data", folder, "--to", tmp_path / "out")
    assert ended.returncode == 1
    assert "airports.csv cannot be read as the airports it should hold" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_table_that_cannot_be_written_leaves_the_old_one(few, tmp_path, monkeypatch):
    flights, _ = few
    (tmp_path / "weather.parquet").write_bytes(b"old")
    bad = {"weather": "SELECT temp, error('full') FROM weather"}
    monkeypatch.setattr(make_sources, "TABLES", bad)
    with pytest.raises(Exception, match="full"):
        make_sources.make(flights, tmp_path)
    assert (tmp_path / "weather.parquet").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
