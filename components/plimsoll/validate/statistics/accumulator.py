"""What the gate measures of rows: TFDV's statistics, our own tallies, and a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from plimsoll.statistics.sampling import ALL, Sampler, chosen
from plimsoll.statistics.tally import Tally
from plimsoll.validate.statistics.arrays import Encoding, lists_of
from plimsoll.validate.statistics.slicing import Slices, check_weights, sliced
from plimsoll.validate.statistics.tfdv import Statistician, statistician

WHOLE = ""
"""What stands for the name of a slice where all rows are meant."""


@dataclass(frozen=True, kw_only=True)
class StatisticsPlan:
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
    def statistician(self) -> Statistician:
        """What makes the statistics; it stays in its process."""
        return statistician(len(self.encodings), self.categorical, self.weight)


@dataclass(frozen=True, kw_only=True)
class SplitStatistics:
    """What was measured of a split."""

    rows: int
    """Those that were read."""
    statistics: Any
    """Its ``DatasetFeatureStatisticsList``: the whole, then the slices."""
    tallies: Mapping[str, Tally]
    """By column."""
    sample: pa.Table
    """Rows, uniformly chosen."""


class StatisticsAccumulator:
    """Measures rows of a split: see ``plimsoll.statistics.accumulator``."""

    def __init__(self, plan: StatisticsPlan) -> None:
        self._plan = plan
        self._rows = 0
        self._tallies = {name: Tally() for name in plan.encodings}
        self._sampler = Sampler(len(plan.encodings), highest=plan.highest_hash)
        self._partials = {WHOLE: plan.statistician.start()}
        """By slice."""

    def add(self, batch: pa.RecordBatch, first: int) -> None:
        """Adds rows, of which the first has the number ``first`` in its split.

        Raises:
            DataError: if a row has no weight that can be used.
        """
        plan = self._plan
        self._rows += batch.num_rows
        self._sampler.add(batch, first)
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            self._tallies[name].add(array)
        if plan.weight:
            check_weights(batch.column(plan.weight), plan.weight)
        batch = chosen(batch, first, plan.sample_rate)
        self._add_to(WHOLE, batch)
        for slices in plan.slices:
            for name, rows in sliced(batch, slices):
                self._add_to(name, rows)

    def close(self) -> None:
        """Makes it smaller, once all rows of a part are added."""
        compacted = self._plan.statistician.compacted
        self._partials = {name: compacted(partial) for name, partial in self._partials.items()}

    def merge(self, later: StatisticsAccumulator) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""
        self._rows += later._rows
        for name, tally in later._tallies.items():
            self._tallies[name].merge(tally)
        self._sampler.add_sample(*later._sampler.kept())
        merged = self._plan.statistician.merged
        for name, partial in later._partials.items():
            mine = self._partials.get(name)
            self._partials[name] = merged(mine, partial) if mine else partial

    def finish(self) -> SplitStatistics:
        """Returns what was measured; nothing may be added afterwards."""
        names = [name for slices in self._plan.slices for name in slices.names()]
        slices = {name: self._partials[name] for name in names if name in self._partials}
        return SplitStatistics(
            rows=self._rows,
            statistics=self._plan.statistician.finish(self._partials[WHOLE], slices),
            tallies=self._tallies,
            sample=self._sampler.kept()[0],
        )

    def _add_to(self, name: str, rows: pa.RecordBatch) -> None:
        """Adds rows to the statistics of a slice, as TFDV wants them."""
        encodings = self._plan.encodings
        lists = [
            lists_of(encodings[column].convert(array))
            for column, array in zip(rows.schema.names, rows.columns, strict=True)
        ]
        listed = pa.RecordBatch.from_arrays(lists, names=rows.schema.names)
        statistician = self._plan.statistician
        partial = self._partials.get(name) or statistician.start()
        self._partials[name] = statistician.add(partial, listed)
