"""Scales numbers and lays them into bins, all columns of a transform side by side."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.columns import Column, Columns
from plimsoll.models.transform_parts import Bins, Number
from plimsoll.transform.apply.quantile_tables import QuantileTable
from plimsoll.transform.apply.steps import FEW, Features, Fill, Step
from plimsoll.transform.apply.times import elapsed_days

VALUES_AT_ONCE = 1 << 15
"""How many numbers of all columns are worked on together: they stay in the processor's cache."""
LEAST_ROWS, MOST_ROWS = 512, 4096
_LN2 = math.log(2)
_ROOT_HALF = math.sqrt(0.5)
_ATANH = tuple(2.0 / power for power in range(17, 0, -2))
"""Factors of f**17, f**15, .. f in 2 atanh(f)."""


class PlacedPart(NamedTuple):
    """A numeric part and where its outputs begin."""

    column: str
    timed: bool
    """Whether the column holds times."""
    part: Number | Bins
    first_output: int


def signed_log(values: NDArray[np.float64], unit: Any) -> NDArray[np.float64]:
    """Returns sign(x) ln(1 + |x| / unit), the same bytes wherever a value stands in an array.

    numpy's own logarithm may differ by position. ln(2**e m) = e ln 2 + 2 atanh((m - 1) / (m + 1))
    with m in 0.71 to 1.42, where nine terms of the series leave an error below 1e-15.

    Args:
        values: Finite numbers.
        unit: Above 0, one or as many as broadcast.
    """
    share, power = np.frexp(np.abs(values) / unit + 1.0)
    low = share < _ROOT_HALF
    share = np.where(low, share * 2.0, share)
    f = (share - 1.0) / (share + 1.0)
    square = f * f
    total = np.full_like(f, _ATANH[0])
    for factor in _ATANH[1:]:
        total = total * square + factor
    return np.copysign((power - low) * _LN2 + total * f, values)


def rows_at_once(numbers: Sequence[PlacedPart]) -> int:
    """Returns how many rows are best transformed together."""
    width = sum(len(item.part.edges) if isinstance(item.part, Bins) else 1 for item in numbers)
    return min(MOST_ROWS, max(LEAST_ROWS, VALUES_AT_ONCE // max(1, width)))


def numbers_step(numbers: Sequence[PlacedPart], missing: Sequence[tuple[str, int]]) -> Step:
    """Returns the step that makes all numbers and bins.

    Args:
        numbers: The parts.
        missing: Column and index of the outputs that are 1 where a number is missing; each
            column is one of those of the parts.
    """
    scaled = [item for item in numbers if isinstance(item.part, Number)]
    scaled.sort(key=lambda item: _ORDER.get(getattr(item.part, "scale", ""), 0))
    binned = [item for item in numbers if isinstance(item.part, Bins)]
    sources = [*scaled, *binned]
    names = [item.column for item in sources]
    scales, bins = _scales(scaled), _bins(binned)
    fills = _upright(item.part.fill for item in sources)
    count = len(scaled)
    absent_rows = np.array([names.index(name) for name, _ in missing], np.intp)
    absent_outputs = np.array([index for _, index in missing], np.intp)
    inputs = [(item.column, item.timed) for item in sources]

    at_once = rows_at_once(numbers)

    def step(columns: Columns) -> Fill:
        raws = [_raw(columns[name], timed) for name, timed in inputs]
        # Taken once for all rows: new memory costs more than the arithmetic.
        longest = min(at_once, len(raws[0]))
        raw_room = np.empty(len(raws) * longest)
        bin_room = np.empty(len(bins.outputs) * longest)

        def fill(rows: slice, out: Features) -> None:
            size = len(out.numeric)
            flat = raw_room[: len(raws) * size]
            np.concatenate([values[rows] for values in raws], out=flat)
            raw = flat.reshape(len(raws), size)
            absent = ~np.isfinite(raw)
            np.copyto(raw, fills, where=absent)
            if len(absent_outputs):
                _store(out.numeric, absent_outputs, absent[absent_rows])
            if count:
                _store(out.numeric, scales.outputs, _scaled(scales, raw[:count]))
            if len(bin_room):
                room = bin_room[: len(bins.outputs) * size].reshape(-1, size)
                _store(out.numeric, bins.outputs, _shares(bins, raw[count:], room))

        return fill

    return step


@dataclass(frozen=True, kw_only=True)
class _Scales:
    """How numbers are scaled: those by a center and a spread first, logarithms, then tables."""

    outputs: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    units: NDArray[np.float64]
    logs: slice
    tables: Sequence[QuantileTable]
    first_table: int


@dataclass(frozen=True, kw_only=True)
class _Bins:
    """All bins of all columns, one behind another."""

    outputs: NDArray[np.intp]
    source: NDArray[np.intp]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    width: NDArray[np.float64]


_ORDER = {"log": 1, "quantile": 2}


def _raw(column: Column, timed: bool) -> NDArray[np.float64]:
    values = np.asarray(column)
    return elapsed_days(values) if timed else values.astype(np.float64, copy=False)


def _scales(items: Sequence[PlacedPart]) -> _Scales:
    parts = [item.part for item in items if isinstance(item.part, Number)]
    orders = [_ORDER.get(part.scale, 0) for part in parts]
    first_log, first_table = (sum(order < bound for order in orders) for bound in (1, 2))
    return _Scales(
        outputs=np.array([item.first_output for item in items], np.intp),
        low=_upright(part.low for part in parts),
        high=_upright(part.high for part in parts),
        # x - (-0) turns a negative zero, which maximum may or may not leave, into zero.
        center=_upright(part.center or -0.0 for part in parts),
        spread=_upright(part.spread for part in parts[:first_table]),
        units=_upright(part.unit for part in parts[first_log:first_table]),
        logs=slice(first_log, first_table),
        tables=tuple(QuantileTable(part.knots, part.scores) for part in parts[first_table:]),
        first_table=first_table,
    )


def _bins(items: Sequence[PlacedPart]) -> _Bins:
    edges = [np.array(item.part.edges) for item in items if isinstance(item.part, Bins)]
    counts = [len(some) - 1 for some in edges]
    outputs = [
        np.arange(item.first_output, item.first_output + n)
        for item, n in zip(items, counts, strict=True)
    ]
    left, right = (
        np.concatenate([np.empty(0), *ends])[:, None]
        for ends in ([some[:-1] for some in edges], [some[1:] for some in edges])
    )
    return _Bins(
        outputs=np.concatenate([np.empty(0, np.intp), *outputs]),
        source=np.repeat(np.arange(len(items)), counts),
        left=left,
        right=right,
        width=right - left,
    )


def _scaled(scales: _Scales, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clips and scales in place; shape (numbers, rows)."""
    np.maximum(values, scales.low, out=values)
    np.minimum(values, scales.high, out=values)
    if len(scales.units):
        values[scales.logs] = signed_log(values[scales.logs], scales.units)
    values -= scales.center
    head = values[: scales.first_table]
    head /= scales.spread
    for row, table in enumerate(scales.tables, scales.first_table):
        values[row] = table.scores_of(values[row])
    return values


def _shares(
    bins: _Bins, sources: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Writes into ``values`` how far each number has come through each bin, 0 to 1."""
    sources.take(bins.source, axis=0, out=values, mode="clip")
    np.maximum(values, bins.left, out=values)
    np.minimum(values, bins.right, out=values)
    values -= bins.left
    values /= bins.width
    return values


def _store(out: NDArray[np.float32], outputs: NDArray[np.intp], values: NDArray[Any]) -> None:
    if len(out) <= FEW:
        out[:, outputs] = values.T
        return
    for output, row in zip(outputs.tolist(), values, strict=True):
        out[:, output] = row


def _upright(values: Iterable[float]) -> NDArray[np.float64]:
    return np.array(list(values), np.float64)[:, None]
