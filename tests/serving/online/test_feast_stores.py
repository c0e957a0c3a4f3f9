"""What Feast wrote, looked up in SQLite, in Redis and through a Feast feature server."""

import http.server
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from plimsoll.serving.features.lookup import FeatureLookup, FeaturesUnavailableError
from plimsoll.serving.lookup_config import LookupConfig
from plimsoll.serving.online.stores import open_reader
from redis_server import real_redis
from serving.features.test_lookup import LONG, VIEWS, plan_of, row

__all__ = ["real_redis"]

NOW = datetime(2013, 10, 1, 6, tzinfo=UTC)
WIDE = LookupConfig(timeout_ms=60_000, pause_ms=0)
ROWS = [
    row(),
    row(tailnum="N2", number=8),
    row(tailnum="nobody", origin="LGA"),
    row(tailnum=None, number=None),
    row(at="2013-10-01T07:00:00.5"),
    row(at="2013-10-01T05:00:00"),
]


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def repository(request, tmp_path_factory):
    """A repository that Feast applied and filled, and Feast's store of it."""
    from feast import Entity, FeatureStore, FeatureView, Field, PushSource, ValueType, types
    from feast.infra.offline_stores.file_source import FileSource

    folder = tmp_path_factory.mktemp(request.param)
    online = (
        {"type": "sqlite", "path": "online.db"}
        if request.param == "sqlite"
        else {"type": "redis", "connection_string": "${LOOKUP_TEST_REDIS},db=0"}
    )
    server = request.getfixturevalue("real_redis")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKUP_TEST_REDIS", server.connection_string)
        (folder / "feature_store.yaml").write_text(
            json.dumps(
                {
                    "project": "flights",
                    "provider": "local",
                    "registry": str(folder / "registry.db"),
                    "online_store": online,
                    "offline_store": {"type": "file"},
                    "entity_key_serialization_version": 3,
                }
            )
        )
        kinds = {"INT64": "Int64", "INT32": "Int32", "DOUBLE": "Float64", "FLOAT": "Float32"}
        kinds |= {"STRING": "String", "BOOL": "Bool", "UNIX_TIMESTAMP": "UnixTimestamp"}
        entities = {
            (key.join_key): Entity(
                name=key.join_key, join_keys=[key.join_key], value_type=ValueType[key.type]
            )
            for view in VIEWS
            for key in view.keys
            if key.column
        }
        views = []
        for view in VIEWS:
            source = FileSource(
                name=f"{view.name}_file",
                path=str(folder / f"{view.name}.parquet"),
                timestamp_field="event",
            )
            keys = [key for key in view.keys if key.column]
            views.append(
                FeatureView(
                    name=view.name,
                    entities=[entities[key.join_key] for key in keys],
                    ttl=timedelta(microseconds=view.ttl_us),
                    source=PushSource(name=f"{view.name}_push", batch_source=source),
                    schema=[
                        *(
                            Field(name=key.join_key, dtype=getattr(types, kinds[key.type]))
                            for key in keys
                        ),
                        *(
                            Field(name=item.name, dtype=getattr(types, kinds[item.type]))
                            for item in view.features
                        ),
                    ],
                )
            )
        for name, frame in frames().items():
            frame.to_parquet(folder / f"{name}.parquet")
        store = FeatureStore(repo_path=str(folder))
        store.apply([*entities.values(), *views])
        for name, frame in frames().items():
            # Feast writes a view without entities under another key than it reads, but for here.
            if name == "world":
                store.materialize(NOW - timedelta(days=1), NOW + timedelta(days=1), [name])
            else:
                store.write_to_online_store(name, frame)
        yield folder, store


def frames():
    return {
        "plane": pd.DataFrame(
            {
                "event": [NOW, NOW - timedelta(hours=2)],
                "tailnum": ["N1", "N2"],
                "seats": [150, 50],
                "weight": pd.array([0.1, 2.0], "float32"),
                "kind": ["jet", "prop"],
            }
        ),
        "plane_facts": pd.DataFrame(
            {
                "event": [NOW, NOW],
                "tailnum": ["N1", "N2"],
                "year": pd.array([1999, None], "Int32"),
                "built": [datetime(1999, 1, 1, tzinfo=UTC), pd.NaT],
            }
        ),
        "route": pd.DataFrame(
            {
                "event": [NOW, NOW],
                "origin": ["JFK", "JFK"],
                "a_number": [7, 8],
                "distance": [0.1, float("nan")],
                "jet": [True, None],
            }
        ),
        "world": pd.DataFrame({"event": [NOW], "load": [0.25]}),
    }


N1 = {
    "seats": 150,
    "weight": 0.10000000149011612,
    "kind": "jet",
    "year": 1999,
    "built": "1999-01-01T00:00:00",
    "distance": 0.1,
    "jet": True,
}
WANTED = [
    {**N1, "load": 0.25},
    {**dict.fromkeys(N1), "load": 0.25},
    {**dict.fromkeys(N1), "load": 0.25},
    {**dict.fromkeys(N1), "load": 0.25},
    {**N1, "seats": None, "weight": None, "kind": None, "load": 0.25},
    {**N1, "load": 0.25},
]


def test_feasts_own_store_is_looked_up(repository):
    folder, _ = repository
    reader = open_reader(str(folder), plan_of(), 60)
    found = FeatureLookup(plan_of(), reader, config=WIDE).rows(ROWS)
    assert [{name: item[name] for name in WANTED[0]} for item in found] == WANTED


def test_values_are_those_that_feast_gives(repository):
    folder, store = repository
    reader = open_reader(str(folder / "feature_store.yaml"), plan_of(), 60)
    (found,) = FeatureLookup(plan_of(), reader, config=WIDE).rows([row()])
    names = [f"{view.name}:{item.name}" for view in VIEWS for item in view.features]
    theirs = store.get_online_features(
        features=names, entity_rows=[{"tailnum": "N1", "origin": "JFK", "a_number": 7}]
    ).to_dict()
    for name in WANTED[0]:
        value = theirs[name][0]
        value = value.replace(tzinfo=None).isoformat() if name == "built" else value
        assert found[name] == value


@pytest.fixture
def feature_server(repository):
    import uvicorn
    from feast.feature_server import get_app

    config = uvicorn.Config(get_app(repository[1]), port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


def test_a_feature_server_gives_the_same(feature_server):
    reader = open_reader(feature_server, plan_of(), 60)
    lookup = FeatureLookup(plan_of(), reader, config=WIDE)
    found = lookup.rows(ROWS)
    assert [{name: item[name] for name in WANTED[0]} for item in found] == WANTED
    lookup.close()


def test_a_view_that_a_feature_server_does_not_know_is_told(feature_server):
    view = VIEWS[0].__class__(**{**vars(VIEWS[0]), "name": "plain"})
    plan = plan_of(views=(view,))
    lookup = FeatureLookup(plan, open_reader(feature_server, plan, 60), config=WIDE)
    with pytest.raises(FeaturesUnavailableError, match="answered with an error") as refused:
        lookup.rows([row()])
    assert refused.value.reason == "refused"


# Servers that are none.


class _Odd(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.act(self)

    def log_message(self, *_):
        pass


@pytest.fixture
def odd():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Odd) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        thread.start()
        yield server, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def says(body, status=200):
    def act(handler):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return act


def trickles(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def trickles_its_head(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(40):
        handler.wfile.write(b"X")
        time.sleep(0.05)


def answer(**changes):
    vector = {"values": [1], "statuses": ["PRESENT"], "event_timestamps": ["2013-10-01T06:00:00Z"]}
    names = ["plane_facts__year", "plane_facts__built"]
    return {
        "metadata": {"feature_names": names},
        "results": [{**vector, **changes}, {**vector, "values": [0]}],
    }


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (says(b"not JSON"), "damaged"),
        (says([]), "damaged"),
        (says({"metadata": {"feature_names": []}, "results": []}), "damaged"),
        (says(answer(values=["text"])), "damaged"),
        (says(answer(values=[1.5])), "damaged"),
        (says(answer(values=[2**40])), "damaged"),
        (says(answer(values=[[1]])), "damaged"),
        (says(answer(values=[1, 2])), "damaged"),
        (says(answer(statuses=["MAYBE"])), "damaged"),
        (says(answer(event_timestamps=["soon"])), "damaged"),
        (says(answer(event_timestamps=[])), "damaged"),
        (says(answer(event_timestamps=[5])), "damaged"),
        (says(answer(event_timestamps=[None])), "damaged"),
        (says(b"[" * 100_000), "damaged"),
        (says({"detail": "no"}, 500), "refused"),
        (says(b"", 302), "refused"),
        (trickles, "timeout"),
        (trickles_its_head, "timeout"),
        (lambda _: time.sleep(2), "timeout"),
        (lambda handler: handler.connection.close(), "unreachable"),
    ],
)
def test_a_server_that_is_no_feature_server(odd, act, reason):
    server, url = odd
    plan = plan_of(views=VIEWS[1:2])
    config = LookupConfig(timeout_ms=300, pause_ms=0)
    lookup = FeatureLookup(plan, open_reader(url, plan, 0.3), config=config)
    server.act = act
    with pytest.raises(FeaturesUnavailableError) as refused:
        lookup.rows([row()])
    assert refused.value.reason == reason
    server.act = says(answer())
    lookup = FeatureLookup(plan, open_reader(url, plan, 60), config=WIDE)
    assert lookup.rows([row()])[0]["year"] == 1


def test_a_feature_server_that_is_not_there(odd):
    server, url = odd
    server.shutdown()
    server.server_close()
    plan = plan_of(views=VIEWS[1:2])
    lookup = FeatureLookup(plan, open_reader(url, plan, 5), config=LONG)
    with pytest.raises(FeaturesUnavailableError) as refused:
        lookup.rows([row()])
    assert refused.value.reason == "unreachable"
