"""The feature services: one for each version of a model, so that a model's features never change.

A model that wants other features gets another service; the one that is deployed keeps its own.
"""

from feast import FeatureService
from on_demand import calendar, plane_ages
from sources import OWNER
from views import (
    carrier_at_origin,
    carrier_traffic,
    destination_traffic,
    origin_traffic,
    plane_last_arrival,
    plane_last_departure,
    plane_register,
    route_history,
    weather_at_origin,
)


def names_of(window: str, *ends: str) -> list[str]:
    """Returns the features of one kind of window, by where each ends."""
    return [f"{window}_{end}" for end in ends]


flights_late_v1 = FeatureService(
    name="flights_late_v1",
    features=[
        weather_at_origin,
        carrier_at_origin[
            [
                *names_of("carrier_origin_departures_late_share", "1h", "6h", "24h"),
                *names_of("carrier_origin_departure_delay", "1h", "6h", "24h"),
                "carrier_origin_waiting_minutes",
            ]
        ],
        origin_traffic[
            [
                "origin_departures_late_share_1h",
                *names_of("origin_departure_delay", "1h", "6h", "24h"),
                "origin_departures_6h",
                *names_of("origin_scheduled", "1h", "3h"),
                "origin_waiting",
            ]
        ],
        carrier_traffic[
            [
                "carrier_departures_late_share_3h",
                "carrier_departure_delay_3h",
                *names_of("carrier_arrival_delay", "1h", "3h"),
            ]
        ],
        destination_traffic[
            [
                *names_of("destination_arrival_delay", "1h", "3h", "6h", "24h"),
                "destination_departure_delay_24h",
            ]
        ],
        route_history[["route_arrival_delay_7d", "route_arrivals_late_share_7d"]],
        plane_last_departure[["plane_departed_at", "plane_departure_delay", "plane_distance"]],
        plane_last_arrival,
        plane_register[["plane_year", "plane_seats"]],
        calendar,
        plane_ages,
    ],
    description="All that tells whether a flight will arrive late",
    tags={"model": "flights-late"},
    owner=OWNER,
)
flights_late_weather = FeatureService(
    name="flights_late_weather",
    features=[weather_at_origin, calendar],
    description="The weather and the calendar alone: what any airport has",
    tags={"model": "flights-late-weather"},
    owner=OWNER,
)
