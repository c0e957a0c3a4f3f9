"""Rows that are in no data set, measured as those of a split are."""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from plimsoll.statistics.parts import measure_parts
from plimsoll.validate.statistics.accumulator import StatisticsPlan
from plimsoll.validate.statistics.arrays import Encoding
from plimsoll.validate.statistics.measure import Measured, checked, measurement_of


def measure_batches(
    batches: Iterable[pa.RecordBatch],
    encodings: Mapping[str, Encoding],
    categorical: Sequence[str] = (),
    *,
    split: str = "",
    rows: int | None = None,
    weight: str = "",
) -> Measured:
    """Measures rows cut anyhow; ``rows`` is how many there must be, None: any number."""
    plan = StatisticsPlan(encodings=dict(encodings), categorical=tuple(categorical), weight=weight)
    measurement = measurement_of(plan, split)
    result = measure_parts(measurement, batches).finish(measurement)
    return checked(split, plan, result, result.rows if rows is None else rows)
