"""What was measured of the train split, in plain values, and how it travels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.transform.kinds.category_tally import CategorySeen
from plimsoll.transform.kinds.label_tally import LabelSeen
from plimsoll.transform.kinds.number_tally import NumberSeen
from plimsoll.transform.kinds.target_tally import TargetSeen
from plimsoll.transform.kinds.time_tally import TimeSeen

NUMBER = "number of the row"
"""Column of the sample, as it travels."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was measured of one column; None: that was not."""

    rows: int
    nulls: int
    number: NumberSeen | None = None
    category: CategorySeen | None = None
    time: TimeSeen | None = None
    target: TargetSeen | None = None
    lists: tuple[int, ...] = ()
    """How many rows list none, one, two texts and so on."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of the train split."""

    rows: int
    columns: Mapping[str, Seen]
    label: LabelSeen
    crosses: tuple[Mapping[tuple[Any, ...], int] | None, ...]
    """How often values occur together; None: they are too many."""
    sample: pa.Table | None
    """Some rows as they are, uniformly chosen, in their order."""
    sampled: NDArray[np.int64]
    """Their numbers in the split."""


def to_bytes(measured: Measured) -> bytes:
    """Returns what was measured as an Arrow file: the sample, the rest as JSON beside it."""
    rest = {
        "rows": measured.rows,
        "columns": {name: _seen_json(seen) for name, seen in measured.columns.items()},
        "label": {**vars(measured.label), "counts": _pairs(measured.label.counts)},
        "crosses": [None if counts is None else _pairs(counts) for counts in measured.crosses],
        "sampled": measured.sample is not None,
    }
    table = measured.sample if measured.sample is not None else pa.table({})
    table = table.append_column(NUMBER, pa.array(measured.sampled))
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata({"measured": json.dumps(rest)})
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def from_bytes(data: bytes) -> Measured:
    """Reads what ``to_bytes`` wrote."""
    table = pa.ipc.open_file(pa.BufferReader(data)).read_all().combine_chunks()
    rest = json.loads(table.schema.metadata[b"measured"])
    label = {**rest["label"], "counts": _mapping(rest["label"]["counts"])}
    sample = table.drop([NUMBER]).replace_schema_metadata(None)
    return Measured(
        rows=rest["rows"],
        columns={name: _seen(values) for name, values in rest["columns"].items()},
        label=LabelSeen(**label),
        crosses=tuple(
            None if pairs is None else {tuple(value): count for value, count in pairs}
            for pairs in rest["crosses"]
        ),
        sample=sample if rest["sampled"] else None,
        sampled=table[NUMBER].to_numpy(),
    )


def _seen_json(seen: Seen) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": seen.rows, "nulls": seen.nulls, "lists": seen.lists}
    if seen.number:
        found["number"] = _number_json(seen.number)
    if seen.category:
        found["category"] = {**vars(seen.category), "counts": _pairs(seen.category.counts)}
    if seen.time:
        elapsed = _number_json(seen.time.elapsed) if seen.time.elapsed else None
        found["time"] = {**vars(seen.time), "elapsed": elapsed}
    if seen.target:
        held = [(name, _pairs(sums)) for name, sums in seen.target.held.items()]
        found["target"] = {"folds": seen.target.folds, "held": held}
    return found


def _seen(values: dict[str, Any]) -> Seen:
    found: dict[str, Any] = {**values, "lists": tuple(values["lists"])}
    if "number" in found:
        found["number"] = _number(found["number"])
    if "category" in found:
        category = found["category"]
        found["category"] = CategorySeen(**{**category, "counts": _mapping(category["counts"])})
    if "time" in found:
        elapsed = found["time"]["elapsed"]
        found["time"] = TimeSeen(
            **{**found["time"], "elapsed": _number(elapsed) if elapsed else None}
        )
    if "target" in found:
        held = {
            name: {value: np.array(sums, np.float64) for value, sums in pairs}
            for name, pairs in found["target"]["held"]
        }
        found["target"] = TargetSeen(found["target"]["folds"], held)
    return Seen(**found)


def _number_json(seen: NumberSeen) -> dict[str, Any]:
    return {**vars(seen), "values": seen.values.tolist(), "counts": seen.counts.tolist()}


def _number(values: Mapping[str, Any]) -> NumberSeen:
    arrays = {
        "values": np.array(values["values"], np.float64),
        "counts": np.array(values["counts"], np.int64),
    }
    return NumberSeen(**{**values, **arrays})


def _pairs(counts: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return [
        (value, count.tolist() if isinstance(count, np.ndarray) else count)
        for value, count in counts.items()
    ]


def _mapping(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    return dict(pairs)
