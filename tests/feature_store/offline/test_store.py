"""The offline store below a real Feast store: views of every kind, sources, pulls and writes."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from feast import FeatureService, Field, RequestSource
from feast.data_format import DeltaFormat
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.feature_logging import LoggingConfig
from feast.infra.offline_stores.file_source import FileLoggingDestination, SavedDatasetFileStorage
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64

from feature_store.offline.offline_repository import (
    CITY,
    FEASTS,
    SHOP,
    applied,
    config,
    minutes,
    view,
    written,
)
from plimsoll.errors import DataError
from plimsoll.feature_store.offline import parquet_files
from plimsoll.feature_store.offline.source_tables import location
from plimsoll.feature_store.offline.store import AsofOfflineStore

ROWS = pd.DataFrame(
    {
        "city": ["b", "a", "a"],
        "shop": [1, 2, 1],
        "event_timestamp": [minutes(6), minutes(6), minutes(1)],
        "asked": [0.5, 1.5, 2.5],
    }
)


def weather(folder):
    path = written(
        folder / "weather.parquet",
        {
            "city": ["a", "b", "a"],
            "event_timestamp": [minutes(0), minutes(0), minutes(5)],
            "created": [minutes(1), minutes(1), minutes(9)],
            "warmth": [1.0, 2.0, 3.0],
            "rain": [10, 20, 30],
        },
    )
    features = {"warmth": "DOUBLE", "rain": "INT64"}
    return view("weather", path, features, created_timestamp_column="created")


def sales(folder):
    path = written(
        folder / "sales.parquet",
        {
            "town": ["a", "a", "b"],
            "no": [1, 2, 1],
            "at": [minutes(0), minutes(3), minutes(6)],
            "sum": [100, 200, 300],
            "rain": [-1, -2, -3],
        },
    )
    mapped = {"town": "city", "no": "shop", "sum": "sold", "at": "sold_at"}
    features = {"sold": "INT64", "rain": "INT64"}
    return view(
        "sales", path, features, (CITY, SHOP), timestamp_field="sold_at", field_mapping=mapped
    )


def compared(source):
    """An on-demand view of a view's values and of what a request tells."""

    @on_demand_feature_view(
        sources=[source, RequestSource(name="asked", schema=[Field(name="asked", dtype=Float64)])],
        schema=[Field(name="beyond", dtype=Float64), Field(name="unused", dtype=Float64)],
    )
    def comparison(inputs: pd.DataFrame) -> pd.DataFrame:
        beyond = inputs["warmth"] - inputs["asked"]
        return pd.DataFrame({"beyond": beyond, "unused": beyond})

    return comparison


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def store(folder):
    first, second = weather(folder), sales(folder)
    on_demand = compared(first)
    service = FeatureService(name="all", features=[second[["sold"]], first, on_demand])
    return applied(folder, [first, second, on_demand, service])


@pytest.mark.parametrize("full_names", [False, True])
def test_views_fields_and_on_demand_views_are_joined_as_feast_joins_them(store, folder, full_names):
    features = ["weather:warmth", "sales:sold", "comparison:beyond"]
    ours = store.get_historical_features(ROWS, features, full_names)
    theirs = applied(folder, kind=FEASTS).get_historical_features(ROWS, features, full_names)

    table = ours.to_arrow()

    assert table.column_names == theirs.to_arrow().column_names
    beyond = "comparison__beyond" if full_names else "beyond"
    assert table[beyond].to_pylist() == [1.5, 1.5, -1.5]
    assert table["sales__sold" if full_names else "sold"].to_pylist() == [300, 200, 100]
    expected = theirs.to_df().sort_values("asked").reset_index(drop=True)
    pd.testing.assert_frame_equal(ours.to_df(), expected, check_dtype=False)
    batches = list(ours.to_record_batches(2))
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert pa.Table.from_batches(batches).to_pydict() == table.to_pydict()


def test_a_service_is_joined_in_its_order(store):
    table = store.get_historical_features(ROWS, store.get_feature_service("all")).to_arrow()

    new = [name for name in table.column_names if name not in ROWS.columns]
    assert sorted(new) == ["beyond", "rain", "sold", "unused", "warmth"]


def test_one_view_is_joined_twice_by_other_keys(store):
    twice = store.get_feature_view("weather")
    here = twice[["rain"]].with_name("here").with_join_key_map({"city": "from"})
    there = twice[["rain"]].with_name("there").with_join_key_map({"city": "to"})
    service = FeatureService(name="ways", features=[here, there])
    store.apply([service])
    rows = pd.DataFrame({"from": ["a"], "to": ["b"], "event_timestamp": [minutes(6)]})

    table = store.get_historical_features(rows, service, full_feature_names=True).to_arrow()

    assert table.to_pylist()[0] == {
        "from": "a",
        "to": "b",
        "event_timestamp": minutes(6),
        "here__rain": 30,
        "there__rain": 20,
    }


def test_only_what_was_written_by_then_counts_if_that_is_asked(store):
    asked = (ROWS, ["weather:rain"])

    plain = store.get_historical_features(*asked).to_arrow()
    known = store.get_historical_features(*asked, filter_by_created_timestamp=True).to_arrow()

    assert plain["rain"].to_pylist() == [20, 30, 10]
    assert known["rain"].to_pylist() == [20, 10, 10]


def test_the_ttl_ends_with_its_last_microsecond(tmp_path):
    path = written(
        tmp_path / "x.parquet",
        {"city": ["a"], "event_timestamp": [minutes(0)], "rain": [1]},
    )
    store = applied(tmp_path, [view("x", path, {"rain": "INT64"}, ttl=timedelta(minutes=5))])
    times = [minutes(5), minutes(5) + timedelta(microseconds=1)]
    rows = pd.DataFrame({"city": ["a", "a"], "event_timestamp": times})

    assert store.get_historical_features(rows, ["x:rain"]).to_arrow()["rain"].to_pylist() == [
        1,
        None,
    ]


def test_the_last_of_rows_alike_is_taken_file_by_file(tmp_path):
    for name, rain in (("b", 3), ("a", 1), ("c", 2)):
        columns = {"city": ["a", "a"], "event_timestamp": [minutes(0)] * 2, "rain": [0, rain]}
        written(tmp_path / "parts" / f"{name}.parquet", columns)
    parts = view("x", tmp_path / "parts", {"rain": "INT64"})
    store = applied(tmp_path, [parts])
    rows = pd.DataFrame({"city": ["a"] * 3, "event_timestamp": [minutes(1)] * 3})

    found = store.get_historical_features(rows, ["x:rain"]).to_arrow()["rain"].to_pylist()
    latest = AsofOfflineStore.pull_latest_from_table_or_query(
        store.config, parts.batch_source, ["city"], ["rain"], "event_timestamp", None, None, None
    )

    assert found == [2, 2, 2]
    assert latest.to_arrow()["rain"].to_pylist() == [2]


@pytest.mark.parametrize("path", ["parts", "parts/*.parquet", "rows.csv", "parts/deep/c.parquet"])
def test_sources_are_files_folders_patterns_and_texts(tmp_path, path):
    for name, city in (("a", "a"), ("b", "b"), ("deep/c", "c")):
        columns = {"city": [city], "event_timestamp": [minutes(0)], "rain": [1]}
        written(tmp_path / "parts" / f"{name}.parquet", columns)
    (tmp_path / "parts" / ".half.parquet").write_bytes(b"not whole")
    (tmp_path / "rows.csv").write_text("city,event_timestamp,rain\na,2013-06-01T14:00:00+02:00,1\n")
    found = {"parts": [1, 1, 1], "parts/*.parquet": [1, 1, None], "rows.csv": [1, None, None]}
    x = view("x", path, {"rain": "INT64"})
    rows = pd.DataFrame({"city": ["a", "b", "c"], "event_timestamp": [minutes(0)] * 3})

    table = AsofOfflineStore.get_historical_features(
        config(tmp_path), [x], ["x:rain"], rows, applied(tmp_path).registry, "small"
    ).to_arrow()

    assert table["rain"].to_pylist() == found.get(path, [None, None, 1])


def test_files_of_other_columns_are_read_by_name(tmp_path):
    time = {"event_timestamp": [minutes(0)]}
    written(tmp_path / "parts" / "a.parquet", {"city": ["a"], **time, "rain": [1]})
    written(tmp_path / "parts" / "b.parquet", {"snow": [5], "rain": [2], "city": ["b"], **time})
    store = applied(tmp_path, [view("x", tmp_path / "parts", {"rain": "INT64", "snow": "INT64"})])
    rows = pd.DataFrame({"city": ["a", "b"], "event_timestamp": [minutes(0)] * 2})

    table = store.get_historical_features(rows, ["x:rain", "x:snow"]).to_arrow()

    assert table["rain"].to_pylist() == [1, 2]
    assert table["snow"].to_pylist() == [None, 5]


def test_names_with_quotes_are_names(tmp_path):
    odd = "o\"dd 'name"
    path = written(
        tmp_path / "it's.parquet",
        {"city": ["a"], 'when"': [minutes(0)], odd: [1]},
    )
    x = view("x", path, {odd: "INT64"}, timestamp_field='when"')
    rows = pd.DataFrame({"city": ["a"], "event_timestamp": [minutes(0)], 'a"b': [7]})

    table = AsofOfflineStore.get_historical_features(
        config(tmp_path), [x], [f"x:{odd}"], rows, applied(tmp_path).registry, "small"
    ).to_arrow()

    assert table.to_pydict() == {**rows.to_dict("list"), odd: [1]}


def test_unknown_names_and_files_are_told_with_what_there_is(tmp_path):
    registry = applied(tmp_path).registry
    path = written(
        tmp_path / "readings.parquet",
        {"city": ["a"], "event_timestamp": [minutes(0)], "rain": [1], "text": ["x"]},
    )
    rows = pd.DataFrame({"city": ["a"], "event_timestamp": [minutes(0)]})
    cases = [
        (
            view("x", path, {"rain": "INT64"}),
            ["x:rian"],
            "no feature 'rian'",
            "did you mean 'rain'?",
        ),
        (view("x", path, {"snow": "INT64"}), ["x:snow"], "no column 'snow'", "choices"),
        (view("x", path, {"rain": "INT64"}, (SHOP,)), ["x:rain"], "no column 'shop'", "a join key"),
        (
            view("x", path, {"rain": "INT64"}, timestamp_field="event_timestmp"),
            ["x:rain"],
            "no column 'event_timestmp'",
            "did you mean 'event_timestamp'?",
        ),
        (
            view("x", path, {"rain": "INT64"}, timestamp_field="rain"),
            ["x:rain"],
            "no timestamp",
            "BIGINT",
        ),
        (
            view("x", tmp_path / "reading.parquet", {"rain": "INT64"}),
            ["x:rain"],
            "has no file",
            "did you mean 'readings.parquet'?",
        ),
        (
            view("x", "gs://a-bucket/x.parquet", {"rain": "INT64"}),
            ["x:rain"],
            "not on this",
            "gs://",
        ),
        (
            view("x", path, {"rain": "INT64"}, file_format=DeltaFormat()),
            ["x:rain"],
            "DeltaFormat",
            "Parquet",
        ),
    ]
    for asked, references, headline, detail in cases:
        with pytest.raises(DataError) as caught:
            AsofOfflineStore.get_historical_features(
                config(tmp_path), [asked], references, rows, registry, "small"
            ).to_arrow()
        assert headline in caught.value.headline
        assert detail in str(caught.value)
    texts = view("x", path, {"rain": "INT64"}, timestamp_field="text")
    with pytest.raises(DataError, match="cannot be converted") as caught:
        AsofOfflineStore.get_historical_features(
            config(tmp_path), [texts], ["x:rain"], rows, registry, "small"
        ).to_arrow()
    assert "'x'" not in str(caught.value)


def test_a_query_without_a_requests_column_is_refused(store):
    query = "SELECT 'a' AS city, TIMESTAMPTZ '2013-06-01 12:06:00+00' AS event_timestamp"

    with pytest.raises(DataError, match="no column 'asked', which the on-demand view 'comparison'"):
        store.get_historical_features(query, ["comparison:beyond"])


def test_without_entity_rows_each_entity_has_one_as_of_the_end(store):
    asked = {"start_date": minutes(-1), "end_date": minutes(4)}

    table = store.get_historical_features(features=["weather:rain"], **asked).to_arrow()

    assert table.to_pylist() == [
        {"city": "a", "event_timestamp": minutes(4), "rain": 10},
        {"city": "b", "event_timestamp": minutes(4), "rain": 20},
    ]
    with pytest.raises(DataError, match="must have the same keys"):
        store.get_historical_features(features=["weather:warmth", "sales:sold"], **asked)


def test_datasets_are_saved_whole_and_read_again(store, tmp_path):
    storage = SavedDatasetFileStorage(path=str(tmp_path / "saved.parquet"))
    job = store.get_historical_features(ROWS, ["weather:warmth", "comparison:beyond"])

    saved = store.create_saved_dataset(job, "kept", storage)

    assert pq.read_table(tmp_path / "saved.parquet").to_pydict() == job.to_arrow().to_pydict()
    assert saved.min_event_timestamp == minutes(1)
    assert saved.max_event_timestamp == minutes(6)
    again = store.get_saved_dataset("kept").to_df()
    assert sorted(again["beyond"]) == [-1.5, 1.5, 1.5]
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        job.persist(storage)
    job.persist(storage, allow_overwrite=True)
    job.persist(SavedDatasetFileStorage(path=str(tmp_path / "as_folder")))
    assert ds.dataset(tmp_path / "as_folder").to_table().num_rows == len(ROWS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["as_folder", "saved.parquet"]


def test_an_interrupted_write_leaves_the_old_dataset(tmp_path):
    storage = SavedDatasetFileStorage(path=str(tmp_path / "saved.parquet"))
    written(tmp_path / "saved.parquet", {"number": [1]})

    def broken():
        yield pa.RecordBatch.from_pydict({"number": [2]})
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        parquet_files.write_whole(storage.to_data_source(), None, broken(), True)

    assert pq.read_table(tmp_path / "saved.parquet")["number"].to_pylist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["saved.parquet"]


@pytest.mark.parametrize("path", ["rows.parquet", "parts"])
def test_rows_are_appended_and_found(tmp_path, path):
    columns = {"city": ["a"], "event_timestamp": [minutes(0)], "rain": [1]}
    first = written(tmp_path / (path if path.endswith("parquet") else "parts/a.parquet"), columns)
    first.chmod(0o640)
    store = applied(tmp_path, [view("x", tmp_path / path, {"rain": "INT64"})])
    frame = pd.DataFrame({"rain": [2, 3], "city": ["a", "b"], "event_timestamp": [minutes(1)] * 2})
    rows = pd.DataFrame({"city": ["a", "b"], "event_timestamp": [minutes(1)] * 2})

    store.write_to_offline_store("x", frame)
    store.write_to_offline_store("x", frame.assign(rain=[4, 5]))

    table = store.get_historical_features(rows, ["x:rain"]).to_arrow()
    assert table["rain"].to_pylist() == [4, 5]
    job = AsofOfflineStore.pull_all_from_table_or_query(
        store.config,
        store.get_feature_view("x").batch_source,
        ["city"],
        ["rain"],
        "event_timestamp",
        start_date=minutes(0),
        end_date=minutes(1),
    )
    assert job.to_arrow()["rain"].to_pylist() == [1, 2, 3, 4, 5]
    assert not [item for item in tmp_path.rglob(".*") if item.name != ".gitignore"]
    assert first.stat().st_mode & 0o777 == 0o640


def test_rows_that_do_not_fit_are_not_appended(tmp_path):
    columns = {"city": ["a"], "event_timestamp": [minutes(0)], "rain": [1]}
    x = view("x", written(tmp_path / "x.parquet", columns), {"rain": "INT64"})
    table = pq.read_table(tmp_path / "x.parquet")

    for wrong, said in (
        (table.rename_columns(["city", "event_timestamp", "rian"]), "did you mean 'rain'?"),
        (table.drop_columns("rain"), "missing: rain"),
        (table.set_column(2, "rain", pa.array(["much"])), "does not fit"),
    ):
        with pytest.raises(DataError) as caught:
            AsofOfflineStore.offline_write_batch(config(tmp_path), x, wrong, None)
        assert said in str(caught.value)
    assert pq.read_table(tmp_path / "x.parquet") == table
    told: list[int] = []
    AsofOfflineStore.offline_write_batch(config(tmp_path), x, table, told.append)
    assert told == [1]


def test_writers_at_once_lose_no_rows(tmp_path):
    columns = {"city": ["a"], "event_timestamp": [minutes(0)], "rain": [0]}
    source = view("x", written(tmp_path / "x.parquet", columns), {"rain": "INT64"}).batch_source
    table = pq.read_table(tmp_path / "x.parquet")
    tables = [table.set_column(2, "rain", pa.array([number])) for number in range(1, 9)]

    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.starmap(parquet_files.append, [(source, None, rows) for rows in tables], chunksize=1)

    assert sorted(pq.read_table(tmp_path / "x.parquet")["rain"].to_pylist()) == list(range(9))


def test_a_pushed_row_is_appended_to_the_push_sources_batch_source(tmp_path):
    from feast import PushSource
    from feast.data_source import PushMode

    columns = {"city": ["a"], "event_timestamp": [minutes(0)], "rain": [1]}
    batch = view("x", written(tmp_path / "x.parquet", columns), {"rain": "INT64"}).batch_source
    pushed = view("y", tmp_path / "x.parquet", {"rain": "INT64"})
    source = PushSource(name="live", batch_source=batch)
    store = applied(
        tmp_path, [type(pushed)(name="y", entities=[CITY], schema=pushed.schema, source=source)]
    )

    frame = pd.DataFrame({"city": ["a"], "event_timestamp": [minutes(5)], "rain": [7]})
    store.push("live", frame, to=PushMode.OFFLINE)

    rows = pd.DataFrame({"city": ["a"], "event_timestamp": [minutes(5)]})
    assert store.get_historical_features(rows, ["y:rain"]).to_arrow()["rain"].to_pylist() == [7]


@pytest.mark.parametrize("partition_by", [None, ["kind"]])
def test_logged_features_are_kept_and_read_again(store, tmp_path, partition_by):
    destination = FileLoggingDestination(path=str(tmp_path / "logs"), partition_by=partition_by)
    logged = pa.table(
        {"city": ["a", "b"], "kind": ["x", "y"], "at": pa.array([minutes(0), minutes(9)])}
    )
    for _ in range(2):
        AsofOfflineStore.write_logged_features(
            store.config, logged, None, LoggingConfig(destination=destination), store.registry
        )

    found = AsofOfflineStore.pull_all_from_table_or_query(
        store.config,
        destination.to_data_source(),
        [],
        ["city", "kind"],
        "at",
        None,
        minutes(-1),
        minutes(5),
    ).to_df()

    assert found[["city", "kind"]].values.tolist() == [["a", "x"], ["a", "x"]]


def test_feast_materialises_from_it(store):
    store.materialize(minutes(-1), minutes(4))

    found = store.get_online_features(["weather:rain"], [{"city": "a"}, {"city": "b"}]).to_dict()

    assert found["rain"] == [10, 20]


def test_feast_materialises_views_without_entities(tmp_path):
    path = written(
        tmp_path / "all.parquet",
        {"event_timestamp": [minutes(0), minutes(1)], "rain": [1, 2]},
    )
    store = applied(tmp_path, [view("everywhere", path, {"rain": "INT64"}, ())])

    store.materialize(minutes(-1), minutes(4))

    found = store.get_online_features(["everywhere:rain"], [{"__dummy_id": ""}]).to_dict()
    assert found["rain"] == [2]
    rows = pd.DataFrame({"event_timestamp": [minutes(0), minutes(1)]})
    table = store.get_historical_features(rows, ["everywhere:rain"]).to_arrow()
    assert table["rain"].to_pylist() == [1, 2]


def test_relative_paths_are_told_from_the_repository(tmp_path):
    x = view("x", "data/x.parquet", {"rain": "INT64"})

    assert location(x.batch_source, tmp_path) == tmp_path / "data/x.parquet"


def test_types_of_values_are_kept(tmp_path):
    path = written(
        tmp_path / "x.parquet",
        {
            "city": ["a"],
            "event_timestamp": [minutes(0)],
            "rain": pa.array([1.5], pa.float32()),
            "list": [[1, 2]],
        },
        rain=pa.float32(),
    )
    x = view("x", path, {"rain": "DOUBLE"})
    x.projection.features.append(Field(name="list", dtype=Int64))
    rows = pd.DataFrame({"city": ["a"], "event_timestamp": [minutes(0)]})

    table = AsofOfflineStore.get_historical_features(
        config(tmp_path), [x], ["x:rain", "x:list"], rows, applied(tmp_path).registry, "small"
    ).to_arrow()

    assert table["rain"].type == pa.float32()
    assert table["list"].to_pylist() == [[1, 2]]


@pytest.mark.parametrize(("known_only", "expected"), [(False, [2, 2]), (True, [1, 2])])
def test_the_last_written_of_one_time_is_taken_one_never_written_never(
    tmp_path, known_only, expected
):
    path = written(
        tmp_path / "x.parquet",
        {
            "city": ["a"] * 4,
            "event_timestamp": [minutes(0)] * 4,
            "created": [minutes(9), minutes(1), None, minutes(0)],
            "rain": [2, 1, 3, 0],
        },
    )
    x = view("x", path, {"rain": "INT64"}, created_timestamp_column="created")
    rows = pd.DataFrame({"city": ["a"] * 2, "event_timestamp": [minutes(5), minutes(9)]})

    table = AsofOfflineStore.get_historical_features(
        config(tmp_path),
        [x],
        ["x:rain"],
        rows,
        applied(tmp_path).registry,
        "small",
        filter_by_created_timestamp=known_only,
    ).to_arrow()

    assert table["rain"].to_pylist() == expected
