"""Makes the distribution of each column of a split from what was measured."""

import datetime
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.formats.dataset import type_name
from plimsoll.formats.distributions import (
    CATEGORICAL,
    MOST_COUNTS,
    MOST_HASHES,
    MOST_POINTS,
    NUMERIC,
    Distribution,
    hashes_of,
    name_of,
)
from plimsoll.statistics.tally import Tally
from plimsoll.timestamps import EPOCH, MICROSECOND
from plimsoll.validate.drift.calibration import chunk_calibration
from plimsoll.validate.statistics.accumulator import SplitStatistics

MOST_NAMED = 500
"""Of a column with more different values than are all kept, how many are kept by name."""


def distributions_of(
    measured: SplitStatistics, categorical: Collection[str] = (), *, calibrate: bool = True
) -> dict[str, Distribution]:
    """Returns the distribution of each column of a split.

    Args:
        measured: The split, measured.
        categorical: Columns of whole numbers that are names rather than amounts.
        calibrate: If others will be compared with it, so that its chunks matter.
    """
    return {
        name: distribution_of(
            measured.sample.column(name),
            measured.tallies[name],
            measured.rows,
            is_categorical=name in categorical,
            calibrate=calibrate,
        )
        for name in measured.sample.column_names
    }


def distribution_of(
    sample: pa.ChunkedArray,
    tally: Tally,
    rows: int,
    *,
    is_categorical: bool = False,
    calibrate: bool = True,
) -> Distribution:
    """Returns the distribution of one column.

    Args:
        sample: The column in a uniform sample of the split's rows, in their order.
        tally: What was counted in all rows.
        rows: How many rows the split has.
        is_categorical: If whole numbers are names rather than amounts.
        calibrate: If others will be compared with it.
    """
    type_of = type_name(sample.type)
    names = is_categorical or type_of in ("string", "bool")
    common = {
        "type": type_of,
        "rows": rows,
        "nulls": tally.nulls,
        "nan": tally.nan,
        "infinite": tally.infinite,
    }
    chunked: Callable[..., dict[str, Any]] = chunk_calibration if calibrate else lambda *_: {}
    if names:
        return _of_names(sample, common, chunked)
    ends = {"low": _number(tally.low), "high": _number(tally.high)}
    return _of_numbers(sample, {**common, **ends}, chunked)


def _of_numbers(
    sample: pa.ChunkedArray, common: dict[str, Any], chunked: Callable[..., dict[str, Any]]
) -> Distribution:
    # A time in the data set is a whole number of microseconds: see formats.dataset.
    whole = sample.cast(pa.int64()) if pa.types.is_timestamp(sample.type) else sample
    column = whole.cast(pa.float64(), safe=False)
    present = pc.fill_null(pc.is_finite(column), False).to_numpy()
    values = column.to_numpy()[present]
    if not len(values):
        return Distribution(kind=NUMERIC, **common, **chunked(present))
    ordered = np.sort(values)
    edges = np.flatnonzero(np.diff(ordered)) + 1
    distinct = len(edges) + 1
    starts = np.concatenate([[0], edges])
    if distinct > MOST_POINTS:
        starts = starts[np.unique(np.searchsorted(starts, _point_ranks(len(ordered)), "right") - 1)]
    points = ordered[starts]
    at_most = np.searchsorted(ordered, points, side="right")
    scale = float(np.max(np.abs(points))) or 1.0
    # Scaled, because the square of a finite number may be infinite.
    scaled = values / scale
    return Distribution(
        kind=NUMERIC,
        **common,
        values=len(values),
        mean=float(scaled.mean()) * scale,
        std=_finite(float(scaled.std()) * scale) if distinct > 1 else 0.0,
        points=tuple(points.tolist()),
        below=tuple(starts.tolist()),
        at_most=tuple(at_most.tolist()),
        distinct=distinct,
        **chunked(present, np.searchsorted(points, values), points),
    )


def _point_ranks(values: int) -> NDArray[np.int64]:
    """Returns the ranks of the points to keep: of equal mass, and closer towards both ends."""
    even = np.linspace(0, values - 1, MOST_POINTS + 1)
    tail = values / MOST_POINTS / 2.0 ** np.arange(1, 16)
    ends = np.concatenate([even, tail, values - 1 - tail])
    return np.unique(np.clip(np.round(ends), 0, values - 1).astype(np.int64))


def _of_names(
    sample: pa.ChunkedArray, common: dict[str, Any], chunked: Callable[..., dict[str, Any]]
) -> Distribution:
    texts = sample if pa.types.is_string(sample.type) else sample.cast(pa.string())
    encoded = texts.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    present = encoded.is_valid().to_numpy(zero_copy_only=False)
    codes = encoded.indices.drop_null().to_numpy()
    names = [name_of(text) for text in encoded.dictionary.to_pylist()]
    if not len(codes):
        return Distribution(kind=CATEGORICAL, **common, **chunked(present))
    counts = np.bincount(codes, minlength=len(names))
    kept, hashes = _kept(names, counts)
    named = sum(int(counts[index]) for index in kept)
    return Distribution(
        kind=CATEGORICAL,
        **common,
        values=len(codes),
        counts=tuple((names[index], int(counts[index])) for index in kept),
        rest=len(codes) - named,
        distinct=len(names),
        hashes=hashes,
        **chunked(present, codes),
    )


def _kept(
    names: list[str], counts: NDArray[np.int64]
) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Returns which names are kept, most frequent first, and the hashes of some if not all are."""
    indices: Sequence[int] = range(len(names))
    if len(names) > MOST_COUNTS:
        # Of equally frequent values none is kept, where not all are: which ones would be chance.
        limit = max(int(np.sort(counts)[-MOST_NAMED - 1]), 1)
        indices = np.flatnonzero(counts > limit).tolist()
    kept = sorted(indices, key=lambda index: (-counts[index], names[index]))
    if len(names) <= MOST_COUNTS:
        return kept, ()
    codes = hashes_of(names)
    smallest = np.argsort(codes, kind="stable")[:MOST_HASHES]
    return kept, tuple((int(codes[index]), int(counts[index])) for index in smallest)


def _number(value: Any) -> float | None:
    if isinstance(value, datetime.datetime):
        return float((value - EPOCH) // MICROSECOND)
    return None if value is None else float(value)


def _finite(value: float) -> float:
    return value if np.isfinite(value) else float(np.finfo(np.float64).max)
