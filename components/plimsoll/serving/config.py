"""The options of a server."""

from dataclasses import dataclass, field
from typing import Annotated

from plimsoll.configuration.fields import Count, Matches, Number, Positive, Says
from plimsoll.configuration.validation import validated
from plimsoll.serving.lookup_config import LookupConfig

SAFE_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
LAST_PORT = 65535


@validated("server config")
@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """How a server listens, and what it puts up with."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all."""
    port: Annotated[int, Number(ge=0, le=LAST_PORT)] = 8080
    """TCP port; 0: one that is free."""
    name: Annotated[str, Matches(SAFE_NAME), Says("a name that can stand in a URL")] = ""
    """The model's name in URLs; empty: the package's."""
    max_rows: Positive = 10_000
    """Most rows a request may hold; at least 1."""
    max_bytes: Positive = 64 << 20
    """Most bytes a request's body may hold; at least 1."""
    threads: Positive = 1
    """Requests computed at once, each on one core; at least 1."""
    drain_seconds: Count = 30
    """How long requests under way may take to end once the server is told to stop."""

    features: str = ""
    """Where features are looked up: a Feast repository, or a store's address; empty: nowhere. It
    may hold a password, and is never shown as it is."""
    lookup: LookupConfig = field(default_factory=LookupConfig)
    """What a look-up puts up with."""
    lookup_threads: Positive = 8
    """Requests whose features are looked up at once, so that waiting on the store keeps none from
    being computed; at least 1."""
