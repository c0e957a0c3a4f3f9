"""The knobs of ingest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError

NAME = "ingest config"


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """Which of the data is read, and how it is fetched."""

    span: str = ""
    """The newest span to read, where the data is a pattern with ``{SPAN}`` or a date: its number
    (``12``) or its date as the pattern spells it (``2013-02``); empty: the latest there is."""
    window: int = 0
    """Spans to read, counted back from the newest; 0 and 1: only that one."""
    skip: int = 0
    """Newest spans to leave out before the window is taken."""
    exclude: tuple[str, ...] = ()
    """Spans to leave out of the window, written as ``span`` is; the window does not grow."""
    min_spans: int = 0
    """Fewest spans to go on with; with fewer the run stops. 0: any."""
    project: str = ""
    """Google Cloud project that BigQuery's jobs run in and are billed to; empty: the account's."""
    max_bytes_billed: int = 0
    """A query that would be billed for more is refused before it runs; 0: no limit."""
    query_seconds: float = 3600.0
    """Longest time a query may run, above 0; BigQuery then cancels it."""
    retry_seconds: float = 300.0
    """Longest time to try again to reach a remote store before giving up, above 0."""
    threads: int = 4
    """Objects fetched from a bucket at a time."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude", _names(self.exclude))
        # A span read from JSON may come as a number.
        object.__setattr__(self, "span", _name("span", self.span))
        for name, least in (("window", 0), ("skip", 0), ("min_spans", 0), ("threads", 1)):
            check_whole(NAME, name, getattr(self, name), least)
        if not isinstance(self.project, str):
            raise ConfigError(f"{NAME}: project must be a text", cause=f"it is {self.project!r}")
        check_whole(NAME, "max_bytes_billed", self.max_bytes_billed, 0)
        _check_seconds("retry_seconds", self.retry_seconds)
        _check_seconds("query_seconds", self.query_seconds)


def parse(text: str) -> IngestConfig:
    """Reads a config from JSON text; empty text is the default.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    return from_json(IngestConfig, text, NAME)


def _check_seconds(field: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < float("inf"):
        raise ConfigError(f"{NAME}: {field} must be a number above 0", cause=f"it is {value!r}")


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(
            f"{NAME}: exclude must be a list of spans",
            cause=f"it is {value!r}",
            hint='for example: {"exclude": ["2013-01"]}',
        )
    return tuple(_name("a span in exclude", item) for item in value)


def _name(field: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if not isinstance(value, str):
        raise ConfigError(
            f"{NAME}: {field} must be a span's number or date", cause=f"it is {value!r}"
        )
    return value.strip()


DEFAULT = IngestConfig()
