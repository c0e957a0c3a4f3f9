"""Rows that are in no data set, measured as those of a split are."""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from plimsoll.statistics.parts import measure_parts
from plimsoll.validate.statistics.accumulator import SplitStatistics, StatisticsPlan
from plimsoll.validate.statistics.arrays import Encoding
from plimsoll.validate.statistics.measure import check_rows, measurement_of


def measure_batches(
    batches: Iterable[pa.RecordBatch],
    encodings: Mapping[str, Encoding],
    categorical: Sequence[str] = (),
    *,
    split: str = "",
    rows: int | None = None,
    weight: str = "",
) -> SplitStatistics:
    """Measures rows cut anyhow; ``rows`` is how many there must be, None: any number."""
    measurement = measurement_of(
        StatisticsPlan(
            split=split, encodings=dict(encodings), categorical=tuple(categorical), weight=weight
        )
    )
    result = measure_parts(measurement, batches).finish(measurement)
    manifest = result.rows if rows is None else rows
    check_rows(split, manifest=manifest, read=result.rows, covered=result.covered)
    return result
