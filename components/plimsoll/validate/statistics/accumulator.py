"""Folds a split's rows into one measurement, part by part.

A part is a run of rows that depends on their number alone: not on shards, batches or processes.
Parts are merged two by two in the shape of one tree, whatever order they come in, so that one
process, several processes and Beam give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import pyarrow as pa

from plimsoll.parallel.parts import Forest, in_steps
from plimsoll.validate.statistics.arrays import Encoding, lists_of
from plimsoll.validate.statistics.sampling import ALL, Sampler, chosen
from plimsoll.validate.statistics.slicing import Slices, check_weights, sliced
from plimsoll.validate.statistics.tally import Tally
from plimsoll.validate.statistics.tfdv import WIDE, Statistician

BATCH_ROWS = 1 << 16
BATCH_CELLS = 1 << 23
PART_ROWS = 1 << 18
PART_ROWS_WHEN_WIDE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a split is measured; it travels to other processes."""

    encodings: Mapping[str, Encoding]
    """How each column goes into the statistics; their order is that of the columns."""
    categorical: tuple[str, ...] = ()
    """Columns of whole numbers that are names rather than amounts."""
    weight: str = ""
    """Column of the rows' weights; empty: rows count alike."""
    slices: tuple[Slices, ...] = ()
    """What is measured apart beside the whole."""
    sample_rate: float = 1.0
    """Share of the rows that go into the statistics."""
    highest_hash: int = ALL
    """See ``sampling.highest_hash``."""

    @property
    def batch_rows(self) -> int:
        """Rows that are added at once: a power of two, fewer for wide data."""
        fitting = 1 << max((BATCH_CELLS // max(len(self.encodings), 1)).bit_length() - 1, 0)
        return min(BATCH_ROWS, self.part_rows, fitting)

    @property
    def part_rows(self) -> int:
        """Rows of a part, the last but one included: a power of two."""
        return PART_ROWS if len(self.encodings) <= WIDE else PART_ROWS_WHEN_WIDE

    @cached_property
    def statistician(self) -> Statistician:
        """What makes the statistics; it stays in its process."""
        return Statistician(len(self.encodings), self.categorical, self.weight)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "statistician"}


class Fold:
    """What was measured of some rows of a split."""

    def __init__(self, plan: Plan) -> None:
        self.rows = 0
        self.tallies = {name: Tally() for name in plan.encodings}
        self.sampler = Sampler(len(plan.encodings), highest=plan.highest_hash)
        self.partial = plan.statistician.start()
        self.slices: dict[str, list[Any]] = {}

    def add(self, plan: Plan, batch: pa.RecordBatch, first: int) -> None:
        """Adds rows, of which the first has the number ``first`` in its split.

        Raises:
            DataError: if a row has no weight that can be used.
        """
        self.rows += batch.num_rows
        self.sampler.add(batch, first)
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            self.tallies[name].add(array)
        if plan.weight:
            check_weights(batch.column(batch.schema.get_field_index(plan.weight)), plan.weight)
        batch = chosen(batch, first, plan.sample_rate)
        self.partial = plan.statistician.add(self.partial, _listed(batch, plan.encodings))
        for slices in plan.slices:
            for name, rows in sliced(batch, slices):
                held = self.slices.get(name) or plan.statistician.start()
                self.slices[name] = plan.statistician.add(held, _listed(rows, plan.encodings))

    def close(self, plan: Plan) -> None:
        """Makes it smaller, once all its rows are added."""
        self.partial = plan.statistician.compacted(self.partial)
        self.slices = {
            name: plan.statistician.compacted(held) for name, held in self.slices.items()
        }

    def merge(self, plan: Plan, other: Fold) -> None:
        """Adds what was measured of later rows; ``other`` is used up."""
        self.rows += other.rows
        for name, tally in other.tallies.items():
            self.tallies[name].merge(tally)
        self.sampler.add_sample(*other.sampler.kept())
        self.partial = plan.statistician.merged(self.partial, other.partial)
        for name, held in other.slices.items():
            mine = self.slices.get(name)
            self.slices[name] = plan.statistician.merged(mine, held) if mine else held

    def finish(self, plan: Plan) -> Folded:
        """Returns what was measured; nothing may be added afterwards."""
        names = [name for slices in plan.slices for name in slices.names()]
        slices = {name: self.slices[name] for name in names if name in self.slices}
        return Folded(
            rows=self.rows,
            statistics=plan.statistician.finish(self.partial, slices),
            tallies=self.tallies,
            sample=self.sampler.kept()[0],
        )


@dataclass(frozen=True, kw_only=True)
class Folded:
    """A split, folded."""

    rows: int
    """Those that were read."""
    statistics: Any
    """Its ``DatasetFeatureStatisticsList``: the whole, then the slices."""
    tallies: Mapping[str, Tally]
    """By column."""
    sample: pa.Table
    """Rows, uniformly chosen."""


def forest_of(plan: Plan) -> Forest[Fold]:
    """Returns a forest that merges folds."""
    return Forest(partial(_merged, plan))


def whole(plan: Plan, forest: Forest[Fold]) -> Fold:
    """Returns what was measured of all parts."""
    return forest.whole() or Fold(plan)


def folded(plan: Plan, batches: Iterable[pa.RecordBatch], first_part: int = 0) -> Forest[Fold]:
    """Folds rows that follow each other.

    Args:
        plan: How.
        batches: The rows, cut anyhow, from the first row of a part on.
        first_part: The number of that part.
    """
    forest = forest_of(plan)
    fold, part = None, first_part
    first = first_part * plan.part_rows
    for batch in in_steps(batches, plan.batch_rows):
        fold = fold or Fold(plan)
        fold.add(plan, batch, first)
        first += batch.num_rows
        if first >= (part + 1) * plan.part_rows:
            fold.close(plan)
            forest.add(0, part, fold)
            fold, part = None, part + 1
    if fold is not None:
        fold.close(plan)
        forest.add(0, part, fold)
    return forest


def _merged(plan: Plan, first: Fold, second: Fold) -> Fold:
    first.merge(plan, second)
    return first


def _listed(batch: pa.RecordBatch, encodings: Mapping[str, Encoding]) -> pa.RecordBatch:
    """Returns rows as TFDV wants them."""
    lists = [
        lists_of(encodings[name].convert(array))
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(lists, names=batch.schema.names)
