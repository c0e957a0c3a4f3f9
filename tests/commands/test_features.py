"""What a feature repository defines and gives to a row, and what is wrong with one."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest

from commands.made_repository import made_repository, materialised, moment
from plimsoll.commands.__main__ import ANSWER, REQUEST, main
from plimsoll.errors import ConfigError, DataError, UsageError
from plimsoll.feature_commands.check import check
from plimsoll.feature_commands.listing import list_repository
from plimsoll.feature_commands.online import call_with_timeout, error_text
from plimsoll.feature_commands.rows import time_of
from plimsoll.feature_commands.show import show
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.storage.files import write_json

ROW = {"station": "park", "bicycle": 7, "kilometres": 12.5, "hired": "2025-07-01T10:30:00Z"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Materialised up to 11 o'clock."""
    return materialised(made_repository(tmp_path_factory.mktemp("bicycles") / "repo"))


@pytest.fixture
def fresh(tmp_path):
    """Neither applied nor materialised."""
    return made_repository(tmp_path / "repo")


def shown(repo, tmp_path, row=ROW, **more):
    return show(str(repo), str(tmp_path / "scratch"), "late_v1", row, **more)


def features(found):
    return {item["name"]: item for item in found["features"]}


def failing(repo, tmp_path):
    error_text = check(str(repo), str(tmp_path / "scratch"))["checks"]
    return {item["name"]: item["said"] for item in error_text if item["level"] == "error"}


def test_services_and_views_are_listed(repository, tmp_path):
    found = list_repository(str(repository), str(tmp_path))

    assert found["project"] == "bicycles"
    assert [item["name"] for item in found["services"]] == ["late_v1"]
    views = {item["name"]: item for item in found["views"]}
    assert list(views) == ["facts", "weather", "ride"]
    assert views["weather"]["keys"] == ["station"]
    assert views["weather"]["ttl_seconds"] == 7200
    assert views["weather"]["features"] == [
        {"name": "temperature", "type": "FLOAT"},
        {"name": "sky", "type": "STRING"},
    ]
    assert views["facts"]["ttl_seconds"] is None
    assert list_repository(str(repository), str(tmp_path), "facts")["views"] == [views["facts"]]
    with pytest.raises(ConfigError, match="no feature view 'fact'"):
        list_repository(str(repository), str(tmp_path), "fact")
    assert (views["ride"]["kind"], views["ride"]["keys"]) == ("on demand", ["kilometres"])


def test_then_and_now_differ_when_something_happened_between(repository, tmp_path):
    row = {**ROW, "hired": "2025-07-01T09:00:00Z"}

    found = features(shown(repository, tmp_path, row, now="2025-07-01T11:00:00Z"))

    then, now = found["temperature"]["then"], found["temperature"]["now"]
    assert (then["value"], then["event_time"]) == (18.5, moment(8).isoformat())
    assert then["age_seconds"] == 3600
    assert (now["value"], now["event_time"]) == (21.0, moment(10).isoformat())
    assert (now["age_seconds"], now["status"]) == (3600, "fresh")
    assert found["is_cold"]["then"]["value"] is True
    assert found["is_cold"]["now"]["value"] is False
    assert found["is_long"]["then"]["value"] == found["is_long"]["now"]["value"] == 1


@pytest.mark.parametrize(
    ("now", "status"),
    [
        ("2025-07-01T12:00:00Z", "fresh"),
        ("2025-07-01T12:00:00.000001Z", "stale"),
        ("2025-07-01T09:59:59Z", "ahead"),
    ],
)
def test_the_ttl_counts_to_the_microsecond(repository, tmp_path, now, status):
    found = features(shown(repository, tmp_path, now=now))

    assert found["temperature"]["now"]["status"] == status
    assert found["gears"]["now"]["status"] == "fresh"
    # What is stale is no value for what is computed of it.
    assert found["is_cold"]["now"]["value"] is (None if status == "stale" else False)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("2025-07-01T09:59:59.999999Z", 18.5),
        ("2025-07-01T10:00:00Z", 21.0),
        ("2025-07-01T12:00:00+02:00", 21.0),
        ("2025-07-01T12:00:00", 25.0),
        ("2025-07-01T14:00:00Z", 25.0),
        ("2025-07-01T07:59:59Z", None),
        ("2025-07-01T14:00:01Z", None),
    ],
)
def test_then_is_the_newest_of_what_had_happened_and_still_counted(repository, tmp_path, at, value):
    then = features(shown(repository, tmp_path, at=at))["temperature"]["then"]

    assert then["value"] == value
    assert then["status"] == ("missing" if value is None else "present")


def test_keys_that_nothing_is_known_of_are_missing_on_both_sides(repository, tmp_path):
    for station in ("nowhere", None):
        found = features(shown(repository, tmp_path, {**ROW, "station": station}))
        for side in ("then", "now"):
            assert found["temperature"][side]["status"] == "missing"
            assert found["temperature"][side]["event_time"] is None


def test_before_anything_was_materialised_then_is_shown_and_now_is_not(fresh, tmp_path):
    found = shown(fresh, tmp_path)

    assert features(found)["temperature"]["then"]["value"] == 21.0
    assert features(found)["temperature"]["now"]["status"] == "unavailable"
    assert "nothing was materialised" in found["trouble"]
    assert not (fresh / "data" / "online.db").exists()


@pytest.mark.parametrize(
    ("row", "more", "said"),
    [
        ({"statoin": "park"}, {}, r"no 'station', which.*did you mean 'statoin'\?"),
        ({"bicycle": "7"}, {}, "'bicycle' is '7'"),
        ({"bicycle": True}, {}, "'bicycle' is True"),
        ({"kilometres": "far"}, {}, "'kilometres' is 'far'"),
        ({"hired": "soon"}, {}, "as of when"),
        ({"returned": "2025-07-01T11:30"}, {}, "hired, returned are moments"),
        ({}, {"at": "hierd"}, "no column 'hierd'"),
        ({}, {"at": "2025-99-01"}, "no moment"),
        ({}, {"now": "later"}, "--now is 'later'"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_asked_about_is_refused(repository, tmp_path, row, more, said):
    row = {**ROW, **row}
    if "statoin" in row:
        del row["station"]

    with pytest.raises(UsageError) as caught:
        shown(repository, tmp_path, row, **more)
    assert re.search(f"(?s){said}", str(caught.value))


def test_the_rows_time_is_its_only_moment_or_the_one_that_is_named():
    row = {"year": 2013, "day": "2013-07-01", "hired": "2013-07-01 10:00", "at": "2013-07-02T00:00"}

    assert time_of(row, "hired") == ("hired", datetime(2013, 7, 1, 10, tzinfo=UTC))
    assert time_of({**row, "at": 5}, "") == ("hired", datetime(2013, 7, 1, 10, tzinfo=UTC))
    assert time_of(row, "2013-07-03T01:00-05:00")[1] == datetime(2013, 7, 3, 6, tzinfo=UTC)


def test_a_service_that_is_not_there_names_the_nearest(repository, tmp_path):
    with pytest.raises(ConfigError) as caught:
        show(str(repository), str(tmp_path), "late_v2", ROW)

    assert caught.value.choices == ("late_v1",)
    assert "did you mean 'late_v1'?" in caught.value.cause


def test_a_whole_repository_passes_every_check(repository, tmp_path):
    found = check(str(repository), str(tmp_path))

    levels = {item["name"]: item["level"] for item in found["checks"]}
    assert set(levels.values()) == {"ok"}
    assert {"definitions", "source of weather", "registry", "online store"} < set(levels)
    (error_text,) = [item["said"] for item in found["checks"] if item["name"] == "materialised"]
    assert error_text == "up to 2025-07-01 11:00:00 UTC: facts, weather"


def test_what_was_never_applied_fails_and_says_what_to_type(fresh, tmp_path):
    found = check(str(fresh), str(tmp_path / "scratch"))["checks"]

    failed = {item["name"]: item for item in found if item["level"] == "error"}
    assert set(failed) == {"registry", "online store"}
    assert "plimsoll run features" in failed["registry"]["hint"]
    (warned,) = [item["said"] for item in found if item["level"] == "warning"]
    assert warned == "never: facts, weather"
    assert not (fresh / "data" / "registry.db").exists()


def test_a_definition_that_was_changed_is_told(repository, tmp_path):
    changed = shutil.copytree(repository, tmp_path / "changed")
    path = changed / "bicycles.py"
    path.write_text(path.read_text().replace("hours=2", "hours=3"))

    assert "'weather' is not as it is defined" in failing(changed, tmp_path)["registry"]
    assert "stale" in shown(changed, tmp_path)["notes"][0]


def test_sources_are_held_to_what_is_declared(repository, tmp_path):
    other = shutil.copytree(repository, tmp_path / "other")
    path = other / "data" / "weather.parquet"
    table = pq.read_table(path)
    table = table.rename_columns(["station", "measured", "temprature", "sky"])
    table = table.set_column(3, "sky", table.column("measured"))
    pq.write_table(table, path)

    said = failing(other, tmp_path)
    assert list(said) == ["source of weather"]
    assert "no column 'temperature' did you mean 'temprature'?" in said["source of weather"]
    assert "'sky' is timestamp" in said["source of weather"]

    path.unlink()
    assert "weather.parquet" in failing(other, tmp_path)["source of weather"]
    with pytest.raises(DataError, match="weather"):
        shown(other, tmp_path)


def test_sources_that_the_join_reads_pass(repository, tmp_path):
    other = shutil.copytree(repository, tmp_path / "the other's")
    path = other / "data" / "weather.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("measured")
    texts = [time.isoformat() for time in table.column("measured").to_pylist()]
    pq.write_table(table.set_column(place, "measured", pa.array(texts)), path)
    assert failing(other, tmp_path) == {}

    pcsv.write_csv(table, path.with_suffix(".csv"))
    path.unlink()
    definitions = next(file for file in other.glob("*.py") if "weather.parquet" in file.read_text())
    definitions.write_text(definitions.read_text().replace("weather.parquet", "weather.csv"))
    found = check(str(other), str(tmp_path / "scratch"))["checks"]
    (source,) = [item for item in found if item["name"] == "source of weather"]
    assert source["level"] == "ok"
    (stale,) = [item for item in found if item["level"] == "error"]
    assert f"--repo '{tmp_path}/the other'\"'\"'s'" in stale["hint"]


def test_a_store_that_does_not_answer_is_told_without_its_password(repository, tmp_path):
    other = shutil.copytree(repository, tmp_path / "other")
    (other / "feature_store.yaml").write_text(
        """
        project: bicycles
        provider: local
        registry: {path: data/registry.db, cache_ttl_seconds: 0}
        offline_store: {type: plimsoll.feature_store.offline.AsofOfflineStore}
        online_store:
          type: plimsoll.feature_store.redis.NewestRedisOnlineStore
          connection_string: "localhost:1,password=swordfish"
        entity_key_serialization_version: 3
        """
    )

    said = failing(other, tmp_path)["online store"]
    assert "ConnectionError" in said
    found = shown(other, tmp_path)
    assert "ConnectionError" in found["trouble"]
    assert "swordfish" not in said + found["trouble"]
    opened = open_repository(str(other), tmp_path / "again")
    opened.config.offline_store.spill_folder = "postgresql://me:haddock@host/db"
    assert error_text(ValueError("swordfish, haddock"), opened) == "ValueError: ***, ***"


def test_an_answer_is_not_waited_for_for_ever():
    import time

    found, error = call_with_timeout(lambda: time.sleep(60), seconds=0.05)

    assert found is None
    assert isinstance(error, TimeoutError)
    assert call_with_timeout(lambda: 7) == (7, None)


def test_the_command_answers_in_its_file(repository, tmp_path):
    asked = {"repo": str(repository), "scratch": str(tmp_path / "scratch")}
    write_json(tmp_path / REQUEST, {"command": "features list", "parameters": asked})

    assert main(tmp_path) == 0
    assert json.loads((tmp_path / ANSWER).read_text())["result"]["project"] == "bicycles"


def test_the_repository_that_the_page_shows_passes_every_check(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text("utf-8")
    of_yaml, of_python = (
        re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)[-1]
        for language in ("yaml", "python")
    )
    repo = tmp_path / "mine"
    (repo / "data").mkdir(parents=True)
    (repo / "feature_store.yaml").write_text(of_yaml)
    (repo / "definitions.py").write_text(of_python)
    rows = {
        "customer": [7],
        "event_timestamp": [moment(8)],
        "orders_7d": [2],
        "spent_7d": pa.array([9.5], pa.float32()),
    }
    pq.write_table(pa.table(rows), repo / "data" / "orders.parquet")
    materialised(repo)

    assert failing(repo, tmp_path) == {}
    row = {"customer": 7, "time": "2025-07-01T10:00:00Z"}
    found = show(str(repo), str(tmp_path / "scratch"), "churn_v1", row, now="2025-07-01T11:00:00Z")
    assert [item["then"]["value"] for item in found["features"]] == [2, 9.5]
    assert [item["now"]["value"] for item in found["features"]] == [2, 9.5]


def test_a_view_without_entities_is_shown_and_checked(fresh, tmp_path):
    path = fresh / "bicycles.py"
    text = path.read_text().replace("entities=[bicycle]", "entities=[]")
    path.write_text(text)
    materialised(fresh)

    found = shown(fresh, tmp_path, {name: ROW[name] for name in ROW if name != "bicycle"})

    assert failing(fresh, tmp_path) == {}
    assert features(found)["gears"]["then"]["value"] == features(found)["gears"]["now"]["value"]
    views = {
        item["name"]: item
        for item in list_repository(str(fresh), str(tmp_path / "scratch"))["views"]
    }
    assert views["facts"]["keys"] == []
