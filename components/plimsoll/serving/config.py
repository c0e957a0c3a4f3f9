"""What a server can be told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from plimsoll.errors import ConfigError
from plimsoll.serving.lookup_config import LookupConfig

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """How a server listens, and what it puts up with."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all."""
    port: int = 8080
    """TCP port; 0: one that is free."""
    name: str = ""
    """The model's name in URLs; empty: the package's."""
    max_rows: int = 10_000
    """Most rows a request may hold; at least 1."""
    max_bytes: int = 64 << 20
    """Most bytes a request's body may hold; at least 1."""
    threads: int = 1
    """Requests computed at once, each on one core; at least 1."""
    drain_seconds: int = 30
    """How long requests under way may take to end once the server is told to stop."""

    features: str = ""
    """Where features are looked up: a Feast repository, or a store's address; empty: nowhere. It
    may hold a password, and is never shown as it is."""
    lookup: LookupConfig = field(default_factory=LookupConfig)
    """What a look-up puts up with."""
    lookup_threads: int = 8
    """Requests whose features are looked up at once, so that waiting on the store keeps none from
    being computed; at least 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= LAST_PORT:
            raise ConfigError(f"the port {self.port} is not between 0 and {LAST_PORT}")
        if self.name and not SAFE_NAME.fullmatch(self.name):
            raise ConfigError(
                f"the name {self.name!r} cannot stand in a URL",
                cause=f"it must match {SAFE_NAME.pattern}",
            )
        for name in ("max_rows", "max_bytes", "threads", "lookup_threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; the least is 1")
        if self.drain_seconds < 0:
            raise ConfigError(f"drain_seconds is {self.drain_seconds}; the least is 0")
