"""The options of ingest."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from plimsoll.configuration.fields import AboveZero, Count, Listed, Positive, Reads, Says
from plimsoll.configuration.validation import from_json, validated


def _span(value: Any) -> Any:
    # A span read from JSON may come as a number.
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return value.strip() if isinstance(value, str) else value


Span = Annotated[
    str, Reads(_span, also=({"type": "integer", "minimum": 0},)), Says("a span's number or date")
]


@validated("ingest config")
@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """Which of the data is read, and how it is fetched."""

    span: Span = ""
    """The newest span to read, where the data is a pattern with ``{SPAN}`` or a date: its number
    (``12``) or its date as the pattern spells it (``2013-02``); empty: the latest there is."""
    window: Count = 0
    """Spans to read, counted back from the newest; 0 and 1: only that one."""
    skip: Count = 0
    """Newest spans to leave out before the window is taken."""
    exclude: Annotated[
        tuple[Span, ...],
        Listed(),
        Says("a list of spans", hint='for example: {"exclude": ["2013-01"]}'),
    ] = ()
    """Spans to leave out of the window, written as ``span`` is; the window does not grow."""
    min_spans: Count = 0
    """Fewest spans to go on with; with fewer the run stops. 0: any."""
    project: str = ""
    """Google Cloud project that BigQuery's jobs run in and are billed to; empty: the account's."""
    max_bytes_billed: Count = 0
    """A query that would be billed for more is refused before it runs; 0: no limit."""
    query_seconds: AboveZero = 3600.0
    """Longest time a query may run, above 0; BigQuery then cancels it."""
    retry_seconds: AboveZero = 300.0
    """Longest time to try again to reach a remote store before giving up, above 0."""
    threads: Positive = 4
    """Objects fetched from a bucket at a time."""


parse = partial(from_json, IngestConfig)
"""Reads a config from JSON text; empty text is the default."""
DEFAULT = IngestConfig()
