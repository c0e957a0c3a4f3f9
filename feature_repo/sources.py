"""Where the feature tables are: Parquet files beside this one, or BigQuery.

``feature_store.yaml`` reads files and ``feature_store.gcp.yaml`` reads BigQuery, but a definition
is not told which of the two it is loaded for. So one variable says it for the sources:
``PLIMSOLL_FEATURE_TABLES=project.dataset`` makes every source the table of its name there; without
it a source is ``data/<name>.parquet``. Names, columns and all that is built on them are the same.
"""

import os

from feast import BigQuerySource, FileSource, PushSource
from feast.data_source import DataSource

OWNER = "flights"
TIMES = {"timestamp_field": "event_timestamp", "created_timestamp_column": "created"}
BIGQUERY = os.environ.get("PLIMSOLL_FEATURE_TABLES", "")


def table(name: str, description: str, renamed: dict[str, str] | None = None) -> DataSource:
    """Returns the source of one of the tables that make_sources.py makes.

    Args:
        name: The table.
        description: What its rows are.
        renamed: Column of the table -> the feature that it becomes.
    """
    about = {**TIMES, "description": description, "field_mapping": renamed or {}, "owner": OWNER}
    if BIGQUERY:
        return BigQuerySource(name=name, table=f"{BIGQUERY}.{name}", **about)
    return FileSource(name=name, path=f"data/{name}.parquet", **about)


# The flights' data has columns of these names: the weather of the hour itself, known afterwards.
weather = table(
    "weather",
    "Observations at New York's airports; an hour's is known when the hour is over",
    {
        name: f"weather_{name}"
        for name in (
            *("temp", "dewp", "humid", "wind_dir", "wind_speed"),
            *("wind_gust", "precip", "pressure", "visib"),
        )
    },
)
carrier_at_origin = table(
    "carrier_at_origin", "Every hour: how the carrier's last departures from the airport went"
)
origin = table("origin", "Every hour: how the airport's last departures went, and its congestion")
carrier = table("carrier", "Every hour: how the carrier's last flights from New York went")
destination = table("destination", "Every hour: how the last flights from New York to there went")
route = table("route", "Every day at 08:00 UTC: how the route went over the last days")
plane_departures = table(
    "plane_departures", "Each departure from New York of a plane, when it became known"
)
plane_arrivals = table(
    "plane_arrivals", "Each arrival of a plane that left New York, when it became known"
)
plane_facts = table("plane_facts", "The register of planes")

live_departures = PushSource(
    name="live_departures",
    batch_source=plane_departures,
    description="Departures as they happen; a row is what a row of plane_departures is",
    owner=OWNER,
)
