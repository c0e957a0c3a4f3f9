"""The definitions: applied with both configurations, and what they give for real flights."""

import csv
import os
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from feature_repo.tables import DATA, REPOSITORY, module, sliced
from plimsoll.feature_store.repository.plans import plan_of
from plimsoll.feature_store.repository.repository import open_repository

FEAST = "from feast.cli.cli import cli; cli()"
TYPES = {
    "Int64": "int64",
    "Float32": "float",
    "String": "string",
    "UnixTimestamp": "timestamp[us, tz=UTC]",
}
KEYS = {"origin", "dest", "carrier", "tailnum"}
VIEWS = {
    "weather_at_origin": ("weather", {"origin"}, timedelta(hours=3)),
    "carrier_at_origin": ("carrier_at_origin", {"carrier", "origin"}, timedelta(hours=2)),
    "origin_traffic": ("origin", {"origin"}, timedelta(hours=2)),
    "carrier_traffic": ("carrier", {"carrier"}, timedelta(hours=2)),
    "destination_traffic": ("destination", {"dest"}, timedelta(hours=2)),
    "route_history": ("route", {"origin", "dest"}, timedelta(days=2)),
    "plane_last_departure": ("plane_departures", {"tailnum"}, timedelta(days=7)),
    "plane_last_arrival": ("plane_arrivals", {"tailnum"}, timedelta(days=7)),
    "plane_register": ("plane_facts", {"tailnum"}, timedelta(0)),
}


def feast(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs Feast's command in a repository."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FEAST, "--chdir", str(folder), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "FEAST_USAGE": "False", **variables},
    )


def copied(folder: Path) -> Path:
    """Copies the repository's own files, not what was made in it."""
    folder.mkdir(parents=True)
    for path in REPOSITORY.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    return sliced(tmp_path_factory.mktemp("flights"), 9000)


@pytest.fixture(scope="module")
def repository(flights, tmp_path_factory):
    """The repository with the tables of ten days, applied."""
    folder = copied(tmp_path_factory.mktemp("repository") / "flights")
    module("make_sources").make(flights, folder / "data")
    ended = feast(folder, "apply")
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture(scope="module")
def store(repository):
    from feast import FeatureStore

    return FeatureStore(repo_path=str(repository))


@pytest.fixture(scope="module")
def rows(flights):
    """A few hundred flights of the second week, one of them without a tail number."""
    with (flights / "flights.csv").open(newline="", encoding="utf-8") as stream:
        every = list(csv.DictReader(stream))[6000:]
    taken = [*every[::8], *[row for row in every if not row["tailnum"]][:1]]
    times = pc.strptime([row["time_hour"] for row in taken], "%Y-%m-%dT%H:%M:%SZ", "us")
    times = times.cast(pa.timestamp("us", "UTC"))
    return pa.table(
        {
            **{name: [row[name] or None for row in taken] for name in sorted(KEYS)},
            "sched_dep_time": pa.array([int(row["sched_dep_time"]) for row in taken], pa.int64()),
            "time_hour": times,
            "event_timestamp": times,
        }
    )


@pytest.fixture(scope="module")
def joined(store, rows):
    service = store.get_feature_service("flights_late_v1")
    retrieved = store.get_historical_features(entity_df=rows.to_pandas(), features=service)
    return retrieved.to_arrow()


def service_columns(store, name):
    service = store.get_feature_service(name)
    return [field.name for part in service.feature_view_projections for field in part.features]


def test_what_was_applied_is_what_is_defined(repository):
    ended = feast(repository, "plan")
    assert ended.returncode == 0, ended.stderr
    assert "No changes to registry" in ended.stdout


def test_every_view_is_there_with_its_key_and_its_ttl(store):
    found = {
        view.name: (view.batch_source.name, {field.name for field in view.entity_columns}, view.ttl)
        for view in store.list_feature_views()
    }
    assert found == VIEWS


def test_every_definition_says_what_it_is_and_whose(store):
    for view in (*store.list_feature_views(), *store.list_on_demand_feature_views()):
        assert view.description, view.name
        assert view.owner == "flights", view.name
        assert view.tags["family"], view.name
    for service in store.list_feature_services():
        assert service.description, service.name
        assert service.tags["model"], service.name
    for entity in store.list_entities():
        assert entity.description or entity.name == "__dummy"


@pytest.mark.parametrize("name", VIEWS)
def test_a_views_schema_is_its_tables(name, store, repository):
    view = store.get_feature_view(name)
    schema = pq.read_schema(repository / "data" / f"{VIEWS[name][0]}.parquet")
    renamed = view.batch_source.field_mapping
    columns = {renamed.get(field.name, field.name): str(field.type) for field in schema}
    times = {view.batch_source.timestamp_field, view.batch_source.created_timestamp_column}
    assert {columns.pop(time) for time in times} == {"timestamp[us, tz=UTC]"}
    declared = {field.name: TYPES[str(field.dtype)] for field in view.schema}
    assert columns == declared


def test_every_table_has_a_view(store):
    assert {view.batch_source.name for view in store.list_feature_views()} == set(
        module("make_sources").TABLES
    )


def test_names_are_unique_and_none_is_a_column_of_the_flights(store):
    names = service_columns(store, "flights_late_v1")
    assert [name for name, times in Counter(names).items() if times > 1] == []
    with (DATA / "flights.csv").open(encoding="utf-8") as stream:
        columns = set(next(csv.reader(stream)))
    assert columns & set(names) == set()


def test_each_service_chooses_and_the_second_has_fewer(store):
    every = {
        field.name
        for view in (*store.list_feature_views(), *store.list_on_demand_feature_views())
        for field in view.features
    }
    many = set(service_columns(store, "flights_late_v1"))
    few = set(service_columns(store, "flights_late_weather"))
    assert {"weather_temp", "is_holiday"} < few < many < every


def test_departures_are_pushed_to_the_view_of_the_last_departure(store):
    view = store.get_feature_view("plane_last_departure")
    assert view.stream_source.name == "live_departures"
    assert view.stream_source.batch_source.name == "plane_departures"


def test_the_service_gives_all_columns_of_real_flights(store, rows, joined):
    names = service_columns(store, "flights_late_v1")
    assert set(names) <= set(joined.column_names)
    assert joined.num_rows == rows.num_rows
    for name in names:
        assert joined[name].null_count < joined.num_rows, name


def test_values_are_of_the_row_s_own_time(joined, repository):
    hours = {
        (row["origin"], row["event_timestamp"]): row
        for row in pq.read_table(repository / "data" / "origin.parquet").to_pylist()
    }
    for row in joined.to_pylist():
        wanted = hours[row["origin"], row["time_hour"]]
        assert row["origin_waiting"] == wanted["origin_waiting"]
        assert row["origin_departure_delay_6h"] == wanted["origin_departure_delay_6h"]
        if row["plane_departed_at"] is not None:
            age = row["time_hour"] - row["plane_departed_at"]
            assert row["plane_minutes_since_departure"] == age // timedelta(minutes=1) > 0


def test_a_flight_without_a_tail_number_has_the_features_of_all_but_the_plane(joined):
    [row] = [row for row in joined.to_pylist() if row["tailnum"] is None][:1]
    assert row["origin_scheduled_1h"] > 0
    assert {value for name, value in row.items() if name.startswith("plane_")} == {None}


@pytest.mark.parametrize("service", ["flights_late_v1", "flights_late_weather"])
def test_a_server_needs_nothing_but_columns_of_the_flights(service, repository, store, tmp_path):
    opened = open_repository(str(repository), tmp_path)
    plan = plan_of(opened, service, "time_hour").plan
    assert list(plan.columns) == service_columns(store, service)
    assert set(plan.request_columns) <= {*KEYS, "sched_dep_time", "time_hour"}


def test_a_pushed_departure_is_read_online(repository):
    # A store of its own: the others read what was made.
    from feast import FeatureStore

    store = FeatureStore(repo_path=str(repository))
    made = pq.read_table(repository / "data" / "plane_departures.parquet")
    store.push("live_departures", made.slice(0, 1).to_pandas())
    [first] = made.slice(0, 1).to_pylist()
    found = store.get_online_features(
        features=["plane_last_departure:plane_departure_delay"],
        entity_rows=[{"tailnum": first["tailnum"]}],
    ).to_dict()
    assert found["plane_departure_delay"] == [first["plane_departure_delay"]]


@pytest.fixture(scope="module")
def storage():
    """A storage emulator with an empty bucket; its address."""
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="line")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def test_the_same_definitions_are_applied_on_google_cloud(tmp_path, storage, real_redis, store):
    from feast.protos.feast.core.Registry_pb2 import Registry

    folder = copied(tmp_path / "flights")
    ended = feast(
        folder,
        *("--feature-store-yaml", str(folder / "feature_store.gcp.yaml")),
        # There is no BigQuery here to ask for the tables.
        *("apply", "--skip-source-validation"),
        STORAGE_EMULATOR_HOST=storage,
        GOOGLE_CLOUD_PROJECT="linear",
        PLIMSOLL_FEATURE_TABLES="linear.flights",
        PLIMSOLL_FEATURE_BUCKET="line",
        PLIMSOLL_FEATURE_REDIS=real_redis.connection_string,
    )
    assert ended.returncode == 0, ended.stderr
    kept = f"{storage}/storage/v1/b/line/o/flights%2Fregistry.db?alt=media"
    with urllib.request.urlopen(kept, timeout=20) as response:
        registry = Registry.FromString(response.read())
    views = {view.spec.name: view.spec for view in registry.feature_views}
    assert set(views) == set(VIEWS)
    for name, (table, _, _) in VIEWS.items():
        options = views[name].batch_source.bigquery_options
        assert options.table == f"linear.flights.{table}"
        local = store.get_feature_view(name)
        assert [field.name for field in views[name].features] == [f.name for f in local.features]
    weather = views["weather_at_origin"].batch_source
    assert weather.field_mapping["temp"] == "weather_temp"
    assert {service.spec.name for service in registry.feature_services} == {
        "flights_late_v1",
        "flights_late_weather",
    }
    assert not (folder / "data").exists()
