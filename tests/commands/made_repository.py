"""A small Feast repository of bicycles at stations, as the commands for features meet one."""

import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

CONFIG = """
    project: bicycles
    provider: local
    registry: {path: data/registry.db, cache_ttl_seconds: 0}
    offline_store: {type: plimsoll.feature_store.offline.AsofOfflineStore}
    online_store:
      type: plimsoll.feature_store.sqlite.NewestSqliteOnlineStore
      path: data/online.db
    entity_key_serialization_version: 3
"""
DEFINITIONS = """
    from datetime import timedelta
    from pathlib import Path

    import rides
    from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
    from feast.data_source import RequestSource
    from feast.on_demand_feature_view import OnDemandFeatureView
    from feast.types import Bool, Float32, Int64, String

    station = Entity(name="station", join_keys=["station"], value_type=ValueType.STRING)
    bicycle = Entity(name="bicycle", join_keys=["bicycle"], value_type=ValueType.INT64)

    weather = FeatureView(
        name="weather",
        entities=[station],
        ttl=timedelta(hours=2),
        schema=[Field(name="temperature", dtype=Float32), Field(name="sky", dtype=String)],
        source=FileSource(
            name="weather_file", path="data/weather.parquet", timestamp_field="measured"
        ),
    )
    facts = FeatureView(
        name="facts",
        entities=[bicycle],
        schema=[Field(name="gears", dtype=Int64)],
        source=FileSource(name="facts_file", path="data/facts.parquet", timestamp_field="bought"),
    )
    asked = RequestSource(name="asked", schema=[Field(name="kilometres", dtype=Float32)])
    ride = OnDemandFeatureView(
        name="ride",
        sources=[asked, weather],
        schema=[Field(name="is_long", dtype=Int64), Field(name="is_cold", dtype=Bool)],
        udf=rides.ride,
        udf_string=Path(rides.__file__).read_text(),
        mode="python",
    )

    late_v1 = FeatureService(name="late_v1", features=[weather, facts[["gears"]], ride])
"""
FUNCTIONS = """
    def ride(inputs):
        lengths, degrees = inputs["kilometres"], inputs["temperature"]
        return {
            "is_long": [None if length is None else int(length > 10) for length in lengths],
            "is_cold": [None if degree is None else degree < 20 for degree in degrees],
        }
"""


def moment(hour, day=1):
    """Returns an hour of a day of July 2025, in UTC."""
    return datetime(2025, 7, day, hour, tzinfo=UTC)


def made_repository(folder: Path) -> Path:
    """Writes the repository and its sources; nothing is applied or materialised yet."""
    (folder / "data").mkdir(parents=True)
    (folder / "feature_store.yaml").write_text(textwrap.dedent(CONFIG).strip() + "\n")
    (folder / "rides.py").write_text(textwrap.dedent(FUNCTIONS).strip() + "\n")
    (folder / "bicycles.py").write_text(textwrap.dedent(DEFINITIONS).strip() + "\n")
    weather = pd.DataFrame(
        {
            "station": ["park", "park", "harbour", "park"],
            "measured": [moment(8), moment(10), moment(9), moment(12)],
            "temperature": [18.5, 21.0, 16.25, 25.0],
            "sky": ["clear", "rain", "clear", None],
        }
    )
    facts = pd.DataFrame({"bicycle": [7, 8], "bought": [moment(0)] * 2, "gears": [3, 21]})
    weather = weather.astype({"temperature": "float32"})
    for name, frame in (("weather", weather), ("facts", facts)):
        # Nanoseconds with a zone are what DuckDB cannot cast.
        frame.to_parquet(folder / "data" / f"{name}.parquet", coerce_timestamps="us")
    return folder


def materialised(folder: Path) -> Path:
    """Applies a repository and brings it online up to 11 o'clock."""
    from plimsoll.materialize.core import MaterializeRequest, materialize

    materialize(str(folder), MaterializeRequest(until=moment(11).isoformat()))
    return folder
