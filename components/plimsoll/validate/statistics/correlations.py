"""How columns go together in a sample: Pearson and Spearman between numbers, ties to the label.

Everything is computed over the rows in which both columns have a value. The sample bounds the
cost; no number here decides anything, they are for the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.formats.dataset import type_name
from plimsoll.problem import Problem

Matrix: TypeAlias = NDArray[np.float64]

MOST_CELLS = 1 << 22
"""Rows times columns that are looked at; 500 columns: 8,388 rows."""
FEWEST_ROWS = 10
"""Below so many common rows a correlation says nothing."""
NUMBERS = ("int", "float", "bool", "timestamp")
MOST_KINDS = 1000
ROWS_A_KIND = 5
"""A column of names is compared with the label if its names occur so often on average."""
DECIMALS = 6
"""So many digits do not hang on the order in which a processor adds."""
_VANISHED = 1e-9
PEARSON, RATIO, CRAMER = "Pearson's r", "correlation ratio", "Cramér's V"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two columns of numbers and how they go together, each -1 to 1."""

    left: str
    right: str
    pearson: float
    spearman: float
    rows: int
    """In which both have a value."""


@dataclass(frozen=True, kw_only=True)
class Correlations:
    """Correlations of columns of numbers."""

    columns: tuple[str, ...]
    pearson: Matrix = field(repr=False)
    """Columns by columns, -1 to 1; NaN where too few rows are common, or nothing varies in them."""
    spearman: Matrix = field(repr=False)
    """The same of ranks; ranks are those among all of a column's values."""
    common: Matrix = field(repr=False)
    """The rows in which both columns have a value."""
    rows: int
    """The rows looked at."""
    constant: tuple[str, ...] = ()
    """Columns left out because they have one value or none."""

    def pairs(self, most: int | None = None) -> list[Pair]:
        """Returns pairs of columns, each once, the strongest by either measure first.

        Args:
            most: How many; None: all that are known.
        """
        left, right = np.triu_indices(len(self.columns), k=1)
        strength = np.fmax(np.abs(self.pearson), np.abs(self.spearman))[left, right]
        known = np.flatnonzero(~np.isnan(strength))
        order = known[np.argsort(-strength[known], kind="stable")]
        return [self._pair(int(left[index]), int(right[index])) for index in order[:most]]

    def _pair(self, left: int, right: int) -> Pair:
        return Pair(
            left=self.columns[left],
            right=self.columns[right],
            pearson=float(self.pearson[left, right]),
            spearman=float(self.spearman[left, right]),
            rows=int(self.common[left, right]),
        )


@dataclass(frozen=True, kw_only=True)
class Association:
    """How much a column says of the label."""

    column: str
    measure: str
    """Pearson's r of numbers, the correlation ratio of names and a number, Cramér's V of names;
    the last two are corrected for chance and have no sign."""
    value: float
    """-1 to 1."""
    spearman: float | None = None
    """Of two columns of numbers."""
    rows: int
    """In which both have a value."""


def correlations(sample: pa.Table, columns: Sequence[str], problem: Problem) -> Correlations:
    """Returns the correlations of those of some columns that hold numbers and vary.

    The label of a binary task counts as a number: 1 for the positive class, else 0.

    Args:
        sample: Rows of a split, in the data set's types; some are taken if there are many.
        columns: Which columns to compare.
        problem: Names label, task and positive class.
    """
    names = [name for name in columns if _is_number(sample, name, problem)]
    sample = _thinned(sample.select(names))
    kept: list[str] = []
    constant: list[str] = []
    rows: list[Matrix] = []
    for name in names:
        scaled = _scaled(_numbers(sample, name, problem))
        if scaled is None:
            constant.append(name)
        else:
            kept.append(name)
            rows.append(scaled)
    values = np.array(rows) if rows else np.empty((0, sample.num_rows))
    present = ~np.isnan(values)
    common = present.astype(np.float64) @ present.T.astype(np.float64)
    return Correlations(
        columns=tuple(kept),
        pearson=_pairwise(values, present, common),
        spearman=_pairwise(_standard_ranks(values), present, common),
        common=common,
        rows=sample.num_rows,
        constant=tuple(constant),
    )


def associations(
    sample: pa.Table, columns: Sequence[str], problem: Problem
) -> tuple[list[Association], list[str]]:
    """Returns how much each column says of the label, the most first, and the columns left out.

    Left out are the label, columns that do not vary, and those with too many different names.

    Args:
        sample: Rows of a split, in the data set's types; some are taken if there are many.
        columns: Which columns to compare with the label.
        problem: Names label, task and positive class.
    """
    candidates = [name for name in dict.fromkeys(columns) if name != problem.label]
    if problem.label not in sample.column_names:
        return [], candidates
    sample = _thinned(sample.select([*candidates, problem.label]))
    target: Matrix | None = None
    classes: Matrix | None = None
    if _is_number(sample, problem.label, problem):
        target = _scaled(_numbers(sample, problem.label, problem))
    else:
        classes = _codes(sample, problem.label)
    known = []
    for name in candidates:
        item = _association(sample, name, target, classes)
        if item is not None:
            known.append(item)
    names = {item.column for item in known}
    known.sort(key=lambda item: -abs(item.value))
    return known, [name for name in candidates if name not in names]


def clustered(matrix: Matrix) -> list[int]:
    """Returns an order of columns in which those that go together stand side by side.

    Groups are joined by average linkage on 1 - |r|, and turned so that the ends that go together
    best meet. Cubic in the number of columns: for a picture's worth of them.

    Args:
        matrix: Correlations, columns by columns; NaN counts as none.
    """
    close = np.abs(np.nan_to_num(matrix)).round(DECIMALS)
    groups = [[index] for index in range(len(close))]
    while len(groups) > 1:
        best, (first, second) = -1.0, (0, 1)
        for one in range(len(groups)):
            for other in range(one + 1, len(groups)):
                mean = float(close[np.ix_(groups[one], groups[other])].mean())
                if mean > best + 0.5 * 10.0**-DECIMALS:
                    best, (first, second) = mean, (one, other)
        right = groups.pop(second)
        groups[first] = _joined(groups[first], right, close)
    return groups[0] if groups else []


def _joined(left: list[int], right: list[int], close: Matrix) -> list[int]:
    ways = [(one, other) for one in (left, left[::-1]) for other in (right, right[::-1])]
    one, other = max(ways, key=lambda way: close[way[0][-1], way[1][0]])
    return one + other


def _is_number(sample: pa.Table, name: str, problem: Problem) -> bool:
    if name == problem.label and problem.task in ("binary", "multiclass"):
        return problem.task == "binary"
    return type_name(sample.schema.field(name).type) in NUMBERS


def _thinned(sample: pa.Table) -> pa.Table:
    most = max(MOST_CELLS // max(sample.num_columns, 1), 1000)
    if sample.num_rows <= most:
        return sample
    return sample.take(pa.array(np.linspace(0, sample.num_rows - 1, most).astype(np.int64)))


def _numbers(sample: pa.Table, name: str, problem: Problem) -> Matrix:
    """Returns a column as floats, NaN where there is no finite value; 0 and 1 of two classes."""
    column = sample.column(name)
    if name == problem.label and problem.task == "binary":
        column = pc.equal(column.cast(pa.string()), problem.positive)
    return _floats(column)


def _floats(column: pa.ChunkedArray) -> Matrix:
    if pa.types.is_timestamp(column.type) or pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    values = column.cast(pa.float64(), safe=False).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _scaled(values: Matrix) -> Matrix | None:
    """Returns values with mean 0 and variance 1, or None if they do not vary.

    They are first moved to their own first value and scaled by their range: squares then neither
    overflow nor lose what little a clock's counts vary.
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return None
    moved = values / 2 - present[0] / 2
    range_ = np.nanmax(np.abs(moved))
    if not range_ > 0:
        return None
    moved = moved / range_
    std = np.nanstd(moved)
    scaled: Matrix = (moved - np.nanmean(moved)) / std
    return scaled


def _standard_ranks(values: Matrix) -> Matrix:
    """Returns each row's ranks, ties sharing their mean, with mean 0 and variance 1."""
    ranks = np.full(values.shape, np.nan)
    for index, row in enumerate(values):
        present = np.flatnonzero(~np.isnan(row))
        order = present[np.argsort(row[present], kind="stable")]
        ordered = row[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        counts = np.diff(np.append(starts, len(ordered)))
        shared = np.repeat(starts + (counts - 1) / 2, counts)
        ranks[index, order] = (shared - shared.mean()) / shared.std()
    return ranks


def _pairwise(values: Matrix, present: NDArray[np.bool_], common: Matrix) -> Matrix:
    """Returns Pearson's r of each pair of rows over the positions where both have a value.

    The sums of all pairs come from products of matrices; with values v (0 where missing) and
    masks m: n = m m', sums = v m', squares = v² m', products = v v'.
    """
    filled = np.where(present, values, 0.0)
    products = filled @ filled.T
    with np.errstate(divide="ignore", invalid="ignore"):
        if present.all():
            spread = np.tile(np.diag(products)[:, None], (1, len(products)))
        else:
            mask = present.T.astype(np.float64)
            sums = filled @ mask
            spread = filled**2 @ mask - sums**2 / common
            products = products - sums * sums.T / common
        spread = np.where(spread > _VANISHED * common, spread, np.nan)
        r = products / np.sqrt(spread * spread.T)
    r = np.where(common >= FEWEST_ROWS, r, np.nan)
    return np.clip(r, -1.0, 1.0).round(DECIMALS)


def _association(
    sample: pa.Table, name: str, target: Matrix | None, classes: Matrix | None
) -> Association | None:
    """Returns how a column goes with the label, a number (target) or names (classes)."""
    if target is None and classes is None:
        return None
    if type_name(sample.schema.field(name).type) in NUMBERS:
        values = _scaled(_floats(sample.column(name)))
        if values is None:
            return None
        if target is not None:
            return _between_numbers(name, values, target)
        return _of_names(name, RATIO, _ratio(classes, values))
    codes = _codes(sample, name)
    if codes is None:
        return None
    if target is not None:
        return _of_names(name, RATIO, _ratio(codes, target))
    return _of_names(name, CRAMER, _cramer(codes, classes))


def _between_numbers(name: str, values: Matrix, target: Matrix) -> Association | None:
    both = np.array([values, target])
    present = ~np.isnan(both)
    common = present.astype(np.float64) @ present.T.astype(np.float64)
    pearson = _pairwise(both, present, common)[0, 1]
    spearman = _pairwise(_standard_ranks(both), present, common)[0, 1]
    if np.isnan(pearson):
        return None
    return Association(
        column=name,
        measure=PEARSON,
        value=float(pearson),
        spearman=float(spearman),
        rows=int(common[0, 1]),
    )


def _of_names(name: str, measure: str, result: tuple[float, int] | None) -> Association | None:
    if result is None:
        return None
    value, rows = result
    return Association(column=name, measure=measure, value=round(value, DECIMALS), rows=rows)


def _codes(sample: pa.Table, name: str) -> Matrix | None:
    """Returns a column's values as whole numbers from 0, NaN where missing; None if too many."""
    column = sample.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.string())
    encoded = column.combine_chunks().dictionary_encode()
    kinds, rows = len(encoded.dictionary), len(encoded) - encoded.null_count
    if kinds < 2 or kinds > MOST_KINDS or rows < ROWS_A_KIND * kinds:
        return None
    codes: Matrix = encoded.indices.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return codes


def _ratio(codes: Matrix, values: Matrix) -> tuple[float, int] | None:
    """Returns the correlation ratio, 0 to 1, and the rows: how much of a spread groups explain.

    The square root of epsilon squared (Kelley, 1935), which is 0 on average for chance groups.
    """
    both = ~(np.isnan(codes) | np.isnan(values))
    groups, inverse, counts = np.unique(codes[both], return_inverse=True, return_counts=True)
    rows, values = int(both.sum()), values[both]
    if rows < FEWEST_ROWS or len(groups) < 2 or rows <= len(groups):
        return None
    centred = values - values.mean()
    whole = float(centred @ centred)
    if not whole > _VANISHED * rows:
        return None
    sums = np.bincount(inverse.ravel(), centred)
    within = max(1.0 - float((sums**2 / counts).sum()) / whole, 0.0)
    explained = 1.0 - within * (rows - 1) / (rows - len(groups))
    return min(max(explained, 0.0), 1.0) ** 0.5, rows


def _cramer(left: Matrix, right: Matrix) -> tuple[float, int] | None:
    """Returns Cramér's V, 0 to 1, and the rows, corrected for chance (Bergsma, 2013)."""
    both = ~(np.isnan(left) | np.isnan(right))
    rows = int(both.sum())
    if rows < FEWEST_ROWS:
        return None
    one, other = left[both].astype(np.int64), right[both].astype(np.int64)
    wide = int(other.max()) + 1
    table = np.bincount(one * wide + other, minlength=(int(one.max()) + 1) * wide)
    counts = table.reshape(-1, wide)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    down, across = counts.shape
    if min(down, across) < 2:
        return None
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
    strength = float(((counts - expected) ** 2 / expected).sum()) / rows
    strength = max(strength - (down - 1) * (across - 1) / (rows - 1), 0.0)
    down_corrected = down - (down - 1) ** 2 / (rows - 1)
    across_corrected = across - (across - 1) ** 2 / (rows - 1)
    room = min(down_corrected, across_corrected) - 1
    return (min((strength / room) ** 0.5, 1.0), rows) if room > 0 else None
