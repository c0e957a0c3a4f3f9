"""What is measured of the train split in one pass: its columns, the label, crosses, a sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.formats.rows import column_from_arrow, decoded
from plimsoll.statistics.accumulator import Measurement, power_of_two
from plimsoll.statistics.hashing import mixed
from plimsoll.transform.apply.texts import split_texts
from plimsoll.transform.config import NAME
from plimsoll.transform.fit.column_stats import TYPES, ColumnStats, TrainStats
from plimsoll.transform.fit.cross_fitting import folds_of
from plimsoll.transform.kinds.category_stats import CategoryAccumulator, Encoded, encoded
from plimsoll.transform.kinds.label_stats import LabelAccumulator
from plimsoll.transform.kinds.number_stats import NumberAccumulator
from plimsoll.transform.kinds.target_stats import ROWS, SUM, TargetAccumulator, Targets
from plimsoll.transform.kinds.time_stats import TimeAccumulator

WIDE = 64
"""With more columns than this parts have fewer rows."""
DISTINCT = 1 << 16
"""Distinct values of a column that are counted one by one."""
DISTINCT_OF_ALL = 1 << 22
"""The same of all columns together."""
FEWEST_DISTINCT = 1 << 12
CELLS_THAT_PAY = 1 << 22
"""Rows times columns below which one process is faster."""
LONGEST_LIST = 64
"""Lists of more texts are counted as of so many."""


@dataclass(frozen=True, kw_only=True)
class ColumnPlan:
    """What is measured of one column."""

    name: str
    type: str
    number: bool = False
    category: bool = False
    elapsed: bool = False
    """A timestamp's days as a number."""
    folds: int = 0
    """Folds in which the label is added up by the column's values; 0: it is not."""
    separator: str = ""
    """What stands between the texts that a text lists; empty: it is one text."""


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """What is measured; it travels to other processes."""

    rows: int
    """Of the train split."""
    columns: tuple[ColumnPlan, ...]
    label: str
    regression: bool
    crosses: tuple[tuple[str, ...], ...] = ()
    """Columns whose values are counted together."""
    keys: tuple[str, ...] = ()
    """Columns that say whom a row is about: such rows are in one fold."""
    sample_rows: int = 0
    """Rows that are kept as they are, about."""

    @property
    def measured(self) -> tuple[ColumnPlan, ...]:
        """The columns of which anything is measured."""
        return tuple(
            column
            for column in self.columns
            if column.type == "timestamp" or column.number or column.category or column.folds
        )

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that are read."""
        names = [column.name for column in self.measured]
        crossed = [name for cross in self.crosses for name in cross]
        return tuple(dict.fromkeys([*names, *crossed, self.label, *self.keys]))

    @property
    def limit(self) -> int:
        """Distinct values of a column that are counted one by one: a power of two."""
        fitting = power_of_two(DISTINCT_OF_ALL // max(len(self.columns), 1))
        return min(DISTINCT, max(FEWEST_DISTINCT, fitting))

    def measurement(self) -> Measurement[TrainStats]:
        """Returns it as the engine takes it."""
        return Measurement(
            split="train",
            columns=self.reads,
            start=partial(FitAccumulator, self),
            load=_load,
            width=len(self.columns),
            wide=WIDE,
            in_dictionaries=True,
            cells_that_pay=CELLS_THAT_PAY,
            config=NAME,
            purpose="fit the transform",
            done="fitted",
        )


class ColumnAccumulator:
    """Measures one column."""

    def __init__(self, plan: ColumnPlan, limit: int) -> None:
        numbers, timed = plan.type in ("int", "bool"), plan.type == "timestamp"
        self.rows = self.nulls = 0
        self.number = NumberAccumulator(limit) if plan.number else None
        self.category = CategoryAccumulator(limit, numbers=numbers) if plan.category else None
        self.time = TimeAccumulator(limit, elapsed=plan.elapsed) if timed else None
        self.target = TargetAccumulator(limit, plan.folds) if plan.folds else None
        self.lists: NDArray[np.int64] = np.zeros(LONGEST_LIST + 1, np.int64)
        """How many rows list so many texts."""

    def merge(self, later: ColumnAccumulator) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""
        self.rows += later.rows
        self.nulls += later.nulls
        for mine, theirs in zip(self._parts(), later._parts(), strict=True):
            if mine is not None:
                mine.merge(theirs)
        self.lists += later.lists

    def close(self) -> None:
        """Makes it smaller, once all rows of a part are added."""
        for accumulator in (self.number, self.time):
            if accumulator is not None:
                accumulator.close()

    def finish(self) -> ColumnStats:
        """Returns what was measured."""
        number, category, time, target = [part and part.finish() for part in self._parts()]
        return ColumnStats(
            rows=self.rows,
            nulls=self.nulls,
            number=number,
            category=category,
            time=time,
            target=target,
            lists=tuple(self.lists.tolist()),
        )

    def add_lists(self, column: Encoded, separator: str) -> None:
        """Adds rows that list texts, each of which is counted.

        Args:
            column: The lists as they are written.
            separator: What stands between two texts.
        """
        counts = np.bincount(column.codes + 1, minlength=len(column.values) + 1)[1:]
        used = np.flatnonzero(counts)
        sums: dict[str, int] = {}
        texts = column.values.take(pa.array(used)).to_pylist()
        for text, count in zip(texts, counts[used].tolist(), strict=True):
            listed = split_texts(text, separator)
            self.lists[min(len(listed), LONGEST_LIST)] += count
            for item in listed:
                sums[item] = sums.get(item, 0) + count
        if self.category is not None:
            numbers = np.fromiter(sums.values(), np.int64, len(sums))
            self.category.add_counts(pa.array(list(sums), pa.string()), numbers)
            self.category.add_rows(len(column.codes), int(counts.sum()))

    def _parts(self) -> tuple[Any, ...]:
        return self.number, self.category, self.time, self.target


class FitAccumulator:
    """Measures rows of the train split: see ``plimsoll.statistics.accumulator``."""

    def __init__(self, plan: FitPlan) -> None:
        self._plan = plan
        self._rows = 0
        self._columns = {item.name: ColumnAccumulator(item, plan.limit) for item in plan.columns}
        self._label = LabelAccumulator(plan.label, regression=plan.regression)
        self._crosses: list[dict[tuple[Any, ...], int] | None] = [{} for _ in plan.crosses]
        """How often values occur together; None: they are too many."""
        self._sample: list[pa.RecordBatch] = []
        self._sampled: list[NDArray[np.int64]] = []
        """Numbers of the rows in the sample."""

    def add(self, batch: pa.RecordBatch, first: int) -> None:
        """Adds rows, of which the first has the number ``first`` in the split.

        Raises:
            DataError: if the label has too many classes.
        """
        self._rows += batch.num_rows
        named = dict(zip(batch.schema.names, batch.columns, strict=True))
        self._label.add(decoded(named[self._plan.label]))
        codes: dict[str, Encoded] = {}
        for column in self._plan.measured:
            self._add_column(column, named[column.name], codes)
        self._add_targets(named, codes, first)
        for index, names in enumerate(self._plan.crosses):
            self._add_cross(index, [_encoded(name, named[name], codes) for name in names])
        if self._plan.sample_rows:
            self._keep(batch, first)

    def close(self) -> None:
        """Makes it smaller, once all rows of a part are added."""
        for column in self._columns.values():
            column.close()

    def merge(self, later: FitAccumulator) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""
        self._rows += later._rows
        self._label.merge(later._label)
        for name, column in later._columns.items():
            self._columns[name].merge(column)
        for index, counts in enumerate(later._crosses):
            self._count_cross(index, counts)
        self._sample += later._sample
        self._sampled += later._sampled

    def finish(self) -> TrainStats:
        """Returns what was measured; nothing may be added afterwards."""
        sample = pa.Table.from_batches(self._sample).combine_chunks() if self._sample else None
        return TrainStats(
            rows=self._rows,
            columns={name: column.finish() for name, column in self._columns.items()},
            label=self._label.finish(),
            crosses=tuple(self._crosses),
            sample=sample,
            sampled=np.concatenate([*self._sampled, np.empty(0, np.int64)]),
        )

    def _add_column(self, plan: ColumnPlan, values: pa.Array, codes: dict[str, Encoded]) -> None:
        column = self._columns[plan.name]
        column.rows += len(values)
        column.nulls += values.null_count
        if column.number is not None:
            column.number.add(column_from_arrow(values))
        if column.time is not None:
            column.time.add(column_from_arrow(values))
        if column.category is not None:
            texts = _encoded(plan.name, values, codes)
            if plan.separator:
                column.add_lists(texts, plan.separator)
            else:
                column.category.add(texts)

    def _add_targets(
        self, named: Mapping[str, pa.Array], codes: dict[str, Encoded], first: int
    ) -> None:
        plan = self._plan
        targets = [(column, self._columns[column.name].target) for column in plan.columns]
        if not any(target for _, target in targets):
            return
        weights = _weights(decoded(named[plan.label]), regression=plan.regression)
        numbers = np.arange(first, first + len(named[plan.label]))
        keys = [decoded(named[name]) for name in plan.keys]
        for column, target in targets:
            if target is not None:
                fold = folds_of(numbers, column.folds, keys)
                values = _encoded(column.name, named[column.name], codes)
                target.add(values, Targets(fold, column.folds, weights))

    def _add_cross(self, index: int, columns: list[Encoded]) -> None:
        if self._crosses[index] is None:
            return
        known = np.all([column.codes >= 0 for column in columns], axis=0)
        rows = np.stack([column.codes[known] for column in columns])
        # Numbers of few columns at a time, as the product of all might not fit into 64 bits.
        together, counts = np.unique(rows, axis=1, return_counts=True)
        values = [
            column.values.take(pa.array(line)).to_pylist()
            for column, line in zip(columns, together, strict=True)
        ]
        tuples = zip(*values, strict=True)
        self._count_cross(index, dict(zip(tuples, counts.tolist(), strict=True)))

    def _count_cross(self, index: int, counts: Mapping[tuple[Any, ...], int] | None) -> None:
        sums = self._crosses[index]
        if sums is None or counts is None:
            self._crosses[index] = None
            return
        for value, count in counts.items():
            sums[value] = sums.get(value, 0) + count
        if len(sums) > self._plan.limit:
            self._crosses[index] = None

    def _keep(self, batch: pa.RecordBatch, first: int) -> None:
        share = min(1.0, self._plan.sample_rows / max(self._plan.rows, 1))
        # The upper 53 bits, which a double holds.
        hashes = mixed(np.arange(first, first + batch.num_rows, dtype=np.uint64)) >> np.uint64(11)
        chosen = np.flatnonzero(hashes.astype(np.float64) < share * 2.0**53)
        if len(chosen):
            columns = [decoded(column.take(pa.array(chosen))) for column in batch.columns]
            self._sample.append(pa.RecordBatch.from_arrays(columns, names=batch.schema.names))
            self._sampled.append(chosen + first)


def _load() -> tuple[type, ...]:
    # Each worker would import the library by itself.
    from tfx_bsl import sketches  # noqa: F401

    return TYPES


def _encoded(name: str, column: pa.Array, codes: dict[str, Encoded]) -> Encoded:
    if name not in codes:
        codes[name] = encoded(column)
    return codes[name]


def _weights(label: pa.Array, *, regression: bool) -> dict[Any, NDArray[np.float64]]:
    if regression:
        values = column_from_arrow(label)
        return {ROWS: np.ones(len(values)), SUM: np.where(np.isfinite(values), values, 0.0)}
    encoded_label = label.dictionary_encode()
    indices = pc.fill_null(pc.cast(encoded_label.indices, pa.int64()), -1)
    codes = indices.to_numpy(zero_copy_only=False)
    classes: Iterable[Any] = encoded_label.dictionary.to_pylist()
    return {value: (codes == index).astype(np.float64) for index, value in enumerate(classes)}
