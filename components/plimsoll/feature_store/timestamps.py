"""Moments as whole microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000


def microseconds(moment: datetime) -> int:
    """Returns a moment as microseconds since 1970, rounded down; one without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // MICROSECOND


def moment_of(us: int) -> datetime:
    """Returns microseconds since 1970 as a moment in UTC."""
    return EPOCH + timedelta(microseconds=us)
