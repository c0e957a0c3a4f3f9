"""Where features are looked up: what ``--features`` says, as a reader of that online store."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from plimsoll.errors import ConfigError, nearest
from plimsoll.formats.feature_plan import FeaturePlan
from plimsoll.serving.online.store import OnlineReader

VARIABLE = "PLIMSOLL_FEATURES"
REPOSITORY_FILE = "feature_store.yaml"
FORMS = (
    "a Feast repository's folder",
    "feature_store.yaml",
    "sqlite:PATH",
    "redis://[:PASSWORD@]HOST:PORT/DB",
    "rediss://...",
    "http://HOST:PORT of a Feast feature server",
)
_REDIS_SCHEMES = ("redis", "rediss", "unix")
_HTTP_SCHEMES = ("http", "https")
_SQLITE_TYPES = (
    "sqlite",
    "feast.infra.online_stores.sqlite.SqliteOnlineStore",
    "plimsoll.feature_store.sqlite.NewestSqliteOnlineStore",
)
_REDIS_TYPES = (
    "redis",
    "feast.infra.online_stores.redis.RedisOnlineStore",
    "plimsoll.feature_store.redis.NewestRedisOnlineStore",
)
_REMOTE_TYPES = ("remote", "feast.infra.online_stores.remote.RemoteOnlineStore")
_REDIS_OPTIONS = ("db", "username", "password", "client_name")
_UNSET = re.compile(r"\$\{(\w+)\}")
_OPTIONS = re.compile(r"[?#]")
_BY_SERVER = "run a Feast feature server (feast serve) and give its address: http://HOST:PORT"


def open_reader(where: str, plan: FeaturePlan, timeout_seconds: float) -> OnlineReader:
    """Returns a reader of the online store that a text names; asks the store nothing yet.

    Args:
        where: One of ``FORMS``.
        plan: What will be looked up: its project must be the store's.
        timeout_seconds: How long any wait on the store may take.

    Raises:
        ConfigError: if the text names no store that can be read; passwords are never shown.
    """
    scheme = where.partition(":")[0].lower() if ":" in where else ""
    if scheme in _REDIS_SCHEMES:
        return _redis(_url_options(where), timeout_seconds)
    if scheme in _HTTP_SCHEMES:
        return _http(where)
    if scheme == "sqlite":
        return _sqlite(Path(where.partition(":")[2].removeprefix("//")))
    path = Path(where)
    # Unlike a path's own method, it takes a name that is too long for one that is not there.
    if not os.path.exists(where):  # noqa: PTH110
        raise ConfigError(
            f"there is no feature store at {shown(where)!r}",
            cause="it is neither a folder, a file nor an address that is known",
            choices=FORMS,
        )
    file = path / REPOSITORY_FILE if path.is_dir() else path
    return _from_repository(file, plan, timeout_seconds)


def shown(where: str) -> str:
    """Returns where a store is, without a user's name, a password or options.

    A text that is no right address is cut short wherever it may hold a password.
    """
    scheme, mark, rest = where.partition("://")
    if mark:
        address, *options = _OPTIONS.split(rest, maxsplit=1)
        # It may as well be a password with these signs as an option with that one.
        unclear = any("@" in text for text in options)
        return f"{scheme}{mark}{'...' if unclear else address.rpartition('@')[2]}"
    kind = where.partition(":")[0].lower()
    if kind in (*_REDIS_SCHEMES, *_HTTP_SCHEMES):
        return f"{kind}:..."
    if kind == "sqlite" or os.path.exists(where):  # noqa: PTH110
        return where
    if "@" in where:
        return f"...@{where.rpartition('@')[2]}"
    before, equals, _ = where.partition("=")
    return f"{before}=..." if equals else where


def _from_repository(file: Path, plan: FeaturePlan, timeout_seconds: float) -> OnlineReader:
    config = _settings(file)
    project = config.get("project")
    if project != plan.project:
        raise ConfigError(
            f"{file} is of the project {project!r}",
            cause=f"the model's features are of the project {plan.project!r}",
            hint="give the repository that the model was trained with",
        )
    store = config.get("online_store")
    store = {"type": store} if isinstance(store, str) else store
    # What Feast takes where a repository names none.
    store = {"type": "sqlite", "path": "data/online.db"} if store is None else store
    kind = store.get("type", "sqlite") if isinstance(store, dict) else None
    if kind in _SQLITE_TYPES:
        return _sqlite(file.parent / _set(file, store.get("path", "data/online.db")))
    if kind in _REDIS_TYPES:
        return _redis_of_repository(file, store, timeout_seconds)
    if kind in _REMOTE_TYPES:
        return _http(_set(file, store.get("path", "http://localhost:6566")))
    raise ConfigError(
        f"{file} has an online store of the type {kind!r}, which this server does not read",
        choices=("sqlite", "redis", "remote"),
        hint=_BY_SERVER,
    )


def _settings(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        config = yaml.safe_load(os.path.expandvars(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
        raise ConfigError(
            f"{file} cannot be read", cause=cause or type(error).__name__, choices=FORMS
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        # Its own words may show a line, and a line a password.
        mark = getattr(error, "problem_mark", None)
        cause = f"line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{file} is not YAML", cause=cause) from None
    if not isinstance(config, dict):
        raise ConfigError(f"{file} is not a Feast repository's file", choices=FORMS)
    return config


def _redis_of_repository(
    file: Path, store: Mapping[str, Any], timeout_seconds: float
) -> OnlineReader:
    if store.get("redis_type", "redis") != "redis":
        raise ConfigError(
            f"{file} has an online store of redis_type {store['redis_type']!r}",
            cause="this server reads from a single Redis",
            hint=_BY_SERVER,
        )
    text = _set(file, store.get("connection_string", "localhost:6379"))
    return _redis(connection_options(text, str(file)), timeout_seconds)


def connection_options(text: str, source: str) -> dict[str, Any]:
    """Returns a client's options from Feast's ``host:port,db=0,ssl=true,password=...``.

    Args:
        text: The connection string.
        source: Where it stands, for errors.

    Raises:
        ConfigError: if it does not hold together; the text is never shown.
    """
    nodes = [part for part in text.split(",") if "=" not in part]
    pairs = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    host, _, port = nodes[0].rpartition(":") if len(nodes) == 1 else ("", "", "")
    if not host or not port.isdigit():
        raise ConfigError(
            f"{source} has a connection_string that does not begin with one HOST:PORT",
            hint="for example: connection_string: localhost:6379,db=0",
        )
    options: dict[str, Any] = {"host": host, "port": int(port)}
    tls = False
    for name, value in pairs.items():
        if name == "ssl":
            tls = _plain(value) is True
        elif name in _REDIS_OPTIONS or name.startswith("ssl_"):
            options[name] = _plain(value) if name not in ("username", "password") else value
        elif not name.startswith("socket_"):
            # How long a wait may take, the server's own option says.
            known = ("ssl", *_REDIS_OPTIONS)
            raise ConfigError(
                f"{source} has a connection_string with the option {name!r}",
                cause=nearest(name, known),
                choices=known,
            )
    if tls:
        import redis

        options["connection_class"] = redis.SSLConnection
    return options


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _url_options(url: str) -> dict[str, Any]:
    from redis.connection import parse_url

    try:
        options: dict[str, Any] = dict(parse_url(url))
        parts = urlsplit(url)
        # The client would take any other text for database 0.
        database = "0" if parts.scheme == "unix" else parts.path.strip("/") or "0"
        usable = database.isdecimal()
    except (ValueError, TypeError, AttributeError):
        usable = False
    if not usable:
        raise ConfigError(
            f"{shown(url)!r} is not the address of a Redis",
            hint="for example: redis://localhost:6379/0; in a password, write /, ?, # and @ as "
            "%2F, %3F, %23 and %40",
        )
    return options


def _set(file: Path, text: Any) -> str:
    """Returns a setting, if the environment gave all of its variables."""
    match = _UNSET.search(str(text))
    if match:
        raise ConfigError(
            f"{file} names an environment variable that is not set",
            cause=match.group(1),
            hint=f"set {match.group(1)} where the server is started",
        )
    return str(text)


def _sqlite(path: Path) -> OnlineReader:
    from plimsoll.serving.online.sqlite import SqliteReader

    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder, not a SQLite file",
            hint="give the file, or the folder of a Feast repository: --features FOLDER",
        )
    return SqliteReader(path)


def _redis(options: Mapping[str, Any], timeout_seconds: float) -> OnlineReader:
    from plimsoll.serving.online.redis import RedisReader

    try:
        return RedisReader(options, timeout_seconds=timeout_seconds)
    except (TypeError, ValueError):
        # Its own words may show a part of a password.
        raise ConfigError(
            "the feature store's address has an option that the Redis client does not take",
            choices=_REDIS_OPTIONS,
        ) from None


def _http(url: str) -> OnlineReader:
    from plimsoll.serving.online.feature_server import HttpReader

    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.scheme in _HTTP_SCHEMES and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{shown(url)!r} is not the address of a feature server", choices=FORMS)
    return HttpReader(url)
