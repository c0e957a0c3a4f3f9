"""What names an online store, and what does not; passwords are never shown."""

import json

import pytest

from plimsoll.errors import ConfigError
from plimsoll.serving.online.feature_server import HttpReader
from plimsoll.serving.online.redis import RedisReader
from plimsoll.serving.online.sqlite import SqliteReader
from plimsoll.serving.online.stores import connection_options, open_reader, shown
from serving.features.test_lookup import plan_of


def repository(folder, online_store="absent", project="flights"):
    settings = {"project": project, "registry": "r.db", "provider": "local"}
    if online_store != "absent":
        settings["online_store"] = online_store
    (folder / "feature_store.yaml").write_text(json.dumps(settings))
    return str(folder)


def opened(where):
    return open_reader(where, plan_of(), 0.05)


@pytest.mark.parametrize(
    ("store", "kind"),
    [
        ("absent", SqliteReader),
        ("sqlite", SqliteReader),
        ({"type": "sqlite", "path": "a.db"}, SqliteReader),
        ({"path": "a.db"}, SqliteReader),
        (
            {"type": "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore", "path": "a.db"},
            SqliteReader,
        ),
        ("redis", RedisReader),
        ({"type": "redis", "connection_string": "h:1,db=2,ssl=true,password=x"}, RedisReader),
        ({"type": "plimsoll.feature_store.redis.NewestRedisOnlineStore"}, RedisReader),
        ({"type": "remote", "path": "http://h:6566"}, HttpReader),
    ],
)
def test_a_repository_names_its_store(tmp_path, store, kind):
    where = repository(tmp_path, store)
    assert isinstance(opened(where), kind)
    assert isinstance(opened(f"{where}/feature_store.yaml"), kind)


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("sqlite:/a/b.db", SqliteReader),
        ("sqlite:///a/b.db", SqliteReader),
        ("redis://h", RedisReader),
        ("rediss://u:p@h:1/2", RedisReader),
        ("unix:///tmp/redis.sock", RedisReader),
        ("http://h:6566", HttpReader),
        ("https://u:p@h/feast/", HttpReader),
    ],
)
def test_an_address_names_a_store(where, kind):
    assert isinstance(opened(where), kind)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ({"type": "bigtable"}, "feast serve"),
        ({"type": "redis", "redis_type": "redis_cluster"}, "feast serve"),
        ({"type": "redis", "connection_string": "a:1,b:2,password=s3cret"}, "one HOST:PORT"),
        ({"type": "redis", "connection_string": "s3cret"}, "one HOST:PORT"),
        ({"type": "redis", "connection_string": "a:1,pasword=s3cret"}, "did you mean 'password'"),
        ({"type": "redis", "connection_string": "${NOT_SET_HERE},password=s3cret"}, "NOT_SET_HERE"),
        ({"type": "remote", "path": "s3cret"}, "not the address of a feature server"),
        (["sqlite"], "choices"),
    ],
)
def test_a_repository_whose_store_is_not_read(tmp_path, store, said):
    with pytest.raises(ConfigError) as refused:
        opened(repository(tmp_path, store))
    assert said in str(refused.value)
    assert store == {"type": "remote", "path": "s3cret"} or "s3cret" not in str(refused.value)


def test_a_repository_of_another_project(tmp_path):
    with pytest.raises(ConfigError, match="of the project 'ships'"):
        opened(repository(tmp_path, "sqlite", project="ships"))


@pytest.mark.parametrize("text", ["a: [s3cret", "- a", "", "\x00s3cret", "a: &x !!python/object:x"])
def test_a_file_that_is_no_repositorys(tmp_path, text):
    (tmp_path / "feature_store.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        opened(str(tmp_path))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "where",
    [
        *("", "nowhere", "n" * 5000, "gs://bucket/repo", "http://", "http://h:x"),
        *("redis://h:x", "redis://h:1/flights", "redis://h:1/0?s3cret=s3cret"),
        *("redis://:s3/cret@h:1/0", "redis:s3cret@h", "h:1,password=s3cret"),
        *("sqlite:", "sqlite:."),
    ],
)
def test_what_names_none(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as refused:
        opened(where)
    assert "cret" not in str(refused.value)


def test_the_environment_is_expanded_as_feast_does(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOKUP_HOST", "somewhere:7")
    monkeypatch.setenv("LOOKUP_PASSWORD", "s3cret")
    text = "${LOOKUP_HOST},db=3,password=$LOOKUP_PASSWORD"
    reader = opened(repository(tmp_path, {"type": "redis", "connection_string": text}))
    options = reader._pool.connection_kwargs
    assert (options["host"], options["port"], options["db"]) == ("somewhere", 7, 3)
    assert options["password"] == "s3cret"


def test_feasts_connection_strings():
    from redis import SSLConnection

    found = connection_options("h:1,db=2,ssl=true,password=12=3,username=u,socket_timeout=9", "x")
    assert found == {
        "host": "h",
        "port": 1,
        "db": 2,
        "password": "12=3",
        "username": "u",
        "connection_class": SSLConnection,
    }
    assert connection_options("h:1,password=1234,ssl=false", "x")["password"] == "1234"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("redis://:pw@h:1/0?password=pw", "redis://h:1/0"),
        ("https://u:pw@h/x", "https://h/x"),
        ("redis://[::1", "redis://[::1"),
        ("redis://:p/w@h:1/0", "redis://h:1/0"),
        ("redis://:p@w@h:1/0", "redis://h:1/0"),
        ("redis://:p?w@h:1/0", "redis://..."),
        ("redis://:p#w@h:1/0", "redis://..."),
        ("redis://h:1/0?password=p@w", "redis://..."),
        ("redis::pw@h:1/0", "redis:..."),
        ("http:/u:pw@h", "http:..."),
        ("postgres:u:pw@h", "...@h"),
        ("h:1,password=p,w", "h:1,password=..."),
        ("sqlite:/day=1/a@b.db", "sqlite:/day=1/a@b.db"),
        ("feature_repo", "feature_repo"),
        ("sqlite:a.db", "sqlite:a.db"),
    ],
)
def test_what_is_shown_holds_no_password(where, said):
    assert shown(where) == said
