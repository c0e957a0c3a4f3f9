"""What the gate measures of rows: TFDV's statistics, our own tallies, and a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from plimsoll.statistics.sampling import ALL, Sampler, chosen, rows_chosen
from plimsoll.statistics.tally import Tally
from plimsoll.validate.statistics.arrays import Encoding, lists_of
from plimsoll.validate.statistics.slicing import Slices, check_weights, sliced
from plimsoll.validate.statistics.summary import Summary, summaries_of
from plimsoll.validate.statistics.tfdv import Statistician, statistician

WHOLE = ""
"""What stands for the name of a slice where all rows are meant."""


@dataclass(frozen=True, kw_only=True)
class StatisticsPlan:
    """How a split is measured; it travels to other processes."""

    split: str
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

    def notes(self, rows: int) -> tuple[str, ...]:
        """Says what is left out of so many rows' statistics."""
        notes = [slices.note() for slices in self.slices if slices.note()]
        chosen = rows_chosen(rows, self.sample_rate)
        if chosen < rows:
            notes.append(
                f"statistics of {self.split} from {chosen:,} of {rows:,} rows, chosen by number"
            )
        return tuple(notes)


@dataclass(frozen=True, kw_only=True)
class SplitStatistics:
    """A split, measured."""

    split: str
    rows: int
    """All its rows, of which ``tallies`` and ``sample`` speak."""
    statistics: Any
    """Its ``DatasetFeatureStatisticsList``: the whole, then slices named ``column=value``."""
    tallies: Mapping[str, Tally]
    """By column."""
    sample: pa.Table
    """A uniform sample of the rows in their order, in the data set's own types: all rows, if
    there are no more than ``sampling.sample_rows``."""
    notes: tuple[str, ...] = ()
    """What was left out, in words: rows by the sample rate, values without a slice."""

    @property
    def covered(self) -> int:
        """The rows in the statistics: with a sample rate below 1 fewer than ``rows``."""
        datasets = self.statistics.datasets
        return int(datasets[0].num_examples) if datasets else 0

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """By column; what the statistics say, in plain numbers."""
        return summaries_of(self.statistics)

    def missing_share(self, column: str) -> float:
        """Returns the share of rows in which a column has no usable value, 0 to 1."""
        return self.tallies[column].missing / self.rows if self.rows else 0.0


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
            split=self._plan.split,
            rows=self._rows,
            statistics=self._plan.statistician.finish(self._partials[WHOLE], slices),
            tallies=self._tallies,
            sample=self._sampler.kept()[0],
            notes=self._plan.notes(self._rows),
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
