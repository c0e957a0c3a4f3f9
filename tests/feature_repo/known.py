"""What was known at a moment, worked out flight by flight: what the tables are held against."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OUTCOMES = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late")


@dataclass(frozen=True)
class Leg:
    """A flight as the schedule and the tower tell of it."""

    carrier: str
    origin: str
    dest: str
    tailnum: str
    distance: int
    hour: datetime
    scheduled: datetime
    departed: datetime | None
    departure_delay: int | None
    arrived: datetime | None
    arrival_delay: int | None

    @property
    def departure_known(self) -> datetime | None:
        """When its departure was known."""
        return None if self.departed is None else max(self.departed, self.scheduled) + MINUTE

    @property
    def arrival_known(self) -> datetime | None:
        """When its arrival was known."""
        return None if self.arrived is None else max(self.arrived, self.scheduled) + MINUTE

    def waits(self, now: datetime) -> bool:
        """Whether it should have left in an hour before, and has not, and is still hoped for."""
        gone = self.departure_known is not None and self.departure_known <= now
        return self.hour + HOUR <= now < self.hour + 7 * HOUR and not gone

    def not_left(self, now: datetime, hours: int) -> bool:
        """Whether it was given up within the last hours."""
        given_up = self.hour + 7 * HOUR
        gone = self.departure_known is not None and self.departure_known <= given_up
        return now - hours * HOUR < given_up <= now and not gone


def zones(folder: Path) -> dict[str, ZoneInfo]:
    """Reads each airport's zone; those without one are in the Caribbean."""
    with (folder / "airports.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["tzone"] != "NA"]
    known = {row["faa"]: ZoneInfo(row["tzone"]) for row in rows if "/" in row["tzone"]}
    return dict.fromkeys(("SJU", "BQN", "STT", "PSE"), ZoneInfo("America/Puerto_Rico")) | known


def rows_of(path: Path) -> list[dict[str, str]]:
    """Reads a CSV file."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def leg(row: dict[str, str], zone: ZoneInfo) -> Leg:
    """Returns the flight of a row of flights.csv."""
    hour = datetime.fromisoformat(row["time_hour"])
    scheduled = hour + int(row["minute"]) * MINUTE
    delay = int(row["dep_delay"]) if row["dep_delay"] else None
    departed = None if delay is None else scheduled + delay * MINUTE
    landed = bool(row["arr_delay"])
    return Leg(
        carrier=row["carrier"],
        origin=row["origin"],
        dest=row["dest"],
        tailnum=row["tailnum"],
        distance=int(row["distance"]),
        hour=hour,
        scheduled=scheduled,
        departed=departed,
        departure_delay=delay,
        arrived=_arrived(departed, int(row["arr_time"]), zone) if landed else None,
        arrival_delay=int(row["arr_delay"]) if landed else None,
    )


def _arrived(departed: datetime, clock: int, zone: ZoneInfo) -> datetime:
    """Waits at the airport until its clock shows the time; hours at once, then minutes."""
    now = departed
    for step in (MINUTE, HOUR):
        while (at := now.astimezone(zone)).minute != clock % 100 or (
            step == HOUR and at.hour != clock // 100 % 24
        ):
            now += step
    return now


def legs_of(folder: Path) -> list[Leg]:
    """Reads all flights of a folder."""
    zone_of = zones(folder)
    return [leg(row, zone_of[row["dest"]]) for row in rows_of(folder / "flights.csv")]


def window(
    legs: list[Leg], now: datetime, length: timedelta, prefix: str, kind: str, end: str
) -> Iterator[tuple[str, Any]]:
    """Yields the features of one window over the departures or arrivals known by now."""
    delays = [
        getattr(leg, f"{kind}_delay")
        for leg in legs
        if (known := getattr(leg, f"{kind}_known")) is not None and now - length < known <= now
    ]
    late = sum(delay > 15 for delay in delays)
    clipped = sum(min(delay, 180) for delay in delays)
    count = len(delays)
    yield f"{prefix}_{kind}s_{end}", count
    yield f"{prefix}_{kind}s_late_share_{end}", _share(late, count)
    yield f"{prefix}_{kind}_delay_{end}", _share(clipped, count)


def congestion(legs: list[Leg], now: datetime, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yields the features of what is scheduled, what waits, and what never left."""
    waiting = [leg for leg in legs if leg.waits(now)]
    yield f"{prefix}_scheduled_1h", sum(leg.hour == now for leg in legs)
    yield f"{prefix}_scheduled_3h", sum(now <= leg.hour < now + 3 * HOUR for leg in legs)
    yield f"{prefix}_waiting", len(waiting)
    yield f"{prefix}_waiting_minutes", sum((now - leg.scheduled) // MINUTE for leg in waiting)
    for hours in (6, 24):
        yield f"{prefix}_not_left_{hours}h", sum(leg.not_left(now, hours) for leg in legs)


def _share(part: int, whole: int) -> np.float32 | None:
    return np.float32(part / whole) if whole else None


def utc(value: str) -> datetime:
    """Returns a time in UTC."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC)
