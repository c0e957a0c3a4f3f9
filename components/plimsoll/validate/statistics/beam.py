"""Measures a split with Apache Beam: the same folds as in one process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa

from plimsoll.formats.dataset import Dataset
from plimsoll.parallel.beam import LEAST_BLOCKS, Folding, Nodes, Opened, Run
from plimsoll.parallel.beam import folded as folded_parts
from plimsoll.validate.statistics.accumulator import Folded, Plan, forest_of, whole
from plimsoll.validate.statistics.parallel import Block, blocks_of, fold_block
from plimsoll.validate.statistics.tally import Tally

RESULT = "measured.arrow"


def folded_by_beam(
    dataset: Dataset, split: str, plan: Plan, runner: str, options: Sequence[str]
) -> Folded:
    """Folds a split of a data set on a runner of Beam.

    Args:
        dataset: The data set; a runner that is not local must reach its folder.
        split: Which part of it.
        plan: How.
        runner: ``DirectRunner``, ``DataflowRunner`` and so on.
        options: The runner's, as on a command line.

    Raises:
        ConfigError: if there is no such runner or option, or the temporary folder is missing.
        StepError: if the pipeline fails.
    """
    folding = Folding(
        fold=partial(_folded, dataset, split, plan),
        forest=partial(forest_of, plan),
        finish=partial(_finished, plan),
    )
    asked = Run(
        config="validate config",
        what=f"measure {split}",
        runner=runner,
        options=tuple(options),
        file=f"{dataset.id[:16]}-{split}-{RESULT}",
    )
    blocks = blocks_of(dataset.rows(split), plan, LEAST_BLOCKS)
    return from_bytes(folded_parts(dataset.folder, blocks, folding, asked))


def to_bytes(folded: Folded) -> bytes:
    """Returns what was folded as one Arrow file: the sample, and the rest as its metadata."""
    tallies = {name: _tally_to_json(tally) for name, tally in folded.tallies.items()}
    metadata = {
        "rows": str(folded.rows),
        "tallies": json.dumps(tallies),
        "statistics": folded.statistics.SerializeToString(deterministic=True),
    }
    sample = folded.sample.replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, sample.schema) as writer:
        writer.write_table(sample)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def from_bytes(data: bytes) -> Folded:
    """Reads what ``to_bytes`` wrote."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    sample = pa.ipc.open_file(pa.py_buffer(data)).read_all()
    metadata = sample.schema.metadata
    tallies = json.loads(metadata[b"tallies"])
    return Folded(
        rows=int(metadata[b"rows"]),
        statistics=statistics_pb2.DatasetFeatureStatisticsList.FromString(metadata[b"statistics"]),
        tallies={name: _tally_from_json(values) for name, values in tallies.items()},
        sample=sample.replace_schema_metadata(None),
    )


def _folded(dataset: Dataset, split: str, plan: Plan, block: Block, opened: Opened) -> Nodes:
    nodes: Nodes = fold_block(dataset, split, plan, block, opened).nodes
    return nodes


def _finished(plan: Plan, forest: Any) -> bytes:
    return to_bytes(whole(plan, forest).finish(plan))


def _tally_to_json(tally: Tally) -> dict[str, Any]:
    ends = {"low": tally.low, "high": tally.high}
    moments = {
        f"{name}_moment": end.isoformat() for name, end in ends.items() if isinstance(end, datetime)
    }
    numbers = {name: end for name, end in ends.items() if not isinstance(end, datetime)}
    counts = {"nulls": tally.nulls, "nan": tally.nan, "infinite": tally.infinite}
    return {**counts, **numbers, **moments}


def _tally_from_json(values: dict[str, Any]) -> Tally:
    moments: dict[str, Any] = {
        name: datetime.fromisoformat(values.pop(f"{name}_moment"))
        for name in ("low", "high")
        if f"{name}_moment" in values
    }
    return Tally(**values, **moments)
