"""A server that looks features up: real stores, over HTTP, both protocols."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from plimsoll.formats.feature_plan import (
    Feature,
    FeaturePlan,
    Key,
    OnDemand,
    View,
    write_plan,
)
from plimsoll.formats.package import open_package
from redis_server import real_redis, redis_server
from serving.conftest import COMMAND, serving
from serving.made_package import INSTANCES, make_package
from serving.online.stored import RedisStore, SqliteStore

__all__ = ["real_redis"]

T = 1_380_607_200_000_000
HOUR = 3_600_000_000
AT = "2013-10-01T06:00:00"
PLAN = FeaturePlan(
    project="flights",
    service="late_v1",
    registry_sha256="0" * 64,
    key_version=3,
    time="at",
    views=(
        View(
            name="plane",
            keys=(Key(column="tailnum", join_key="tailnum", type="STRING"),),
            features=(
                Feature(name="distance", column="distance", type="DOUBLE"),
                Feature(name="unread", column="unread", type="DOUBLE"),
            ),
            ttl_us=HOUR,
        ),
        View(
            name="carriers",
            keys=(Key(column="carrier", join_key="carrier", type="STRING"),),
            features=(Feature(name="weekend", column="weekend", type="BOOL"),),
        ),
    ),
    on_demand=(
        OnDemand(
            name="clock",
            file="clock.py",
            function="clock",
            inputs=("at",),
            features=(Feature(name="hour", column="hour", type="INT64"),),
        ),
    ),
)
CLOCK = "def clock(inputs):\n    return {'hour': [at and at.hour for at in inputs['at']]}\n"
ROW = {"tailnum": "N1", "carrier": "UA", "at": AT}
WHOLE = {"distance": 1400.0, "hour": 6, "carrier": "UA", "weekend": False, "at": AT}
NOTHING = {**WHOLE, "distance": None}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("featured")
    (folder / "clock.py").write_text(CLOCK)
    write_plan(folder / "plan", PLAN, {"clock.py": folder / "clock.py"})
    return make_package(folder, features=folder / "plan", keys=("tailnum",))


def filled(store):
    store.put("plane", {"tailnum": "N1"}, T, distance=1400.0, unread=1.0)
    store.put("plane", {"tailnum": "OLD"}, T - HOUR - 1_000_000, distance=1400.0, unread=1.0)
    store.put("plane", {"tailnum": "NEW"}, T + 1_000_000, distance=1400.0, unread=1.0)
    store.put("plane", {"tailnum": "NULL"}, T, distance=None, unread=1.0)
    store.put("carriers", {"carrier": "UA"}, T, weekend=False)
    return store


@pytest.fixture
def sqlite(tmp_path):
    return filled(SqliteStore(tmp_path / "online.db", PLAN))


@pytest.fixture(scope="module")
def featured(package, tmp_path_factory):
    """A server with a store."""
    folder = tmp_path_factory.mktemp("server")
    store = filled(SqliteStore(folder / "online.db", PLAN))
    with serving(package.folder, folder / "log", "--features", store.where, *SLOW) as server:
        server.said = server.process.stdout.readline()
        server.where = store.where
        yield server


@pytest.fixture(scope="module")
def bare(package, tmp_path_factory):
    """A server without one."""
    with serving(package.folder, tmp_path_factory.mktemp("bare") / "log") as server:
        yield server


SLOW = ("--features-timeout-ms", "20000", "--features-pause-ms", "0")


def answers(server, rows):
    status, content = server.ask(rows)
    assert status == 200, content
    # Rows are computed together, and other numbers of rows may round the last digits otherwise.
    return json.loads(
        json.dumps(content["predictions"]), parse_float=lambda text: round(float(text), 6)
    )


def ask_v2(server, columns):
    kinds = {"distance": "FP64", "hour": "INT64", "weekend": "BOOL"}
    inputs = [
        {"name": name, "datatype": kinds.get(name, "BYTES"), "shape": [len(data)], "data": data}
        for name, data in columns.items()
    ]
    body = json.dumps({"inputs": inputs}).encode()
    return server.send("/v2/models/arrived_late/infer", body)


def metrics(server):
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as response:
        text = response.read().decode()
    found = re.findall(
        r'^plimsoll_feature_values_total\{status="(\w+)",view="(\w+)"\} (\S+)', text, re.M
    )
    return {(view, status): float(number) for status, view, number in found if float(number)}, text


def test_features_are_looked_up_over_both_protocols(package, featured):
    server = featured
    before, _ = metrics(server)
    wanted, without = answers(server, [WHOLE, NOTHING])
    assert wanted != without
    assert answers(server, [ROW]) == [wanted]
    tails = ["N1", "OLD", "NEW", "NULL", "nobody", None, "N1"]
    rows = [{**ROW, "tailnum": tail} for tail in tails]
    rows[-1]["distance"] = None
    expected = [wanted, without, wanted, without, without, without, without]
    assert answers(server, rows) == expected
    columns = {name: [row[name] for row in rows[:-1]] for name in ROW}
    status, content = ask_v2(server, columns)
    assert status == 200, content
    probabilities = next(item for item in content["outputs"] if item["name"] == "probabilities")
    flat = [value for item in expected[:-1] for value in item["probabilities"].values()]
    assert probabilities["data"] == pytest.approx(flat, abs=1e-6)
    found, text = metrics(server)
    assert {key: found[key] - before.get(key, 0) for key in found} == {
        ("plane", "present"): 1 + 1 + 1,
        ("plane", "missing"): 3 + 3,
        ("plane", "stale"): 1 + 1,
        ("plane", "ahead"): 1 + 1,
        ("plane", "given"): 2 + 1,
        ("carriers", "present"): 1 + 7 + 6,
        ("carriers", "given"): 2,
        ("clock", "present"): 1 + 7 + 6,
        ("clock", "given"): 2,
    }
    assert "plimsoll_feature_lookup_seconds_bucket" in text
    assert featured.log.read_text() == ""
    open_package(package.folder)


def test_the_warm_up_is_answered_as_recorded_without_a_store(package, bare):
    instances, recorded = package.warmup()
    server = bare
    assert server.ask(instances) == (200, {"predictions": recorded})
    assert server.ask(INSTANCES) == (200, {"predictions": recorded})
    status, content = server.ask([{**ROW, "weekend": True}])
    assert status == 400
    assert "instances[0]: the column 'distance' is missing" in content["error"]
    assert "--features" in content["error"]


def test_the_example_leaves_out_what_is_looked_up(featured, bare):
    sent = json.loads(featured.curl.split(" -d ", 1)[1].strip().strip("'"))["instances"]
    assert [set(row) for row in sent] == [{"tailnum", "carrier", "at"}]
    assert featured.ask(sent)[0] == 200
    assert featured.said == f"features of late_v1 come from {featured.where}\n"
    assert "distance" in bare.curl


def test_the_metadata_lists_keys_and_features(bare):
    _, content = bare.send("/v2/models/arrived_late", None)
    assert [item["name"] for item in content["inputs"]] == [*WHOLE, "tailnum"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"carrier": "UA", "at": AT}, "the column 'tailnum' is missing"),
        ({**ROW, "tailnum": 5}, "'tailnum' has a wrong value"),
        ({**ROW, "at": "soon"}, "'at' has a wrong value"),
        ({**ROW, "tailnumber": "x"}, "there is no column 'tailnumber'"),
        ({**ROW, "distance": "far"}, "'distance' has a wrong value"),
    ],
)
def test_what_cannot_be_looked_up_is_refused(featured, row, said):
    status, content = featured.ask([ROW, row])
    assert (status, said in content["error"]) == (400, True), content
    assert "instances[1]" in content["error"]


def test_many_requests_at_once_get_their_own(package, real_redis, tmp_path):
    store = filled(RedisStore(real_redis.url, PLAN))
    with serving(package.folder, tmp_path / "log", "--features", store.where, *SLOW) as server:
        wanted, without = answers(server, [WHOLE, NOTHING])

        def ask(place):
            rows = [{**ROW, "tailnum": "N1" if (place + i) % 2 else "nobody"} for i in range(3)]
            expected = [wanted if (place + i) % 2 else without for i in range(3)]
            return answers(server, rows) == expected

        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(ask, range(200)))


def test_a_store_that_hangs_and_dies_is_refused_and_noticed_when_back(package, tmp_path):
    with redis_server() as redis:
        filled(RedisStore(redis.url, PLAN))
        options = (
            "--features",
            redis.url,
            "--features-timeout-ms",
            "300",
            "--features-pause-ms",
            "50",
        )
        with serving(package.folder, tmp_path / "log", *options) as server:
            (wanted,) = answers(server, [ROW])
            os.kill(redis.process.pid, signal.SIGSTOP)
            body = json.dumps({"instances": [ROW]}).encode()
            for path in ("/v1/models/arrived_late:predict", "/v1/models/arrived_late:predict"):
                request = urllib.request.Request(
                    server.url + path, data=body, headers={"Content-Type": "application/json"}
                )
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request, timeout=60)
                assert refused.value.code == 503
                assert int(refused.value.headers["Retry-After"]) >= 1
                assert "cannot be looked up" in json.loads(refused.value.read())["error"]
            assert ask_v2(server, {name: [value] for name, value in ROW.items()})[0] == 503
            # What asks the store nothing is answered all the while, and so are probes.
            assert answers(server, [WHOLE]) == [wanted]
            assert server.send("/v2/models/arrived_late/ready", None)[0] == 200
            os.kill(redis.process.pid, signal.SIGCONT)
            found = None
            while found != 200:
                found, _ = server.ask([ROW])
            assert answers(server, [ROW]) == [wanted]
            redis.stop()
            assert server.ask([ROW])[0] == 503
            counted, text = metrics(server)
            assert counted["plane", "unavailable"] >= 4
            assert re.search(r'lookup_failures_total\{reason="timeout"\} [1-9]', text)
            assert re.search(r'lookup_failures_total\{reason="unreachable"\} [1-9]', text)
        log = (tmp_path / "log").read_text()
        assert "answers again" in log
        assert "Traceback" not in log


def test_a_dead_store_is_imputed_if_told(package, sqlite, tmp_path):
    options = ("--features", sqlite.where, "--features-fallback", "impute", *SLOW)
    with serving(package.folder, tmp_path / "log", *options) as server:
        whole, nothing = answers(server, [WHOLE, {**NOTHING, "weekend": None}])
        assert answers(server, [ROW]) == [whole]
        sqlite.path.rename(tmp_path / "aside.db")
        assert answers(server, [ROW, {**ROW, "distance": 1400.0, "weekend": False}]) == [
            nothing,
            whole,
        ]
        (tmp_path / "aside.db").rename(sqlite.path)
        assert answers(server, [ROW]) == [whole]


def test_a_store_that_is_not_there_yet_is_warned_of(package, tmp_path):
    where = f"sqlite:{tmp_path / 'none.db'}"
    with serving(package.folder, tmp_path / "log", "--features", where) as server:
        assert server.ask([ROW])[0] == 503
        assert server.ask([WHOLE])[0] == 200
    assert "does not answer yet" in (tmp_path / "log").read_text()


def test_the_environment_names_the_store_and_no_password_is_shown(package, tmp_path, monkeypatch):
    with redis_server("--requirepass", "s3cret") as redis:
        url = redis.url.replace("redis://", "redis://:s3cret@")
        filled(RedisStore(url, PLAN))
        monkeypatch.setenv("PLIMSOLL_FEATURES", url)
        with serving(package.folder, tmp_path / "log", *SLOW) as server:
            said = server.process.stdout.readline()
            assert said == f"features of late_v1 come from {redis.url}\n"
            assert server.ask([ROW])[0] == 200
        monkeypatch.setenv("PLIMSOLL_FEATURES", url.replace("s3cret", "wr0ng"))
        with serving(package.folder, tmp_path / "log", *SLOW) as server:
            status, content = server.ask([ROW])
            assert status == 503
        for text in (content["error"], (tmp_path / "log").read_text()):
            assert "wr0ng" not in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--features", "nowhere"], "there is no feature store at 'nowhere'"),
        (["--features", "gs://bucket/repo"], "choices:"),
        (["--features", "redis://:s3cret@host:port/0"], "not the address of a Redis"),
        (["--features", "http://"], "not the address of a feature server"),
        (["--features", "x", "--features-timeout-ms", "0"], "timeout_ms must be a number above 0"),
        (["--features", "x", "--features-fallback", "guess"], "invalid choice"),
    ],
)
def test_what_names_no_store_is_refused_at_the_start(package, options, said):
    done = subprocess.run(
        [*COMMAND, "--model-dir", package.folder, "--port", "0", *options],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_without_features_needs_no_store(packages, tmp_path):
    where = f"sqlite:{tmp_path / 'x.db'}"
    with serving(packages["binary"], tmp_path / "log", "--features", where) as server:
        assert server.ask(INSTANCES)[0] == 200
    assert "no features to look up" in (tmp_path / "log").read_text()


def test_a_changed_function_is_refused(package, tmp_path):
    import shutil

    shutil.copytree(package.folder, tmp_path / "copy")
    (tmp_path / "copy" / "features" / "clock.py").write_text("import os\n" + CLOCK)
    done = subprocess.run(
        [*COMMAND, "--model-dir", tmp_path / "copy", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "was changed after it was made" in done.stderr
