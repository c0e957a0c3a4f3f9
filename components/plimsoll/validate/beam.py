"""Measures a split with Apache Beam, for data that one machine takes too long over.

The same folds as in one process, as a Beam combiner: each element is a block of parts, read from
the shards where it is folded. What comes back is one file in the runner's temporary folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineState

from plimsoll.artifacts.dataset import Dataset
from plimsoll.errors import ConfigError, PlimsollError, StepError, nearest
from plimsoll.validate.folding import Fold, Folded, Plan, forest_of, whole
from plimsoll.validate.parallel import Block, blocks_of, fold_block
from plimsoll.validate.tally import Tally

LEAST_BLOCKS = 64
LOCAL = ("DirectRunner", "BundleBasedDirectRunner", "PrismRunner")
REMOTE = ("DataflowRunner", "FlinkRunner", "SparkRunner", "PortableRunner")
RESULT = "measured.arrow"
MOUNTED = PurePosixPath("/gcs")
"""Where Kubeflow mounts buckets; Beam's workers read them by address."""

Nodes = dict[tuple[int, int], Fold]


def folded_by_beam(
    dataset: Dataset, split: str, plan: Plan, runner: str, options: Sequence[str]
) -> Folded:
    """Folds a split of a data set on a runner of Beam.

    Args:
        dataset: The data set; a runner that is not local must reach its folder.
        split: Which part of it.
        plan: How.
        runner: ``DirectRunner``, ``DataflowRunner`` and so on.
        options: The runner's, as on a command line; one that is not local needs
            ``--temp_location``, where what was measured is handed back.

    Raises:
        ConfigError: if there is no such runner or option, or the temporary folder is missing.
        StepError: if the pipeline fails.
    """
    parsed = _parsed(options)
    with tempfile.TemporaryDirectory() as local:
        folder = parsed.view_as(GoogleCloudOptions).temp_location or ""
        if not folder and runner not in LOCAL:
            raise ConfigError(
                f"validate config: {runner} needs a temporary folder that its workers can write",
                hint="add --temp_location=gs://... to beam_options",
            )
        target = FileSystems.join(folder or local, f"{dataset.id[:16]}-{split}-{RESULT}")
        _run(dataset, split, plan, (runner, parsed), target)
        with FileSystems.open(target, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            result = from_bytes(stream.read())
        FileSystems.delete([target])
    return result


class FoldBlock(beam.DoFn):
    """Folds a block of a split."""

    def __init__(self, dataset: Dataset, split: str, plan: Plan) -> None:
        self._dataset = dataset
        self._split = split
        self._plan = plan

    def process(self, block: Block) -> Iterator[Nodes]:
        """Yields what the block's parts give."""
        try:
            yield fold_block(self._dataset, self._split, self._plan, block, self._opened).nodes
        except PlimsollError as error:
            # Beam makes the exception anew from its first argument, and would lose the cause.
            raise RuntimeError(str(error)) from error

    def _opened(self, shard: str) -> Any:
        path = FileSystems.join(address_of(self._dataset.folder), *shard.split("/"))
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


class MergeFolds(beam.CombineFn):
    """Merges folds, in an order that depends on the parts' numbers alone."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def create_accumulator(self) -> Nodes:
        """Returns the nodes of nothing."""
        return {}

    def add_input(self, accumulator: Nodes, nodes: Nodes) -> Nodes:
        """Adds the nodes of a block."""
        return self.merge_accumulators([accumulator, nodes])

    def merge_accumulators(self, accumulators: Iterable[Nodes]) -> Nodes:
        """Returns the nodes of several, halves made whole."""
        forest = forest_of(self._plan)
        for nodes in accumulators:
            forest.add_all(nodes)
        return forest.nodes

    def extract_output(self, accumulator: Nodes) -> bytes:
        """Returns what was measured, as ``to_bytes`` writes it."""
        forest = forest_of(self._plan)
        forest.add_all(accumulator)
        return to_bytes(whole(self._plan, forest).finish(self._plan))


def address_of(folder: Path) -> str:
    """Returns a folder as Beam's workers name it: a mounted bucket as ``gs://``."""
    path = PurePosixPath(folder)
    if path.is_relative_to(MOUNTED):
        return f"gs://{path.relative_to(MOUNTED)}"
    return str(folder)


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


def _run(
    dataset: Dataset, split: str, plan: Plan, how: tuple[str, PipelineOptions], target: str
) -> None:
    runner, options = how
    try:
        pipeline = beam.Pipeline(runner=runner, options=options)
    except ValueError as error:
        raise ConfigError(
            f"validate config: beam_runner is {runner!r}",
            cause=nearest(runner, LOCAL + REMOTE) or str(error),
            choices=LOCAL + REMOTE,
        ) from error
    blocks = blocks_of(dataset.rows(split), plan, LEAST_BLOCKS)
    _ = (
        pipeline
        | "Blocks" >> beam.Create(blocks)
        | "Spread" >> beam.Reshuffle()
        | "Fold" >> beam.ParDo(FoldBlock(dataset, split, plan))
        | "Merge" >> beam.CombineGlobally(MergeFolds(plan))
        | "Write" >> beam.Map(_write, target)
    )
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        raise StepError(f"Beam could not measure {split}", cause=str(error)) from error
    if state != PipelineState.DONE:
        raise StepError(f"Beam could not measure {split}", cause=f"{runner} ended as {state}")


def _write(data: bytes, target: str) -> None:
    with FileSystems.create(target, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        stream.write(data)


def _parsed(options: Sequence[str]) -> PipelineOptions:
    """Reads options strictly; Beam drops those that it does not know."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    try:
        _, unknown = parser.parse_known_args(list(options))
    except argparse.ArgumentError as error:
        raise ConfigError("validate config: beam_options", cause=str(error)) from error
    if unknown:
        known = [name for action in parser._actions for name in action.option_strings]
        raise ConfigError(
            f"validate config: Beam has no option {unknown[0]!r}",
            cause=nearest(unknown[0].partition("=")[0], known),
        )
    return PipelineOptions(list(options))


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
