"""The on-demand feature views: what can be computed only when a request is there."""

from pathlib import Path

import request_time
from feast import Field, OnDemandFeatureView, RequestSource
from feast.types import Bool, Float64, Int64, UnixTimestamp
from sources import OWNER
from views import plane_last_arrival, plane_last_departure

# With the whole file as its source, a function keeps what it calls wherever Feast rebuilds it.
SOURCE_TEXT = Path(request_time.__file__).read_text("utf-8")

scheduled_departure = RequestSource(
    name="scheduled_departure",
    schema=[
        Field(name="time_hour", dtype=UnixTimestamp),
        Field(name="sched_dep_time", dtype=Int64),
    ],
    description="When the flight is scheduled: the hour in UTC, the airport's clock as HHMM",
    owner=OWNER,
)
scheduled_hour = RequestSource(
    name="scheduled_hour",
    schema=[Field(name="time_hour", dtype=UnixTimestamp)],
    description="The hour in which the flight is scheduled, in UTC",
    owner=OWNER,
)

calendar = OnDemandFeatureView(
    name="calendar",
    sources=[scheduled_departure],
    schema=[
        Field(name="local_hour_of_day", dtype=Float64),
        Field(name="local_day_of_week", dtype=Int64),
        Field(name="is_holiday", dtype=Bool),
        Field(name="days_to_holiday", dtype=Int64),
    ],
    mode="python",
    udf=request_time.calendar,
    udf_string=SOURCE_TEXT,
    description="Where the departure lies in the day, the week, and between holidays",
    tags={"family": "calendar"},
    owner=OWNER,
)
plane_ages = OnDemandFeatureView(
    name="plane_ages",
    sources=[
        scheduled_hour,
        plane_last_departure[["plane_departed_at"]],
        plane_last_arrival[["plane_arrived_at"]],
    ],
    schema=[
        Field(name="plane_minutes_since_departure", dtype=Int64),
        Field(name="plane_minutes_since_arrival", dtype=Int64),
    ],
    mode="python",
    udf=request_time.plane_ages,
    udf_string=SOURCE_TEXT,
    description="How long ago the plane last left New York, and last arrived",
    tags={"family": "previous leg"},
    owner=OWNER,
)
