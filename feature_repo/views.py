"""The feature views: which features there are, by what key, and for how long a value counts.

A value that is older than its view's TTL is no value: better none than one of another hour. The
TTL of what is made every hour is two hours, so that one late or lost run does no harm.
"""

from datetime import timedelta

import sources
from entities import carrier, destination, origin, plane
from feast import Entity, FeatureView, Field
from feast.types import FeastType, Float32, Int64, String, UnixTimestamp

HOURLY = timedelta(hours=2)
"""Made every hour."""
OBSERVED = timedelta(hours=3)
"""Made every hour, and the weather of three hours ago still tells more than none."""
DAILY = timedelta(days=2)
"""Made every day."""
LAST_LEG = timedelta(days=7)
"""Most planes come back to New York within a week; of one that was away for longer the last leg
from here tells nothing any more."""
FOR_EVER = timedelta(0)


def fields(kind: FeastType, *names: str) -> list[Field]:
    """Returns features of one type."""
    return [Field(name=name, dtype=kind) for name in names]


def keys(*entities: Entity) -> list[Field]:
    """Returns the columns of a view's key: named, Feast need not look for them in the source."""
    return [Field(name=entity.join_key, dtype=String) for entity in entities]


def windows(prefix: str, kind: str, *ends: str) -> list[Field]:
    """Returns the features of windows that end now: the share of late flights, the mean delay.

    Args:
        prefix: Whose flights.
        kind: What became known of them: departure or arrival.
        ends: Each window's length.
    """
    made = ((f"{prefix}_{kind}s_late_share_{end}", f"{prefix}_{kind}_delay_{end}") for end in ends)
    return fields(Float32, *(name for names in made for name in names))


def counts(prefix: str, *ends: str) -> list[Field]:
    """Returns the features of how many departures each window holds."""
    return fields(Int64, *(f"{prefix}_departures_{end}" for end in ends))


def congestion(prefix: str) -> list[Field]:
    """Returns the features of what is scheduled, what waits, and what never left."""
    return fields(
        Int64,
        f"{prefix}_scheduled_1h",
        f"{prefix}_scheduled_3h",
        f"{prefix}_waiting",
        f"{prefix}_waiting_minutes",
        f"{prefix}_not_left_6h",
        f"{prefix}_not_left_24h",
    )


weather_at_origin = FeatureView(
    name="weather_at_origin",
    entities=[origin],
    ttl=OBSERVED,
    schema=[*keys(origin), *fields(Float32, *sources.weather.field_mapping.values())],
    source=sources.weather,
    description="The last weather observed at the airport",
    tags={"family": "weather"},
    owner=sources.OWNER,
)
carrier_at_origin = FeatureView(
    name="carrier_at_origin",
    entities=[carrier, origin],
    ttl=HOURLY,
    schema=[
        *keys(carrier, origin),
        *windows("carrier_origin", "departure", "1h", "6h", "24h"),
        *counts("carrier_origin", "1h", "6h", "24h"),
        *congestion("carrier_origin"),
    ],
    source=sources.carrier_at_origin,
    description="How the carrier's departures from the airport went over the last 1, 6 and 24 h",
    tags={"family": "behaviour"},
    owner=sources.OWNER,
)
origin_traffic = FeatureView(
    name="origin_traffic",
    entities=[origin],
    ttl=HOURLY,
    schema=[
        *keys(origin),
        *windows("origin", "departure", "1h", "6h", "24h"),
        *counts("origin", "1h", "6h", "24h"),
        *congestion("origin"),
    ],
    source=sources.origin,
    description="How the airport's departures went over the last 1, 6 and 24 h, and what waits",
    tags={"family": "behaviour"},
    owner=sources.OWNER,
)
carrier_traffic = FeatureView(
    name="carrier_traffic",
    entities=[carrier],
    ttl=HOURLY,
    schema=[
        *keys(carrier),
        *windows("carrier", "departure", "1h", "3h", "6h", "24h"),
        *windows("carrier", "arrival", "1h", "3h", "6h", "24h"),
    ],
    source=sources.carrier,
    description="How the carrier's flights from New York went over the last 1, 3, 6 and 24 h",
    tags={"family": "behaviour"},
    owner=sources.OWNER,
)
destination_traffic = FeatureView(
    name="destination_traffic",
    entities=[destination],
    ttl=HOURLY,
    schema=[
        *keys(destination),
        *windows("destination", "departure", "1h", "3h", "6h", "24h"),
        *windows("destination", "arrival", "1h", "3h", "6h", "24h"),
    ],
    source=sources.destination,
    description="How flights from New York to the airport went over the last 1, 3, 6 and 24 h",
    tags={"family": "behaviour"},
    owner=sources.OWNER,
)
route_history = FeatureView(
    name="route_history",
    entities=[origin, destination],
    ttl=DAILY,
    schema=[
        *keys(origin, destination),
        *windows("route", "departure", "7d", "28d"),
        *windows("route", "arrival", "7d", "28d"),
    ],
    source=sources.route,
    description="How the route went over the last 7 and 28 days",
    tags={"family": "behaviour"},
    owner=sources.OWNER,
)
plane_last_departure = FeatureView(
    name="plane_last_departure",
    entities=[plane],
    ttl=LAST_LEG,
    schema=[
        *keys(plane),
        *fields(UnixTimestamp, "plane_departed_at"),
        *fields(Int64, "plane_departure_delay", "plane_distance"),
        *fields(String, "plane_destination"),
    ],
    source=sources.live_departures,
    description="The plane's last departure from New York, pushed as it happens",
    tags={"family": "previous leg"},
    owner=sources.OWNER,
)
plane_last_arrival = FeatureView(
    name="plane_last_arrival",
    entities=[plane],
    ttl=LAST_LEG,
    schema=[
        *keys(plane),
        *fields(UnixTimestamp, "plane_arrived_at"),
        *fields(Int64, "plane_arrival_delay"),
    ],
    source=sources.plane_arrivals,
    description="The plane's last arrival at the end of a leg from New York",
    tags={"family": "previous leg"},
    owner=sources.OWNER,
)
plane_register = FeatureView(
    name="plane_register",
    entities=[plane],
    ttl=FOR_EVER,
    schema=[
        *keys(plane),
        *fields(Int64, "plane_year", "plane_seats", "plane_engines"),
        *fields(String, "plane_manufacturer", "plane_type"),
    ],
    source=sources.plane_facts,
    description="What the register says of the plane; it does not change",
    tags={"family": "facts"},
    owner=sources.OWNER,
)
