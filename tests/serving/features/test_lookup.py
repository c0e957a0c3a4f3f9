"""What a look-up gives and counts, on real SQLite files and a real Redis."""

import os
import signal
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import REGISTRY

from plimsoll.errors import ArtifactError, RequestError
from plimsoll.formats.feature_plan import Feature, FeaturePlan, Key, OnDemand, View
from plimsoll.serving.features.lookup import FeatureLookup, FeaturesUnavailableError
from plimsoll.serving.lookup_config import LookupConfig
from plimsoll.serving.online.stores import open_reader
from redis_server import real_redis, redis_server
from serving.online.stored import RedisStore, SqliteStore

__all__ = ["real_redis"]

HOUR = 3_600_000_000
T = 1_380_607_200_000_000
AT = "2013-10-01T06:00:00"
"""The same moment as ``T``, in microseconds since 1970."""
LONG = LookupConfig(timeout_ms=5000, pause_ms=0)
FLOAT32 = struct.unpack("<f", struct.pack("<f", 0.1))[0]
FUNCTIONS = '''"""On demand."""

import datetime


def clock(inputs):
    return {
        "hour_of_day": [at.hour if isinstance(at, datetime.datetime) else None
                        for at in inputs["at"]],
        "speed": [None if a is None or b is None else a / b
                  for a, b in zip(inputs["distance"], inputs["minutes"])],
    }
'''


def key(name, kind="STRING", join_key=""):
    return Key(column=name, join_key=join_key or name, type=kind)


def feature(name, kind):
    return Feature(name=name, column=name, type=kind)


VIEWS = (
    View(
        name="plane",
        keys=(key("tailnum"),),
        features=(feature("seats", "INT64"), feature("weight", "FLOAT"), feature("kind", "STRING")),
        ttl_us=HOUR,
    ),
    View(
        name="plane_facts",
        keys=(key("tailnum"),),
        features=(feature("year", "INT32"), feature("built", "UNIX_TIMESTAMP")),
    ),
    View(
        name="route",
        keys=(key("origin"), key("number", "INT64", join_key="a_number")),
        features=(feature("distance", "DOUBLE"), feature("jet", "BOOL")),
    ),
    View(
        name="world", keys=(key("", join_key="__dummy_id"),), features=(feature("load", "DOUBLE"),)
    ),
)
CLOCK = OnDemand(
    name="clock",
    file="functions.py",
    function="clock",
    inputs=("at", "distance", "minutes"),
    features=(feature("hour_of_day", "INT64"), feature("speed", "FLOAT")),
)


def plan_of(project="flights", on_demand=(), views=VIEWS):
    return FeaturePlan(
        project=project,
        service="s",
        registry_sha256="0" * 64,
        key_version=3,
        time="at",
        views=views,
        on_demand=on_demand,
    )


@pytest.fixture(params=["sqlite", "sqlite of ours", "redis"])
def store(request, tmp_path, real_redis):
    plan = plan_of(project=f"p{abs(hash(str(tmp_path)))}")
    if request.param == "redis":
        return RedisStore(real_redis.url, plan)
    return SqliteStore(tmp_path / "online.db", plan, exact=request.param == "sqlite of ours")


def lookup_in(store, *, config=LONG, where="", **options):
    reader = open_reader(where or store.where, store.plan, config.timeout_ms / 1000)
    return FeatureLookup(store.plan, reader, config=config, **options)


def fill(store):
    store.put("plane", {"tailnum": "N1"}, T - HOUR, seats=150, weight=0.1, kind="jet")
    store.put("plane", {"tailnum": "N2"}, T - HOUR - 1_000_000, seats=50, weight=1.0, kind="ü")
    store.put("plane", {"tailnum": "N3"}, T + 1_000_000, seats=1, weight=None, kind="")
    store.put("plane_facts", {"tailnum": "N1"}, 0, year=1999, built=915_148_800)
    store.put("route", {"origin": "JFK", "number": 7}, T, distance=100.5, jet=True)
    store.put("world", {}, T - 100 * HOUR, load=-0.5)


def row(**values):
    return {"tailnum": "N1", "origin": "JFK", "number": 7, "at": AT, **values}


def counted():
    """Returns (view, status) -> count, of those above zero."""
    return {
        (item.labels["view"], item.labels["status"]): item.value
        for family in REGISTRY.collect()
        if family.name == "plimsoll_feature_values"
        for item in family.samples
        if item.name.endswith("_total") and item.value
    }


def since(before):
    after = counted()
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key)}


def failures(reason):
    name = "plimsoll_feature_lookup_failures_total"
    return REGISTRY.get_sample_value(name, {"reason": reason}) or 0


FOUND = {
    "seats": 150,
    "weight": FLOAT32,
    "kind": "jet",
    "year": 1999,
    "built": "1999-01-01T00:00:00",
    "distance": 100.5,
    "jet": True,
    "load": -0.5,
}


def test_a_row_gets_its_features(store):
    fill(store)
    before = counted()
    (made,) = lookup_in(store).rows([row()])
    assert made == {**row(), **FOUND}
    assert {name: type(value) for name, value in made.items() if name in FOUND} == {
        name: type(value) for name, value in FOUND.items()
    }
    assert since(before) == {
        ("plane", "present"): 3,
        ("plane_facts", "present"): 2,
        ("route", "present"): 2,
        ("world", "present"): 1,
    }


def test_columns_get_what_rows_get(store):
    fill(store)
    rows = [row(), row(tailnum="N2"), row(number=8, tailnum=None), row(origin="LGA", tailnum="N3")]
    lookup = lookup_in(store)
    by_rows = lookup.rows(rows)
    by_lists = lookup.lists({name: [item[name] for item in rows] for name in rows[0]})
    assert [
        dict(zip(by_lists, item, strict=True)) for item in zip(*by_lists.values(), strict=True)
    ] == [{name: item[name] for name in by_lists} for item in by_rows]


def test_ages_are_counted_from_the_rows_time(store):
    """At the TTL to the second a value counts, a second later it does not."""
    fill(store)
    before = counted()
    rows = lookup_in(store, columns=["seats"]).rows(
        [
            row(),
            row(at="2013-10-01T06:00:01"),
            row(at="2013-10-01T08:00:00+02:00"),
            row(at="2013-10-01T03:00"),
        ]
    )
    assert [item["seats"] for item in rows] == [150, None, 150, 150]
    assert since(before) == {
        ("plane", "present"): 2,
        ("plane", "stale"): 1,
        ("plane", "ahead"): 1,
    }


def test_without_a_time_in_the_request_it_is_now(store):
    fill(store)
    for given in ({}, {"at": None}):
        rows = [{"tailnum": "N1", **given}]
        for now, wanted in ((T / 1e6, 150), (T / 1e6 + 1, None)):
            made = lookup_in(store, columns=["seats"], now=lambda now=now: now).rows(rows)
            assert made[0]["seats"] == wanted


def test_microseconds_count_where_the_store_keeps_them(store):
    store.put("plane", {"tailnum": "N1"}, T - HOUR + 1, seats=1, weight=1.0, kind="a")
    made = lookup_in(store).rows(
        [row(at="2013-10-01T06:00:00.000001"), row(at="2013-10-01T06:00:00.000002")]
    )
    # Feast's own SQLite store drops what is less than a second.
    exact = not isinstance(store, SqliteStore) or store.exact
    assert [item["seats"] for item in made] == ([1, None] if exact else [None, None])


def test_nulls_are_missing_and_counted(store):
    store.put("plane", {"tailnum": "N1"}, T, seats=None, weight=float("nan"), kind="a")
    before = counted()
    (made,) = lookup_in(store).rows([row()])
    assert (made["seats"], made["weight"], made["kind"]) == (None, None, "a")
    assert since(before) == {
        ("plane", "present"): 1,
        ("plane", "missing"): 2,
        ("plane_facts", "missing"): 2,
        ("route", "missing"): 2,
        ("world", "missing"): 1,
    }


@pytest.mark.parametrize(
    "values", [{"tailnum": None}, {"tailnum": "nobody"}, {"tailnum": ""}, {"tailnum": "Ünbekannt"}]
)
def test_unknown_and_null_keys_are_missing(store, values):
    fill(store)
    (made,) = lookup_in(store).rows([row(**values)])
    assert (made["seats"], made["year"], made["distance"]) == (None, None, 100.5)


def test_a_key_with_one_part_null_is_missing(store):
    fill(store)
    made = lookup_in(store).rows([row(number=None), row(origin=None), row()])
    assert [item["distance"] for item in made] == [None, None, 100.5]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tailnum": 1}, "instances[0]: the column 'tailnum' has a wrong value"),
        ({"tailnum": ["N1"]}, "'tailnum' has a wrong value"),
        ({"number": "7"}, "'number' has a wrong value"),
        ({"number": 7.5}, "'number' has a wrong value"),
        ({"number": True}, "'number' has a wrong value"),
        ({"number": 2**63}, "out of range"),
        ({"at": "yesterday"}, "'at' has a wrong value"),
        ({"at": 5}, "'at' has a wrong value"),
    ],
)
def test_keys_of_a_wrong_type_are_refused(store, values, said):
    with pytest.raises(RequestError) as refused:
        lookup_in(store).rows([row(**values)])
    assert said in str(refused.value)


def test_a_wrong_type_that_equals_a_right_value_is_refused(store):
    with pytest.raises(RequestError, match=r"instances\[1\].*'number'"):
        lookup_in(store).rows([row(number=1), row(number=True)])


def test_a_whole_float_is_a_whole_number(store):
    fill(store)
    made = lookup_in(store).rows([row(number=7.0), row(number=float("nan"))])
    assert [item["distance"] for item in made] == [100.5, None]


def test_a_missing_key_column_is_named(store):
    incomplete = {name: value for name, value in row().items() if name != "tailnum"}
    with pytest.raises(RequestError, match=r"instances\[1\]: the column 'tailnum' is missing"):
        lookup_in(store).rows([row(), incomplete])
    with pytest.raises(RequestError, match="the column 'tailnum' is missing"):
        lookup_in(store).lists({name: [value] for name, value in incomplete.items()})
    with pytest.raises(RequestError, match="did you mean 'tail_num'"):
        lookup_in(store).rows([{**incomplete, "tail_num": "N1"}])


def test_what_is_given_is_kept_null_too(store):
    fill(store)
    before = counted()
    given = {"seats": 7, "weight": None, "year": None, "built": None}
    made = lookup_in(store).rows([row(**given), row()])
    assert made[0] == {**row(), **FOUND, **given}
    assert made[1] == {**row(), **FOUND}
    assert since(before) == {
        ("plane", "given"): 2,
        ("plane_facts", "given"): 2,
        ("plane", "present"): 4,
        ("plane_facts", "present"): 2,
        ("route", "present"): 4,
        ("world", "present"): 2,
    }


def test_what_is_given_needs_neither_key_nor_store(tmp_path):
    plan = plan_of()
    reader = open_reader(f"sqlite:{tmp_path / 'none.db'}", plan, 1)
    lookup = FeatureLookup(plan, reader, config=LONG)
    assert lookup.rows([FOUND, FOUND]) == [FOUND, FOUND]
    lists = {name: [value] for name, value in FOUND.items()}
    assert lookup.lists(lists) == lists
    assert lookup.rows([]) == []


def test_only_what_the_model_reads_is_looked_up(store):
    fill(store)
    made = lookup_in(store, columns=["weight"]).rows([{"tailnum": "N1", "at": AT}])
    assert made == [{"tailnum": "N1", "at": AT, "weight": FLOAT32}]


def test_many_rows_of_few_keys(store):
    fill(store)
    rows = [row(tailnum=f"N{place % 5}", number=place % 9) for place in range(1000)]
    made = lookup_in(store).rows(rows)
    assert [item["year"] for item in made] == [1999 if r["tailnum"] == "N1" else None for r in rows]
    assert [item["jet"] for item in made] == [True if r["number"] == 7 else None for r in rows]


def test_many_keys(store):
    for place in range(0, 1300, 100):
        store.put("route", {"origin": "JFK", "number": place}, T, distance=float(place), jet=False)
    made = lookup_in(store, columns=["distance"]).rows([row(number=place) for place in range(1300)])
    assert [item["distance"] for item in made] == [
        float(place) if place % 100 == 0 else None for place in range(1300)
    ]


def test_many_threads_get_their_own(store):
    for place in range(50):
        store.put("route", {"origin": "JFK", "number": place}, T, distance=float(place), jet=False)
    lookup = lookup_in(store, columns=["distance"])

    def ask(place):
        return [r["distance"] for r in lookup.rows([row(number=place), row(number=49 - place)])]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, list(range(50)) * 6))
    assert found == [[float(place), float(49 - place)] for place in range(50)] * 6
    lookup.close()


@pytest.mark.parametrize(
    "damaged", [b"\x29\x00", b"\x21", b"\x12\x05abc", b"\xff" * 11, b"\x08\x01"]
)
def test_damaged_values_are_refused_and_stop_nobody_else(store, damaged):
    fill(store)
    store.put("route", {"origin": "EWR", "number": 1}, T, distance=damaged, jet=True)
    lookup, before = lookup_in(store, config=LookupConfig(timeout_ms=5000)), failures("damaged")
    with pytest.raises(FeaturesUnavailableError, match="looked up") as refused:
        lookup.rows([row(origin="EWR", number=1)])
    assert refused.value.reason == "damaged"
    assert failures("damaged") == before + 1
    assert lookup.rows([row()])[0]["distance"] == 100.5


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        *(("event_us", value) for value in ("'text'", "1.5", "x'00'")),
        *(("event_ts", value) for value in ("'text'", "1.5", "x'00'", "1 << 62", "NULL")),
        ("event_ts", "CAST(x'fffe' AS TEXT)"),
    ],
)
def test_a_damaged_time_stops_nobody_else(tmp_path, column, stored):
    store = SqliteStore(tmp_path / "online.db", plan_of(), exact=column == "event_us")
    fill(store)
    store.put("route", {"origin": "EWR", "number": 1}, T, distance=1.0, jet=True)
    store.handle.execute(
        f"UPDATE flights_route SET {column} = {stored} WHERE instr(entity_key, x'455752')"
    )
    store.handle.commit()
    lookup = lookup_in(store, config=LookupConfig(timeout_ms=5000, pause_ms=60_000))
    with pytest.raises(FeaturesUnavailableError) as refused:
        lookup.rows([row(origin="EWR", number=1)])
    assert refused.value.reason == "damaged"
    assert lookup.rows([row()])[0]["distance"] == 100.5


def test_a_key_that_is_no_hash_stops_nobody_else(real_redis):
    store = RedisStore(real_redis.url, plan_of(project="nohash"))
    fill(store)
    store.put("route", {"origin": "EWR", "number": 1}, T, distance=1.0, jet=True)
    (key,) = store.client.keys("*EWR*nohash")
    store.client.set(key, b"text")
    lookup = lookup_in(store, config=LookupConfig(timeout_ms=5000, pause_ms=60_000))
    with pytest.raises(FeaturesUnavailableError) as refused:
        lookup.rows([row(origin="EWR", number=1)])
    assert refused.value.reason == "damaged"
    assert lookup.rows([row()])[0]["distance"] == 100.5


def test_a_store_without_the_views_table_is_told(tmp_path):
    store = SqliteStore(tmp_path / "online.db", plan_of(views=VIEWS[:1]))
    reader = open_reader(store.where, plan_of(), 1)
    with pytest.raises(FeaturesUnavailableError, match="no table of the view 'plane_facts'"):
        FeatureLookup(plan_of(), reader, config=LONG).rows([row()])


def test_a_key_version_of_old_is_refused():
    old = FeaturePlan(**{**vars(plan_of()), "key_version": 2})
    with pytest.raises(ArtifactError, match="version 2"):
        FeatureLookup(old, None)


# What is computed on demand.


@pytest.fixture
def computing(store, tmp_path):
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    store.plan = plan_of(store.plan.project, (CLOCK,))
    fill(store)
    return store, tmp_path


def test_features_are_computed_of_the_request_and_of_features(computing):
    store, folder = computing
    before = counted()
    made = lookup_in(store, folder=folder, columns=["hour_of_day", "speed"]).rows(
        [row(minutes=1005), row(minutes=None), row(number=0, minutes=5)]
    )
    assert [(item["hour_of_day"], item["speed"]) for item in made] == [
        (6, FLOAT32),
        (6, None),
        (6, None),
    ]
    assert (
        since(before)
        == {
            ("clock", "present"): 4,
            ("clock", "missing"): 2,
            ("route", "present"): 2,
            ("route", "missing"): 1,
        }
        or since(before)[("clock", "present")] == 4
    )


def test_what_is_given_is_not_computed_and_its_inputs_not_needed(computing):
    store, folder = computing
    lookup = lookup_in(store, folder=folder, columns=["hour_of_day", "speed"])
    given = {"hour_of_day": 1, "speed": None}
    assert lookup.rows([given]) == [given]
    assert lookup.rows([row(minutes=1005, distance=2010.0, hour_of_day=3)])[0]["speed"] == 2.0


def test_without_a_store_what_needs_none_is_computed(computing):
    store, folder = computing
    lookup = FeatureLookup(store.plan, None, folder=folder, columns=["hour_of_day", "speed"])
    assert lookup.rows([{"at": AT, "minutes": 2, "distance": 4.0}])[0]["speed"] == 2.0
    with pytest.raises(RequestError, match="--features"):
        lookup.rows([row(minutes=5)])


def test_a_function_leaves_no_bytecode_and_its_faults_are_told(computing):
    store, folder = computing
    lookup = lookup_in(store, folder=folder)
    with pytest.raises(RequestError, match="cannot be computed") as refused:
        lookup.rows([row(minutes=0)])
    assert "ZeroDivisionError" in str(refused.value)
    assert sorted(path.name for path in folder.rglob("*.py*")) == ["functions.py"]
    (folder / "functions.py").write_text("def clock(inputs):\n    return {'hour_of_day': [1]}\n")
    with pytest.raises(ArtifactError, match="did not return 'speed'"):
        lookup_in(store, folder=folder).rows([row(minutes=1)])
    (folder / "functions.py").write_text("def clock(inputs):\n    raise SystemExit(0)\n")
    lookup = lookup_in(store, folder=folder)
    with pytest.raises(RequestError, match="cannot be computed"):
        lookup.rows([row(minutes=1)])
    for text in ("import nothing_of_the_kind\n", "raise SystemExit(0)\n", "clock = 1\n"):
        (folder / "functions.py").write_text(text)
        with pytest.raises(ArtifactError, match="cannot be loaded"):
            lookup_in(store, folder=folder)


# A store that does not answer.


def test_a_store_that_is_gone_is_refused_or_imputed_and_noticed_when_back(tmp_path):
    store = SqliteStore(tmp_path / "online.db", plan_of())
    fill(store)
    store.handle.close()
    refusing = lookup_in(store)
    imputing = lookup_in(store, config=LookupConfig(fallback="impute", timeout_ms=5000, pause_ms=0))
    assert refusing.rows([row()])[0]["seats"] == 150
    (tmp_path / "online.db").rename(tmp_path / "aside.db")
    before, failed = counted(), failures("unreachable")
    with pytest.raises(FeaturesUnavailableError) as refused:
        refusing.rows([row()])
    assert refused.value.reason == "unreachable"
    assert refused.value.retry_seconds >= 1
    assert imputing.rows([row(), row(seats=1)]) == [
        {**row(), **dict.fromkeys(FOUND)},
        {**row(), **dict.fromkeys(FOUND), "seats": 1},
    ]
    assert failures("unreachable") == failed + 2
    assert since(before)["plane", "unavailable"] == 3 + 3 + 2
    (tmp_path / "aside.db").rename(tmp_path / "online.db")
    assert refusing.rows([row()])[0]["seats"] == 150
    assert imputing.rows([row()])[0]["seats"] == 150


def test_a_file_put_in_the_place_of_another_is_noticed(tmp_path):
    store = SqliteStore(tmp_path / "online.db", plan_of())
    fill(store)
    lookup = lookup_in(store)
    assert lookup.rows([row()])[0]["seats"] == 150
    other = SqliteStore(tmp_path / "other.db", plan_of())
    other.put("plane", {"tailnum": "N1"}, T, seats=9, weight=1.0, kind="new")
    (tmp_path / "other.db").rename(tmp_path / "online.db")
    assert lookup.rows([row()])[0]["seats"] == 9


def test_a_writer_in_the_way_is_waited_for_until_the_deadline(tmp_path):
    store = SqliteStore(tmp_path / "online.db", plan_of())
    fill(store)
    lookup = lookup_in(store, config=LookupConfig(timeout_ms=100, pause_ms=0))
    patient = lookup_in(store)
    store.handle.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FeaturesUnavailableError) as refused:
        lookup.rows([row()])
    assert refused.value.reason == "timeout"
    threading.Timer(0.2, store.handle.rollback).start()
    assert patient.rows([row()])[0]["seats"] == 150


def test_a_query_without_an_end_is_interrupted(tmp_path):
    store = SqliteStore(tmp_path / "online.db", plan_of(views=VIEWS[:1]))
    handle, table = store.handle, f"{store.plan.project}_plane"
    handle.execute(f'DROP TABLE "{table}"')
    handle.execute(
        f'CREATE VIEW "{table}" AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) '
        "SELECT CAST(x AS BLOB) AS entity_key, 'a' AS feature_name, NULL AS value, 0 AS event_ts "
        "FROM n"
    )
    lookup = lookup_in(store, config=LookupConfig(timeout_ms=100, pause_ms=0))
    with pytest.raises(FeaturesUnavailableError) as refused:
        lookup.rows([row()])
    assert refused.value.reason == "timeout"


def test_a_redis_that_hangs_dies_and_comes_back(tmp_path):
    with redis_server() as server:
        store = RedisStore(server.url, plan_of())
        fill(store)
        lookup = lookup_in(store, config=LookupConfig(timeout_ms=200, pause_ms=0))
        assert lookup.rows([row()])[0]["seats"] == 150
        os.kill(server.process.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(FeaturesUnavailableError) as refused:
            lookup.rows([row()])
        assert refused.value.reason == "timeout"
        assert time.monotonic() - began >= 0.15
        os.kill(server.process.pid, signal.SIGCONT)
        # What it still sends for the request given up is not taken for the answer to this one.
        store.put("plane", {"tailnum": "N1"}, T, seats=5, weight=1.0, kind="a")
        assert lookup.rows([row()])[0]["seats"] == 5
        server.stop()
        with pytest.raises(FeaturesUnavailableError) as refused:
            lookup.rows([row()])
        assert refused.value.reason == "unreachable"
        command = [
            "redis-server",
            "--port",
            str(server.port),
            "--save",
            "",
            "--logfile",
            "/dev/null",
        ]
        with subprocess.Popen(command, cwd=tmp_path) as again:
            try:
                store = RedisStore(server.url, plan_of())
                wait_for(store.client)
                fill(store)
                assert lookup.rows([row()])[0]["seats"] == 150
            finally:
                again.kill()


def wait_for(client):
    """Waits until a server that was just started answers."""
    for _ in range(400):
        try:
            client.ping()
        except OSError:
            time.sleep(0.05)
        except Exception as error:
            if type(error).__name__ not in ("ConnectionError", "BusyLoadingError"):
                raise
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


def test_after_a_failure_the_store_is_left_alone_for_a_while():
    with redis_server() as server:
        store = RedisStore(server.url, plan_of())
        fill(store)
        lookup = lookup_in(store, config=LookupConfig(timeout_ms=100, pause_ms=60_000))
        os.kill(server.process.pid, signal.SIGSTOP)
        paused = failures("paused")
        reasons = []
        for _ in range(20):
            with pytest.raises(FeaturesUnavailableError) as refused:
                lookup.rows([row()])
            reasons.append(refused.value.reason)
        os.kill(server.process.pid, signal.SIGCONT)
        assert reasons == ["timeout", *["paused"] * 19]
        assert failures("paused") == paused + 19
        assert 30 <= refused.value.retry_seconds <= 60


def test_a_long_request_has_longer_and_keeps_nobody_from_the_store():
    with redis_server() as server:
        store = RedisStore(server.url, plan_of())
        fill(store)
        lookup = lookup_in(store, config=LookupConfig(timeout_ms=100, pause_ms=60_000))
        many = [row(number=number) for number in range(1001)]
        assert [found["jet"] for found in lookup.rows(many)] == [
            True if number == 7 else None for number in range(1001)
        ]
        os.kill(server.process.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(FeaturesUnavailableError) as refused:
            lookup.rows(many)
        assert refused.value.reason == "timeout"
        assert time.monotonic() - began >= 0.29
        with pytest.raises(FeaturesUnavailableError) as refused:
            lookup.rows([row(tailnum="x" * 100_000)])
        assert refused.value.reason == "timeout"
        os.kill(server.process.pid, signal.SIGCONT)
        assert lookup.rows([row()])[0]["seats"] == 150


def test_a_redis_with_a_password(tmp_path):
    with redis_server("--requirepass", "s3cret") as server:
        address = f"127.0.0.1:{server.port}"
        store = RedisStore(f"redis://:s3cret@{address}/1", plan_of())
        fill(store)
        assert lookup_in(store).rows([row()])[0]["seats"] == 150
        for where in (f"redis://{address}/1", f"redis://:wr0ng@{address}/1"):
            with pytest.raises(FeaturesUnavailableError) as refused:
                lookup_in(store, where=where).rows([row()])
            assert refused.value.reason in ("refused", "unreachable")
            assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "reason"),
    [(b"-ERR no\r\n", "refused"), (b"garbage\r\n", ""), (b"*3\r\n$1\r\n", "timeout"), (b"", "")],
)
def test_a_server_that_is_no_redis(said, reason):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            try:
                while True:
                    connection, _ = listener.accept()
                    held.append(connection)
                    while said and connection.recv(65536):
                        connection.sendall(said)
                    if not said:
                        connection.close()
            except OSError:
                return

        held = []
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        store_plan = plan_of()
        where = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        reader = open_reader(where, store_plan, 0.2)
        lookup = FeatureLookup(store_plan, reader, config=LookupConfig(timeout_ms=200))
        with pytest.raises(FeaturesUnavailableError) as refused:
            lookup.rows([row()])
        assert refused.value.reason == reason or not reason
        for connection in held:
            connection.close()
        listener.shutdown(socket.SHUT_RDWR)
