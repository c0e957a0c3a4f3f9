"""Timestamps as whole microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta

EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH = EPOCH_UTC.replace(tzinfo=None)
"""For timestamps that are in UTC and do not say so, as those of a data set are."""
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000


def microseconds(timestamp: datetime) -> int:
    """Returns a timestamp as microseconds since 1970, rounded down; one without a zone is UTC."""
    if timestamp.tzinfo is None:
        timestamp = timestamp.replace(tzinfo=UTC)
    return (timestamp - EPOCH_UTC) // MICROSECOND


def timestamp_of(us: int) -> datetime:
    """Returns microseconds since 1970 as a timestamp in UTC."""
    return EPOCH_UTC + timedelta(microseconds=us)
