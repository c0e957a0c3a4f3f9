"""Entity rows of every kind: frames, Arrow tables and queries, times of every form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_store.offline.offline_repository import SHOP, applied, config, minutes, view, written
from plimsoll.errors import ConfigError, DataError
from plimsoll.feature_store.offline.store import AsofOfflineStore, AsofOfflineStoreConfig

FEATURES = ["readings:value"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    path = written(
        folder / "readings.parquet",
        {
            "city": ["a", "a", "b", "a", "b"],
            "event_timestamp": [minutes(count) for count in (0, 10, 5, 5, 20)],
            "value": [0, 10, 105, 5, 120],
        },
    )
    return applied(folder, [view("readings", path, {"value": "INT64"})])


def joined(store, rows, **options) -> list:
    return store.get_historical_features(rows, FEATURES, **options).to_arrow()["value"].to_pylist()


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(pd.Series([minutes(7), minutes(0)]), id="of UTC"),
        pytest.param(
            pd.Series([minutes(7), minutes(0)]).dt.tz_convert("Asia/Tokyo"), id="of a zone"
        ),
        pytest.param(pd.Series([minutes(7), minutes(0)]).dt.tz_localize(None), id="without a zone"),
        pytest.param(
            pd.Series([minutes(7), minutes(0)]).astype("datetime64[s, UTC]"), id="seconds"
        ),
        pytest.param(
            pd.Series([minutes(7).astimezone(), minutes(0)], dtype=object), id="objects of zones"
        ),
        pytest.param(pd.Series(["2013-06-01T12:07:00Z", "2013-06-01 12:00"]), id="texts"),
        pytest.param(pd.Series(["2013-06-01T14:07:00+02:00", "2013-06-01"]), id="texts of zones"),
    ],
)
def test_times_of_every_form_are_taken(store, times):
    found = joined(store, pd.DataFrame({"city": ["a", "a"], "event_timestamp": times}))

    assert found == [5, None if str(times.iloc[1]) == "2013-06-01" else 0]


def test_nanoseconds_count_by_their_microsecond(store):
    at = np.datetime64(minutes(5).replace(tzinfo=None), "ns")
    ticks = np.array([at - 1, at, at + 999]).astype(np.int64)
    times = pa.array(ticks, pa.timestamp("ns", "UTC"))

    found = joined(store, pa.table({"city": ["a"] * 3, "event_timestamp": times}))

    assert found == [0, 5, 5]


def test_times_before_1970_are_rounded_down(tmp_path):
    stamp = pa.array([-1_500], pa.timestamp("ns", "UTC"))
    path = written(
        tmp_path / "old.parquet",
        {"city": ["a"], "event_timestamp": stamp, "value": [1]},
        event_timestamp=stamp.type,
    )
    store = applied(tmp_path, [view("readings", path, {"value": "INT64"})])
    times = pa.array([-2_001, -2_000, -1_999], pa.timestamp("ns", "UTC"))

    found = joined(store, pa.table({"city": ["a"] * 3, "event_timestamp": times}))

    assert found == [None, 1, 1]


@pytest.mark.parametrize("batch_rows", [1, 2, 1_000])
def test_rows_stay_in_order_with_all_their_columns(tmp_path, store, batch_rows):
    rows = pa.table(
        {
            "note": pa.array(["x", None, "z", "x"]).dictionary_encode(),
            "city": ["b", "a", "nowhere", None],
            "event_timestamp": pa.array([minutes(9), minutes(3), minutes(9), minutes(9)]),
            "blob": [[1, 2], [], None, [3]],
            "number": pa.array([4, 3, 2, 1], pa.int8()),
        }
    )
    job = AsofOfflineStore.get_historical_features(
        config(tmp_path, batch_rows=batch_rows),
        [store.get_feature_view("readings")],
        FEATURES,
        rows,
        store.registry,
        "small",
    )

    table = job.to_arrow()

    assert table.column_names == [*rows.column_names, "value"]
    assert table.select(rows.column_names).combine_chunks() == rows.combine_chunks()
    assert table["value"].to_pylist() == [105, 0, None, None]


def test_a_query_gives_the_rows(tmp_path, store):
    for part in range(2):
        written(
            tmp_path / f"{part}.parquet",
            {
                "city": ["a", "b"],
                "event_timestamp": [minutes(6 + part), minutes(20 + part)],
                "part": [part, part],
            },
        )
    query = f"SELECT * FROM read_parquet(['{tmp_path}/0.parquet', '{tmp_path}/1.parquet']) -- all;"

    job = store.get_historical_features(query, FEATURES)

    assert job.to_arrow().drop_columns("event_timestamp").to_pylist() == [
        {"city": "a", "part": 0, "value": 5},
        {"city": "b", "part": 0, "value": 120},
        {"city": "a", "part": 1, "value": 5},
        {"city": "b", "part": 1, "value": 120},
    ]
    assert job.metadata.min_event_timestamp == minutes(6)
    assert job.metadata.max_event_timestamp == minutes(21)
    assert job.metadata.keys == ["city", "part"]


def test_the_query_of_a_job_gives_its_rows(store):
    import duckdb

    rows = "SELECT 'a' AS city, TIMESTAMPTZ '2013-06-01 12:07:00+00' AS event_timestamp"
    job = store.get_historical_features(f"{rows} UNION ALL {rows}", FEATURES)

    found = duckdb.sql(job.to_sql()).to_arrow_table()

    assert found.column_names == job.to_arrow().column_names
    assert found["value"].to_pylist() == [5, 5]


def test_a_lone_timestamp_is_the_event_timestamp(store):
    found = joined(store, pd.DataFrame({"city": ["a"], "when": [minutes(6)]}))

    assert found == [5]


def test_rows_without_a_time_find_nothing(store):
    times = pd.Series([minutes(6), pd.NaT])

    assert joined(store, pd.DataFrame({"city": ["a", "a"], "event_timestamp": times})) == [5, None]


def test_days_are_their_midnight(tmp_path):
    path = written(
        tmp_path / "days.parquet",
        {"city": ["a"], "event_timestamp": [date(2013, 6, 1)], "value": [1]},
    )
    store = applied(tmp_path, [view("readings", path, {"value": "INT64"})])
    days = pa.array([date(2013, 5, 31), date(2013, 6, 1)])

    assert joined(store, pa.table({"city": ["a", "a"], "event_timestamp": days})) == [None, 1]


def test_no_rows_give_no_rows_of_the_same_columns(store):
    rows = pa.table(
        {"city": pa.array([], pa.string()), "event_timestamp": pa.array([], pa.timestamp("us"))}
    )
    job = store.get_historical_features(rows, FEATURES)

    assert job.to_arrow().schema == rows.schema.append(pa.field("value", pa.int64()))
    assert [batch.num_rows for batch in job.to_record_batches()] in ([], [0])
    assert job.metadata.min_event_timestamp is None


def test_batches_come_in_order_and_tell_event_times(store):
    rows = pd.DataFrame(
        {"city": ["a"] * 5, "event_timestamp": [minutes(count) for count in (11, -1, 5, 3, 60)]}
    )
    job = store.get_historical_features(rows, FEATURES)

    batches = list(job.to_record_batches(2, event_times=True))

    table = pa.Table.from_batches(batches)
    assert [batch.num_rows for batch in batches] == [2, 2, 1]
    assert table["value"].to_pylist() == [10, None, 5, 0, 10]
    assert table["readings__event_timestamp"].to_pylist() == [
        minutes(10),
        None,
        minutes(5),
        minutes(0),
        minutes(10),
    ]


def test_rows_that_cannot_be_joined_are_refused_in_words(store, tmp_path):
    time = [minutes(1)]
    cases = [
        (pd.DataFrame({"cty": ["a"], "event_timestamp": time}), "no column 'city'", "did you mean"),
        (pd.DataFrame({"city": ["a"]}), "event timestamp cannot be told", "event_timestamp"),
        (pd.DataFrame({"city": ["a"], "x": time, "y": time}), "event timestamp", "x, y"),
        (
            pd.DataFrame({"city": [1], "event_timestamp": time}),
            "is int64 in the entity rows",
            "VARC",
        ),
        (pd.DataFrame({"city": ["a"], "event_timestamp": ["soon"]}), "cannot be read", "2013"),
        (pd.DataFrame({"city": ["a", 1], "event_timestamp": time * 2}), "mixed types", "one type"),
        (pd.DataFrame({"city": ["a"], "event_timestamp": [1.5]}), "cannot be read", "2013"),
        (
            pd.DataFrame({"city": ["a"], "event_timestamp": time, "value": [1]}),
            "have a column 'value'",
            "full_feature_names",
        ),
        (" ; ", "query is empty", "SELECT"),
        ("SELECT * FROM read_parquet('nowhere.parquet')", "cannot answer", "nowhere"),
        ("SELECT 'a' AS city", "event timestamp", "city"),
        ({"city": ["a"]}, "cannot be a dict", "pandas.DataFrame"),
    ]
    for rows, headline, detail in cases:
        with pytest.raises(DataError) as caught:
            joined(store, rows)
        assert headline in caught.value.headline
        assert detail in str(caught.value)
        assert "soon" not in str(caught.value)


def test_numbers_of_any_width_are_keys_and_texts_are_not(tmp_path):
    path = written(
        tmp_path / "shops.parquet",
        {"shop": [1, 2], "event_timestamp": [minutes(0)] * 2, "value": [10, 20]},
    )
    store = applied(tmp_path, [view("readings", path, {"value": "INT64"}, (SHOP,))])
    rows = pd.DataFrame({"shop": [2.0, None], "event_timestamp": [minutes(1)] * 2})

    assert joined(store, rows) == [20, None]
    assert joined(store, rows.assign(shop=np.array([2, 1], np.int8))) == [20, 10]
    with pytest.raises(DataError, match="is string in the entity rows"):
        joined(store, rows.assign(shop=["1", "2"]))


def test_the_rows_given_are_left_as_they_are(store):
    rows = pd.DataFrame(
        {"city": ["a"], "event_timestamp": pd.Series(["2013-06-01T12:07"], dtype=object)}
    )
    before = rows.copy(deep=True)

    joined(store, rows)

    pd.testing.assert_frame_equal(rows, before)


def test_spilled_files_go_and_limits_are_checked(store, tmp_path):
    rows = pd.DataFrame({"city": ["a"], "event_timestamp": [minutes(6)]})
    spill = tmp_path / "spill"
    spill.mkdir()

    def asked(**settings):
        return AsofOfflineStore.get_historical_features(
            config(tmp_path, **settings),
            [store.get_feature_view("readings")],
            FEATURES,
            rows,
            store.registry,
            "small",
        ).to_arrow()

    assert asked(spill_folder=str(spill), memory_limit="200MB", threads=1)["value"].to_pylist() == [
        5
    ]
    assert not list(spill.iterdir())
    for wrong in (
        {"memory_limit": "much"},
        {"threads": -1},
        {"batch_rows": 0},
        {"spill_folder": str(tmp_path / "nowhere")},
    ):
        with pytest.raises(ConfigError):
            asked(**wrong)
    with pytest.raises(ValueError, match="unknown"):
        AsofOfflineStoreConfig(unknown=1)


@pytest.mark.slow
def test_rows_larger_than_the_memory_limit_stream_through(tmp_path):
    count, keys = 4_000_000, 5_000
    generator = np.random.default_rng(0)
    start = np.datetime64("2013-01-01", "us")
    folder = tmp_path / "entities"
    folder.mkdir()
    for part in range(4):
        rows = count // 4
        pq.write_table(
            pa.table(
                {
                    "shop": generator.integers(0, keys, rows),
                    "event_timestamp": start + generator.integers(0, 10**9, rows),
                    "text": pa.array(["some text of an entity row that takes room"]).take(
                        pa.array(np.zeros(rows, np.int64))
                    ),
                    "number": np.arange(part * rows, (part + 1) * rows),
                }
            ),
            folder / f"{part}.parquet",
        )
    events = np.arange(200_000)
    path = written(
        tmp_path / "shops.parquet",
        {
            "shop": events % keys,
            "event_timestamp": start + (events // keys) * 10**7,
            "value": events,
        },
    )
    shops = view("readings", path, {"value": "INT64"}, (SHOP,), timedelta(seconds=5))
    applied(tmp_path, [shops])
    script = tmp_path / "join.py"
    script.write_text(STREAMED.format(folder=tmp_path, entities=folder))

    told = _told(script)

    assert told["rows"] == count
    assert told["in_order"]
    assert told["right"]
    assert told["grown_mb"] < 600


STREAMED = """
import json, resource
from feast import FeatureStore
from feature_store.offline.offline_repository import config
from pathlib import Path
settings = dict(memory_limit="100MB", threads=2, batch_rows=200_000)
store = FeatureStore(config=config(Path("{folder}"), **settings))
query = "SELECT * FROM read_parquet('{entities}/*.parquet')"
job = store.get_historical_features(query, ["readings:value"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import numpy as np
rows, in_order, right = 0, True, True
for batch in job.to_record_batches():
    in_order &= batch["number"][0].as_py() == rows
    in_order &= bool((np.diff(batch["number"].to_numpy()) == 1).all())
    times = batch["event_timestamp"].cast("timestamp[us]").to_numpy()
    since = (times - np.datetime64("2013-01-01", "us")).astype(np.int64)
    step = since // 10**7
    fresh = (since - np.minimum(step, 39) * 10**7) <= 5_000_000
    expected = np.minimum(step, 39) * 5_000 + batch["shop"].to_numpy()
    found = batch["value"].fill_null(-1).to_numpy(zero_copy_only=False)
    right &= bool((found == np.where(fresh, expected, -1)).all())
    rows += batch.num_rows
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(dict(rows=rows, in_order=in_order, right=right, grown_mb=(after - before) / 1024)))
"""


def _told(script: Path) -> dict:
    import json
    import os
    import subprocess
    import sys

    root = Path(__file__).parents[3]
    paths = [str(root / "components"), str(root / "tests")]
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_noon_is_noon():
    assert minutes(0) == datetime(2013, 6, 1, 12, tzinfo=UTC)
