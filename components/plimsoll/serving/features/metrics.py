"""Prometheus metrics of look-ups, on the server's ``/metrics``."""

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import Counter, Histogram

from plimsoll.serving.online.store import REASONS

PRESENT = "present"
MISSING = "missing"
STALE = "stale"
AHEAD = "ahead"
GIVEN = "given"
UNAVAILABLE = "unavailable"
STATUSES = (PRESENT, MISSING, STALE, AHEAD, GIVEN, UNAVAILABLE)
"""Found and young enough; not found, or null; past its TTL; found, with an event after the row's
time; given in the request; the store did not answer."""

Tally = Counts[tuple[str, str]]
"""(view, status) -> values."""

_BUCKETS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
_VALUES = Counter(
    "plimsoll_feature_values_total",
    "Feature values of requests, by what became of them",
    ["view", "status"],
)
_SECONDS = Histogram(
    "plimsoll_feature_lookup_seconds",
    "Seconds that the feature store took for a request's whole look-up",
    buckets=_BUCKETS,
)
_FAILURES = Counter(
    "plimsoll_feature_lookup_failures_total",
    "Look-ups that the feature store did not answer as it should",
    ["reason"],
)


class LookupMetrics:
    """Counts what became of features; every series is there from the start, at zero.

    Args:
        views: Names of the feature views and on-demand views.
    """

    def __init__(self, views: Iterable[str]) -> None:
        self._values = {
            (view, status): _VALUES.labels(view, status) for view in views for status in STATUSES
        }
        self._failures = {reason: _FAILURES.labels(reason) for reason in REASONS}

    def count(self, tally: Tally) -> None:
        """Adds what became of a request's values."""
        for labels, number in tally.items():
            if number:
                self._values[labels].inc(number)

    def observe(self, seconds: float) -> None:
        """Records how long the store took."""
        _SECONDS.observe(seconds)

    def count_failure(self, reason: str) -> None:
        """Counts a failure by its reason."""
        self._failures[reason].inc()
