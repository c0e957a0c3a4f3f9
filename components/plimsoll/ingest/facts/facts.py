"""What one reading of the rows tells of the label and of each column that may be a feature."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.formats.dataset import ARROW_TYPES
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.rows.value_counts import ValueCounts
from plimsoll.ingest.types.columns import FLOAT, INT, TEXT
from plimsoll.statistics.accumulator import accumulate
from plimsoll.statistics.distinct import Distinct, hashes_and_counts

NUMBERS = (INT, FLOAT, ARROW_TYPES["bool"])
SAMPLED = 1 << 14
"""Different texts of a column that are counted exactly; their share of more is estimated."""
NUMBERS_SAMPLED = 1 << 20
MOST_PAIRS = 1000
GLANCE = 1 << 10
NEXT_WORD = r"\s\pP*\pL"
"""How each word but the first begins; what stands between an identifier's hyphens is none."""


@dataclass
class ColumnFacts:
    """What a column's values are like, over all rows."""

    type: pa.DataType
    rows: int = 0
    missing: int = 0
    constant: bool = True
    """Whether all rows have one and the same value."""
    is_label: bool = True
    """Whether each value is that of the label."""
    farthest: float = 0.0
    """Of numbers: the one farthest from zero."""
    distinct: Distinct | None = None
    """Of texts and of whole numbers that are looked at for it."""
    labels: dict[Any, Any] | None = field(default_factory=dict)
    """Value -> the one label that goes with it; None once that is not so, or they are many."""
    words: float | None = None
    """Of texts: words of letters, on average over the first rows that have any text."""
    _first: Any = None

    def add(self, values: pa.Array, label: pa.Array) -> None:
        """Takes the values of a batch, and the labels beside them."""
        self.missing += values.null_count
        if self.constant:
            self.constant = self._is_constant(values)
        if self.is_label:
            self.is_label = _equal(values, label)
        if self.labels is not None:
            self.labels = self._with_labels(values, label)
        if self.distinct is not None:
            self.distinct.add(*hashes_and_counts(values))
        if self.words is None and values.type == TEXT:
            self.words = _words(values.slice(0, GLANCE))
        if values.type == FLOAT and values.null_count < len(values):
            ends = pc.min_max(values).as_py()
            self.farthest = max(self.farthest, *ends.values(), key=abs)
        self.rows += len(values)

    def _is_constant(self, values: pa.Array) -> bool:
        if values.null_count:
            return False
        self._first = values[0] if self._first is None else self._first
        return bool(pc.all(pc.equal(values, self._first)).as_py())

    def _with_labels(self, values: pa.Array, label: pa.Array) -> dict[Any, Any] | None:
        if values.null_count:
            return None
        known = self.labels
        # Of most columns a glance at the first rows is enough.
        for rows in (GLANCE, len(values)):
            known = _joined(known, values.slice(0, rows), label.slice(0, rows))
        return known


@dataclass(frozen=True)
class Facts:
    """What there is to know of all rows."""

    rows: int
    label: ValueCounts
    columns: dict[str, ColumnFacts]


class FactsAccumulator:
    """Gathers facts of rows whose first column is the label.

    Args:
        columns: Facts of no rows yet of the other columns, in their order.
    """

    def __init__(self, columns: dict[str, ColumnFacts]) -> None:
        self._columns = columns
        self._label = ValueCounts()

    def add(self, batch: pa.RecordBatch, _first: int) -> None:
        """Adds rows; their numbers do not matter."""
        label, *columns = batch.columns
        self._label.add(label)
        for facts, column in zip(self._columns.values(), columns, strict=True):
            facts.add(column, label)

    def finish(self) -> Facts:
        """Returns the facts."""
        return Facts(self._label.rows, self._label, self._columns)


def gather(rows: Rows, label: str, candidates: Collection[str], counted: Collection[str]) -> Facts:
    """Reads all rows once.

    Args:
        rows: Rows that all have a label.
        label: The label's column.
        candidates: The columns to look at.
        counted: Of whole numbers, the columns whose different values are to be counted.
    """
    columns = {name: _empty(rows.types[name], name in counted) for name in candidates}
    return accumulate(FactsAccumulator(columns), rows.batches([label, *candidates]))


def _empty(kind: pa.DataType, counted: bool) -> ColumnFacts:
    most = SAMPLED if kind == TEXT else NUMBERS_SAMPLED
    is_counted = kind == TEXT or (kind == INT and counted)
    return ColumnFacts(kind, distinct=Distinct(most) if is_counted else None)


def _words(texts: pa.Array) -> float | None:
    further = pc.mean(pc.count_substring_regex(texts, pattern=NEXT_WORD)).as_py()
    return None if further is None else 1 + cast(float, further)


def _equal(values: pa.Array, label: pa.Array) -> bool:
    if values.null_count:
        return False
    if values.type == label.type:
        return bool(values.equals(label))
    if values.type not in NUMBERS or label.type not in NUMBERS:
        return False
    return bool(_as_floats(values).equals(_as_floats(label)))


def _as_floats(values: pa.Array) -> pa.Array:
    if values.type == ARROW_TYPES["bool"]:
        values = values.cast(INT)
    return values.cast(FLOAT, safe=False)


def _joined(
    known: dict[Any, Any] | None, values: pa.Array, label: pa.Array
) -> dict[Any, Any] | None:
    """Returns the pairs known and those beside each other; None if a value has two labels."""
    if known is None:
        return None
    pairs = pa.table({"value": values, "label": label}).group_by(["value", "label"]).aggregate([])
    if pairs.num_rows > MOST_PAIRS:
        return None
    joined = dict(known)
    columns = (pairs.column(name).to_pylist() for name in ("value", "label"))
    for value, beside in zip(*columns, strict=True):
        if joined.setdefault(value, beside) != beside:
            return None
    return joined if len(joined) == len(set(joined.values())) else None
