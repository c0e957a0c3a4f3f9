"""Divides rows into train, eval and test, and checks that each can do its work."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.errors import ConfigError, DataError, shortened
from plimsoll.ingest.facts.facts import Facts
from plimsoll.ingest.rows.row_hashes import hashes_of_keys
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.rows.sidecar import Sidecar
from plimsoll.ingest.split.by_content import by_content, by_strata_of_keys
from plimsoll.ingest.split.by_hash import by_share, check_keys
from plimsoll.ingest.split.by_time import boundaries, by_time, time_range
from plimsoll.ingest.split.key_overlap import KeySpread
from plimsoll.ingest.split.strata import Strata, classes_of, strata_of
from plimsoll.ingest.types.columns import select_columns
from plimsoll.models.predictions import class_text
from plimsoll.problem import SPLITS, Problem, Split
from plimsoll.statistics.distinct import Distinct

KEYS_COUNTED = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SplitRows:
    """Rows that were divided."""

    rows: Rows
    assigned: Sidecar
    """0, 1 or 2 a row: its index in ``SPLITS``."""
    split: Split
    """The split with what was inferred filled in."""
    classes: Strata | None
    """The label's classes; None for regression."""
    learned: NDArray[np.bool_]
    """Of each class, whether train has it: no model can be right about the others."""

    def batches(self, names: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields split and rows, those of each split in their order."""
        label = () if self.classes is None else self.classes.columns
        read = list(dict.fromkeys([*names, *label]))
        self.assigned.rewind()
        for batch in self.rows.batches(read):
            assigned = self.assigned.read(batch.num_rows)
            known = np.ones(batch.num_rows, dtype=np.bool_)
            if self.classes is not None and not self.learned.all():
                known = self.learned[self.classes.of(batch)]
            public = select_columns(batch, names)
            for index, split in enumerate(SPLITS):
                mine = (assigned == index) & known
                if mine.all():
                    yield split, public
                elif mine.any():
                    yield split, public.filter(pa.array(mine))


def split_method(problem: Problem) -> str:
    """Returns ``time``, ``hash`` or ``stratified``: how the problem's rows are divided.

    Raises:
        ConfigError: if it asks for a split by time and names no time column.
    """
    method = problem.split.by or ("time" if problem.split.eval_from else "")
    if method == "time" and not problem.time:
        raise ConfigError(
            "problem: a split by time needs a time column", hint="name it: time: COLUMN"
        )
    return method or ("time" if problem.time else "hash")


class Splitter:
    """Divides rows as the problem asks.

    Args:
        rows: Rows that all have a label and, for a split by time, a time.
        problem: Its task is settled.
        facts: Of the rows.
        folder: For what is written on the way.
        notes: Takes a sentence for how the rows were divided, and what is odd about it.
    """

    def __init__(
        self, rows: Rows, problem: Problem, facts: Facts, folder: Path, notes: list[str]
    ) -> None:
        self._rows = rows
        self._problem = problem
        self._facts = facts
        self._folder = folder
        self._notes = notes
        self._classes: Strata | None = None
        if problem.task != "regression":
            label = problem.label
            self._classes = classes_of(facts.label, label, rows.types[label])

    def split(self, features: Sequence[str]) -> SplitRows:
        """Divides the rows.

        Args:
            features: The columns that a model may see.

        Raises:
            DataError: if a split is empty, or train lacks what there is to learn.
        """
        if split_method(self._problem) == "time":
            assigned, split = self._by_time()
        else:
            check_keys(self._rows, self._problem)
            split = dataclasses.replace(self._problem.split, by=split_method(self._problem))
            assigned = self._by_hash(features, split)
        counts = self._counted(assigned)
        sizes = counts.sum(axis=0)
        self._notes.append(self._description(split, sizes))
        self._check_none_empty(sizes)
        learned = np.ones(len(counts), dtype=np.bool_)
        if self._classes is not None:
            learned = self._learned(counts)
            self._check_none_empty(counts[learned].sum(axis=0))
            self._note_single_classes(counts[learned])
        if self._problem.keys and split.by == "time":
            self._note_shared_keys(assigned)
        return SplitRows(
            rows=self._rows,
            assigned=assigned,
            split=split,
            classes=self._classes,
            learned=learned,
        )

    def _by_time(self) -> tuple[Sidecar, Split]:
        time = self._problem.time
        starts, split = boundaries(self._rows, self._problem, self._facts.rows)
        return self._each([time], lambda batch: by_time(batch.column(0), starts)), split

    def _by_hash(self, features: Sequence[str], split: Split) -> Sidecar:
        keys, label = self._problem.keys, self._problem.label
        if split.by == "stratified":
            strata = strata_of(self._rows, split.stratify or [label])
            if keys:
                return by_strata_of_keys(
                    self._rows, keys, strata, split.fractions, self._facts.rows, self._folder
                )
        elif keys:
            return self._each(
                keys, lambda batch: by_share(hashes_of_keys(batch.columns), split.fractions)
            )
        else:
            strata = self._classes or Strata(values={}, starts={})
        assigned, together = by_content(
            self._rows, [*features, label], strata, split.fractions, self._facts.rows, self._folder
        )
        if not together:
            self._notes.append(
                "most rows are equal to others: equal rows stand in more than one split"
            )
        return assigned

    def _each(
        self, names: Sequence[str], assign: Callable[[pa.RecordBatch], NDArray[np.int8]]
    ) -> Sidecar:
        assigned = Sidecar(np.int8, self._folder)
        for batch in self._rows.batches(names):
            assigned.append(assign(batch))
        return assigned

    def _counted(self, assigned: Sidecar) -> NDArray[np.int64]:
        """Returns how many rows of each class (of all, for regression) are in each split."""
        assigned.rewind()
        if self._classes is None:
            counts = np.zeros((1, len(SPLITS)), dtype=np.int64)
            for start in range(0, assigned.length, KEYS_COUNTED):
                read = assigned.read(min(KEYS_COUNTED, assigned.length - start))
                counts[0] += np.bincount(read, minlength=len(SPLITS))
            return counts
        width = len(self._classes.values[self._problem.label])
        counts = np.zeros((width, len(SPLITS)), dtype=np.int64)
        for batch in self._rows.batches([self._problem.label]):
            codes = self._classes.of(batch) * len(SPLITS) + assigned.read(batch.num_rows)
            counts += np.bincount(codes, minlength=counts.size).reshape(counts.shape)
        return counts

    def _description(self, split: Split, sizes: NDArray[np.int64]) -> str:
        problem = self._problem
        shares = _shares(sizes)
        if split.by == "time":
            text = f"split by {problem.time}: {shares}"
            if not split.eval_from or problem.time in problem.private:
                return text
            return f"{text}; eval from {split.eval_from}, test from {split.test_from}"
        if split.by == "stratified":
            by = f"strata of {' and '.join(split.stratify or (problem.label,))}"
            whole = f", no {' and '.join(problem.keys)} in two" if problem.keys else ""
            return f"split by {by}{whole}: {shares}"
        if problem.keys:
            return f"split by {' and '.join(problem.keys)}: {shares}"
        return f"split by the rows' content: {shares}"

    def _check_none_empty(self, sizes: NDArray[np.int64]) -> None:
        empty = [name for name, size in zip(SPLITS, sizes.tolist(), strict=True) if not size]
        if not empty:
            return
        cause = [f"of {int(sizes.sum()):,} rows: {_shares(sizes)}"]
        hint = "give more rows, or other split.fractions"
        if split_method(self._problem) == "time":
            cause.append(time_range(self._rows, self._problem))
            hint = "move split.eval_from and split.test_from, or leave both out"
        elif self._problem.keys:
            different = Distinct(KEYS_COUNTED)
            for batch in self._rows.batches(self._problem.keys):
                different.add(hashes_of_keys(batch.columns))
            cause.append(f"there are {different.count:,} different keys, and a key has one split")
        raise DataError(
            f"the split leaves {' and '.join(empty)} empty",
            cause="\n".join(line for line in cause if line),
            hint=hint,
        )

    def _learned(self, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Returns which classes are in train: no model can be right about the others."""
        learned: NDArray[np.bool_] = counts[:, 0] > 0
        if learned.sum() < 2:
            raise DataError(
                f"the training split holds one class of the label {self._problem.label!r} only",
                cause=f"of {int(counts.sum()):,} rows: {_shares(counts.sum(axis=0))}",
                hint="divide the rows otherwise: other moments, other keys, or split: {by: hash}",
            )
        if not learned.all() and self._classes is not None:
            names = self._classes.values[self._problem.label].to_pylist()
            left_out = [class_text(names[code]) for code in np.flatnonzero(~learned)]
            self._notes.append(
                f"{int(counts[~learned].sum()):,} rows of classes that are never in train are "
                f"left out: {shortened(left_out, limit=5)}"
            )
        return learned

    def _note_single_classes(self, counts: NDArray[np.int64]) -> None:
        for index in (1, 2):
            if (counts[:, index] > 0).sum() < 2:
                self._notes.append(
                    f"{SPLITS[index]} holds one class only: not all metrics can be taken on it"
                )

    def _note_shared_keys(self, assigned: Sidecar) -> None:
        keys = self._problem.keys
        if any(self._rows.missing(name) for name in keys):
            return
        spread = KeySpread(KEYS_COUNTED)
        assigned.rewind()
        for batch in self._rows.batches(keys):
            spread.add(hashes_of_keys(batch.columns), assigned.read(batch.num_rows))
        if spread.shared:
            self._notes.append(
                f"{spread.text} keys stand in more than one split, because the split is by time"
            )


def _shares(sizes: NDArray[np.int64]) -> str:
    return ", ".join(f"{name} {size:,}" for name, size in zip(SPLITS, sizes.tolist(), strict=True))
