"""Measures the train split with Apache Beam, for data that one machine takes too long over.

The same parts as in one process, as a Beam combiner: each element is a block of parts, read from
the shards where it is measured. What comes back is one file in the runner's temporary folder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineState

from plimsoll.artifacts.dataset import Dataset
from plimsoll.artifacts.parts import Block, Place, blocks_of
from plimsoll.errors import ConfigError, PlimsollError, StepError, nearest
from plimsoll.transform.config import NAME
from plimsoll.transform.measuring import Fold, Plan, forest_of, measured_block, part_rows_of
from plimsoll.transform.seen import Measured, from_bytes, to_bytes

LEAST_BLOCKS = 64
LOCAL = ("DirectRunner", "BundleBasedDirectRunner", "PrismRunner")
REMOTE = ("DataflowRunner", "FlinkRunner", "SparkRunner", "PortableRunner")
RESULT = "train-fitted.arrow"
MOUNTED = PurePosixPath("/gcs")
"""Where Kubeflow mounts buckets; Beam's workers read them by address."""

Nodes: TypeAlias = dict[Place, Fold]


def measured_by_beam(dataset: Dataset, plan: Plan, runner: str, options: Sequence[str]) -> Measured:
    """Measures the train split on a runner of Beam.

    Args:
        dataset: The data set; a runner that is not local must reach its folder.
        plan: What is measured.
        runner: ``DirectRunner``, ``DataflowRunner`` and so on.
        options: The runner's, as on a command line; one that is not local needs
            ``--temp_location``, where what was measured is handed back.

    Raises:
        ConfigError: if there is no such runner or option, or the temporary folder is missing.
        StepError: if the pipeline fails.
    """
    # One of a package's own is named by its path.
    if runner not in LOCAL + REMOTE and "." not in runner:
        raise _no_runner(runner)
    parsed = _parsed(options)
    with tempfile.TemporaryDirectory() as local:
        folder = parsed.view_as(GoogleCloudOptions).temp_location or ""
        if not folder and runner not in LOCAL:
            raise ConfigError(
                f"{NAME}: {runner} needs a temporary folder that its workers can write",
                hint="add --temp_location=gs://... to beam_options",
            )
        target = FileSystems.join(folder or local, f"{dataset.id[:16]}-{RESULT}")
        _run(dataset, plan, (runner, parsed), target)
        with FileSystems.open(target, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            found = from_bytes(stream.read())
        FileSystems.delete([target])
    return found


class MeasureBlock(beam.DoFn):
    """Measures a block of the train split."""

    def __init__(self, dataset: Dataset, plan: Plan) -> None:
        self._dataset = dataset
        self._plan = plan

    def process(self, block: Block) -> Iterator[Nodes]:
        """Yields what the block's parts give."""
        try:
            yield measured_block(self._dataset, self._plan, block, self._opened)
        except PlimsollError as error:
            # Beam makes the exception anew from its first argument, and would lose the cause.
            raise RuntimeError(str(error)) from error

    def _opened(self, shard: str) -> Any:
        path = PurePosixPath(self._dataset.folder)
        mounted = path.is_relative_to(MOUNTED)
        folder = f"gs://{path.relative_to(MOUNTED)}" if mounted else str(path)
        name = FileSystems.join(folder, *shard.split("/"))
        return FileSystems.open(name, compression_type=CompressionTypes.UNCOMPRESSED)


class MergeFolds(beam.CombineFn):
    """Merges what was measured, in an order that depends on the parts' numbers alone."""

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
        return to_bytes((forest.whole() or Fold(self._plan)).finish())


def _run(dataset: Dataset, plan: Plan, how: tuple[str, PipelineOptions], target: str) -> None:
    runner, options = how
    try:
        pipeline = beam.Pipeline(runner=runner, options=options)
    except ValueError as error:
        raise _no_runner(runner, str(error)) from error
    blocks = blocks_of(plan.rows, part_rows_of(plan), LEAST_BLOCKS)
    _ = (
        pipeline
        | "Blocks" >> beam.Create(blocks)
        | "Spread" >> beam.Reshuffle()
        | "Measure" >> beam.ParDo(MeasureBlock(dataset, plan))
        | "Merge" >> beam.CombineGlobally(MergeFolds(plan))
        | "Write" >> beam.Map(_write, target)
    )
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        raise StepError("Beam could not fit the transform", cause=str(error)) from error
    if state != PipelineState.DONE:
        raise StepError("Beam could not fit the transform", cause=f"{runner} ended as {state}")


def _no_runner(runner: str, cause: str = "") -> ConfigError:
    return ConfigError(
        f"{NAME}: beam_runner is {runner!r}",
        cause=nearest(runner, LOCAL + REMOTE) or cause,
        choices=LOCAL + REMOTE,
    )


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
        raise ConfigError(f"{NAME}: beam_options", cause=str(error)) from error
    if unknown:
        known = [name for action in parser._actions for name in action.option_strings]
        raise ConfigError(
            f"{NAME}: Beam has no option {unknown[0]!r}",
            cause=nearest(unknown[0].partition("=")[0], known),
        )
    return PipelineOptions(list(options))
