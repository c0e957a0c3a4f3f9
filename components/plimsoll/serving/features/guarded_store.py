"""An online store behind a deadline, a breaker and the metrics."""

import logging
import math
import time
from collections.abc import Collection, Mapping

from plimsoll.serving.features.breaker import Breaker
from plimsoll.serving.features.metrics import LookupMetrics
from plimsoll.serving.lookup_config import LookupConfig
from plimsoll.serving.online.store import (
    DAMAGED,
    PAUSED,
    TIMEOUT,
    EntityKeys,
    FeatureRow,
    OnlineReader,
    StoreError,
)

KEYS_A_TIMEOUT = 500
"""Keys of one entity that a time-out is meant for; a request of more has as much for each of it."""
USUAL_BYTES = 1 << 16
"""What so many keys hold at most, unless somebody sends very long ones."""
_LOGGER = logging.getLogger("plimsoll.serving")


class GuardedStore:
    """Reads a store within the time-out, and not at all for a while after a failure.

    Args:
        reader: The store.
        config: Time-out and pause.
        metrics: Where seconds and failures go.
    """

    def __init__(self, reader: OnlineReader, config: LookupConfig, metrics: LookupMetrics) -> None:
        self._reader = reader
        self._config = config
        self._metrics = metrics
        self._breaker = Breaker(config.pause_ms / 1000)

    @property
    def wait_seconds(self) -> float:
        """Seconds until the store is asked again; 0 if it is now."""
        return self._breaker.wait_seconds

    def read(
        self, keys: Mapping[int, EntityKeys], views: Collection[int]
    ) -> dict[int, list[FeatureRow | None]]:
        """Reads views for keys, as the reader does.

        Raises:
            StoreError: if the store did not answer, or failed a moment ago.
        """
        try:
            return self._read(keys, views)
        except StoreError as error:
            self._metrics.count_failure(error.reason)
            raise

    def close(self) -> None:
        """Lets go of the store's connections."""
        self._reader.close()

    def _read(
        self, keys: Mapping[int, EntityKeys], views: Collection[int]
    ) -> dict[int, list[FeatureRow | None]]:
        if not self._breaker.admits():
            raise StoreError(PAUSED, "the feature store failed a moment ago")
        parts = max(math.ceil(len(batch.keys) / KEYS_A_TIMEOUT) for batch in keys.values())
        began = time.monotonic()
        try:
            rows = self._reader.read(keys, views, began + parts * self._config.timeout_ms / 1000)
        except StoreError as error:
            # Damaged bytes are one key's fault: the store did answer.
            if error.reason == DAMAGED:
                self._answered()
            elif error.reason == TIMEOUT and (parts > 1 or _long(keys)):
                # The request's size may be why, and others' requests must not pay for that.
                _LOGGER.warning("%s for a request of many or very long keys", error)
            elif self._breaker.failed():
                _LOGGER.warning(
                    "%s; until it does, requests are met by: %s", error, self._config.fallback
                )
            raise
        finally:
            self._metrics.observe(time.monotonic() - began)
        self._answered()
        return rows

    def _answered(self) -> None:
        if self._breaker.succeeded():
            _LOGGER.warning("the feature store answers again")


def _long(keys: Mapping[int, EntityKeys]) -> bool:
    """Says if a request's keys hold more bytes than keys do."""
    return sum(len(key) for some in keys.values() for key in some.keys) > USUAL_BYTES
