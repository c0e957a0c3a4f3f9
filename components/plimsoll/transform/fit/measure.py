"""Measures the train split in one pass: what every column, the label and the crosses hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.formats.dataset import Dataset
from plimsoll.formats.rows import column_from_arrow
from plimsoll.parallel.parts import (
    Block,
    Forest,
    Opener,
    Place,
    blocks_of,
    in_steps,
    prepare_to_fork,
    row_hashes,
    rows_between,
)
from plimsoll.parallel.workers import processes_that_pay, shared
from plimsoll.transform.apply.texts import split_texts
from plimsoll.transform.fit.column_stats import Measured, Seen
from plimsoll.transform.fit.cross_fitting import folds_of
from plimsoll.transform.kinds.category_tally import CategoryTally, Encoded, encoded
from plimsoll.transform.kinds.label_tally import LabelTally
from plimsoll.transform.kinds.number_tally import NumberTally
from plimsoll.transform.kinds.target_tally import ROWS, SUM, Targets, TargetTally
from plimsoll.transform.kinds.time_tally import TimeTally

SPLIT = "train"
BATCH_ROWS = 1 << 16
BATCH_CELLS = 1 << 23
PART_ROWS = 1 << 18
DISTINCT = 1 << 16
"""Distinct values of a column that are counted one by one."""
DISTINCT_OF_ALL = 1 << 22
"""The same of all columns together."""
FEWEST_DISTINCT = 1 << 12
CELLS_THAT_PAY = 1 << 22
"""Rows times columns below which one process is faster."""
BLOCKS_A_PROCESS = 2
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
class Plan:
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
    def reads(self) -> tuple[str, ...]:
        """The columns that are read."""
        wanted = [column.name for column in self.columns if measures(column)]
        crossed = [name for cross in self.crosses for name in cross]
        return tuple(dict.fromkeys([*wanted, *crossed, self.label, *self.keys]))

    @property
    def limit(self) -> int:
        """Distinct values of a column that are counted one by one: a power of two."""
        fitting = 1 << max((DISTINCT_OF_ALL // max(len(self.columns), 1)).bit_length() - 1, 0)
        return min(DISTINCT, max(FEWEST_DISTINCT, fitting))

    @property
    def batch_rows(self) -> int:
        """Rows that are added at once: a power of two, fewer for wide data."""
        fitting = 1 << max((BATCH_CELLS // max(len(self.columns), 1)).bit_length() - 1, 0)
        return min(BATCH_ROWS, fitting)


class ColumnTally:
    """Measures one column."""

    def __init__(self, plan: ColumnPlan, limit: int) -> None:
        numbers = plan.type in ("int", "bool")
        self.rows = self.nulls = 0
        self.number = NumberTally(limit) if plan.number else None
        self.category = CategoryTally(limit, numbers=numbers) if plan.category else None
        self.time = TimeTally(limit, elapsed=plan.elapsed) if plan.type == "timestamp" else None
        self.target = TargetTally(limit, plan.folds) if plan.folds else None
        self.lists: NDArray[np.int64] = np.zeros(LONGEST_LIST + 1, np.int64)
        """How many rows list so many texts."""

    def merge(self, other: ColumnTally) -> None:
        """Adds what was measured of later rows; ``other`` is used up."""
        self.rows += other.rows
        self.nulls += other.nulls
        for mine, theirs in zip(self._tallies(), other._tallies(), strict=True):
            if mine is not None:
                mine.merge(theirs)
        self.lists += other.lists

    def close(self) -> None:
        """Makes it smaller, once a part's rows are all added."""
        for tally in (self.number, self.time):
            if tally is not None:
                tally.close()

    def finish(self) -> Seen:
        """Returns what was measured."""
        return Seen(
            rows=self.rows,
            nulls=self.nulls,
            number=self.number.seen() if self.number else None,
            category=self.category.seen() if self.category else None,
            time=self.time.seen() if self.time else None,
            target=self.target.seen() if self.target else None,
            lists=tuple(self.lists.tolist()),
        )

    def _tallies(self) -> tuple[Any, ...]:
        return self.number, self.category, self.time, self.target


class Fold:
    """What was measured of some rows of the train split."""

    def __init__(self, plan: Plan) -> None:
        self.rows = 0
        self.columns = {item.name: ColumnTally(item, plan.limit) for item in plan.columns}
        self.label = LabelTally(plan.label, regression=plan.regression)
        self.crosses: list[dict[tuple[Any, ...], int] | None] = [{} for _ in plan.crosses]
        """How often values occur together; None: they are too many."""
        self.sample: list[pa.RecordBatch] = []
        self.sampled: list[NDArray[np.int64]] = []
        """Numbers of the rows in ``sample``."""

    def add(self, plan: Plan, batch: pa.RecordBatch, first: int) -> None:
        """Adds rows, of which the first has the number ``first`` in the split.

        Raises:
            DataError: if the label has too many classes.
        """
        self.rows += batch.num_rows
        named = dict(zip(batch.schema.names, batch.columns, strict=True))
        self.label.add(_plain(named[plan.label]))
        codes: dict[str, Encoded] = {}
        for column in plan.columns:
            if measures(column):
                self._add_column(column, named[column.name], codes)
        self._add_targets(plan, named, codes, first)
        for place, names in enumerate(plan.crosses):
            self._cross(place, [_encoded(name, named[name], codes) for name in names], plan.limit)
        if plan.sample_rows:
            self._keep(plan, batch, first)

    def close(self) -> None:
        """Makes it smaller, once all its rows are added."""
        for column in self.columns.values():
            column.close()

    def merge(self, other: Fold, limit: int) -> None:
        """Adds what was measured of later rows; ``other`` is used up."""
        self.rows += other.rows
        self.label.merge(other.label)
        for name, column in other.columns.items():
            self.columns[name].merge(column)
        for place, counts in enumerate(other.crosses):
            if counts is None:
                self.crosses[place] = None
            else:
                self._count_cross(place, counts, limit)
        self.sample += other.sample
        self.sampled += other.sampled

    def finish(self) -> Measured:
        """Returns what was measured; nothing may be added afterwards."""
        return Measured(
            rows=self.rows,
            columns={name: column.finish() for name, column in self.columns.items()},
            label=self.label.seen(),
            crosses=tuple(self.crosses),
            sample=pa.Table.from_batches(self.sample).combine_chunks() if self.sample else None,
            sampled=np.concatenate([*self.sampled, np.empty(0, np.int64)]),
        )

    def _add_column(self, plan: ColumnPlan, column: pa.Array, codes: dict[str, Encoded]) -> None:
        seen = self.columns[plan.name]
        seen.rows += len(column)
        seen.nulls += column.null_count
        if seen.number is not None:
            seen.number.add(column_from_arrow(column))
        if seen.time is not None:
            seen.time.add(column_from_arrow(column))
        if seen.category is not None:
            found = _encoded(plan.name, column, codes)
            if plan.separator:
                _add_lists(seen, found, plan.separator)
            else:
                seen.category.add(found)

    def _add_targets(
        self, plan: Plan, named: Mapping[str, pa.Array], codes: dict[str, Encoded], first: int
    ) -> None:
        weights: dict[Any, NDArray[np.float64]] | None = None
        for column in plan.columns:
            seen = self.columns[column.name].target
            if seen is None:
                continue
            weights = weights or _weights(_plain(named[plan.label]), regression=plan.regression)
            numbers = np.arange(first, first + len(named[plan.label]))
            keys = [_plain(named[name]) for name in plan.keys]
            fold = folds_of(numbers, column.folds, keys)
            found = _encoded(column.name, named[column.name], codes)
            seen.add(found, Targets(fold, column.folds, weights))

    def _cross(self, place: int, found: list[Encoded], limit: int) -> None:
        if self.crosses[place] is None:
            return
        known = np.all([item.codes >= 0 for item in found], axis=0)
        rows = np.stack([item.codes[known] for item in found])
        # Numbers of few columns at a time, as the product of all might not fit into 64 bits.
        together, counts = np.unique(rows, axis=1, return_counts=True)
        values = [
            item.values.take(pa.array(line)).to_pylist()
            for item, line in zip(found, together, strict=True)
        ]
        self._count_cross(
            place, dict(zip(zip(*values, strict=True), counts.tolist(), strict=True)), limit
        )

    def _count_cross(self, place: int, counts: Mapping[tuple[Any, ...], int], limit: int) -> None:
        held = self.crosses[place]
        if held is None:
            return
        for value, count in counts.items():
            held[value] = held.get(value, 0) + count
        if len(held) > limit:
            self.crosses[place] = None

    def _keep(self, plan: Plan, batch: pa.RecordBatch, first: int) -> None:
        share = min(1.0, plan.sample_rows / max(plan.rows, 1))
        # The upper 53 bits, which a double holds.
        hashes = row_hashes(first, batch.num_rows) >> np.uint64(11)
        chosen = np.flatnonzero(hashes.astype(np.float64) < share * 2.0**53)
        if len(chosen):
            columns = [_plain(column.take(pa.array(chosen))) for column in batch.columns]
            self.sample.append(pa.RecordBatch.from_arrays(columns, names=batch.schema.names))
            self.sampled.append(chosen + first)


def measures(column: ColumnPlan) -> bool:
    """Says if anything is measured of a column."""
    timed = column.type == "timestamp"
    return timed or column.number or column.category or bool(column.folds)


def measured(dataset: Dataset, plan: Plan, processes: int = 1) -> Measured:
    """Measures the train split of a data set.

    Args:
        dataset: The data set.
        plan: What is measured.
        processes: How many share the work; 0: as many as pay off.

    Raises:
        PlimsollError: what a process raised.
        StepError: if a process is killed, or raises anything else.
    """
    asked = processes or processes_that_pay(plan.rows * len(plan.columns), CELLS_THAT_PAY)
    part_rows = part_rows_of(plan)
    blocks = blocks_of(plan.rows, part_rows, asked * BLOCKS_A_PROCESS if asked > 1 else 1)
    if asked > 1:
        prepare_to_fork()
        # Each worker would import the library by itself.
        from tfx_bsl import sketches  # noqa: F401
    forest = forest_of(plan)
    for nodes in shared(partial(measured_block, dataset, plan), blocks, asked, "fitted"):
        forest.add_all(nodes)
        # What was merged into another is used up: it is let go before the next comes.
        nodes.clear()
    return (forest.whole() or Fold(plan)).finish()


def part_rows_of(plan: Plan) -> int:
    """Returns the rows of a part: a power of two."""
    return max(PART_ROWS // 4 if len(plan.columns) > 64 else PART_ROWS, plan.batch_rows)


def forest_of(plan: Plan) -> Forest[Fold]:
    """Returns a forest that merges folds."""
    return Forest(partial(_merged, plan.limit))


def measured_block(
    dataset: Dataset, plan: Plan, block: Block, opened: Opener | None = None
) -> dict[Place, Fold]:
    """Measures the parts of a block; ``opened`` is as in ``parts.rows_between``."""
    part_rows = part_rows_of(plan)
    first = block.first * part_rows
    bounds = first, min(first + (part_rows << block.level), plan.rows)
    batches = rows_between(dataset, SPLIT, plan.reads, bounds, opened, in_dictionaries=True)
    forest = forest_of(plan)
    fold = None
    for batch in in_steps(batches, plan.batch_rows):
        fold = fold or Fold(plan)
        fold.add(plan, batch, first)
        first += batch.num_rows
        if first % part_rows == 0 or first == plan.rows:
            fold.close()
            forest.add(0, (first - 1) // part_rows, fold)
            fold = None
    return forest.nodes


def _merged(limit: int, first: Fold, second: Fold) -> Fold:
    first.merge(second, limit)
    return first


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _encoded(name: str, column: pa.Array, codes: dict[str, Encoded]) -> Encoded:
    if name not in codes:
        codes[name] = encoded(column)
    return codes[name]


def _weights(label: pa.Array, *, regression: bool) -> dict[Any, NDArray[np.float64]]:
    if regression:
        values = column_from_arrow(label)
        return {ROWS: np.ones(len(values)), SUM: np.where(np.isfinite(values), values, 0.0)}
    found = label.dictionary_encode()
    codes = pc.fill_null(pc.cast(found.indices, pa.int64()), -1).to_numpy(zero_copy_only=False)
    classes: Iterable[Any] = found.dictionary.to_pylist()
    return {value: (codes == place).astype(np.float64) for place, value in enumerate(classes)}


def _add_lists(seen: ColumnTally, found: Encoded, separator: str) -> None:
    counts = np.bincount(found.codes + 1, minlength=len(found.values) + 1)[1:]
    used = np.flatnonzero(counts)
    held: dict[str, int] = {}
    texts = found.values.take(pa.array(used)).to_pylist()
    for text, count in zip(texts, counts[used].tolist(), strict=True):
        listed = split_texts(text, separator)
        seen.lists[min(len(listed), LONGEST_LIST)] += count
        for item in listed:
            held[item] = held.get(item, 0) + count
    if seen.category is not None:
        numbers = np.fromiter(held.values(), np.int64, len(held))
        seen.category.add_counts(pa.array(list(held), pa.string()), numbers)
        seen.category.add_rows(len(found.codes), int(counts.sum()))
