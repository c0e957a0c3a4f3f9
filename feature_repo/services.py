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

flights_late_v1 = FeatureService(
    name="flights_late_v1",
    features=[
        weather_at_origin,
        carrier_at_origin,
        origin_traffic,
        carrier_traffic,
        destination_traffic,
        route_history,
        plane_last_departure,
        plane_last_arrival,
        plane_register,
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
