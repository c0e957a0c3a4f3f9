"""Measures the parts of a split with Apache Beam, for data that one machine takes too long over.

The same accumulators and the same tree as in one process, as a Beam combiner: each element is a
block of parts, read from the shards where it is measured. What comes back is one file in the
runner's temporary folder.
"""

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineState

from plimsoll.errors import ConfigError, PlimsollError, StepError, nearest
from plimsoll.formats.dataset import Dataset
from plimsoll.statistics.accumulator import Measurement, PartAccumulator, Result
from plimsoll.statistics.parts import Block, MergeTree, Position, blocks_of, measure_block
from plimsoll.statistics.results import from_bytes, to_bytes

LEAST_BLOCKS = 64
LOCAL = ("DirectRunner", "BundleBasedDirectRunner", "PrismRunner")
REMOTE = ("DataflowRunner", "FlinkRunner", "SparkRunner", "PortableRunner")
MOUNTED = PurePosixPath("/gcs")
"""Where Kubeflow mounts buckets; Beam's workers read them by address."""

Nodes = Mapping[Position, PartAccumulator[Any]]


def measure_by_beam(
    dataset: Dataset, measurement: Measurement[Result], runner: str, options: Sequence[str]
) -> Result:
    """Measures a split on a runner of Beam.

    Args:
        dataset: The data set; a runner that is not local must reach its folder.
        measurement: What is measured.
        runner: ``DirectRunner``, ``DataflowRunner`` and so on, or the path of a package's own.
        options: The runner's, as on a command line; one that is not local needs
            ``--temp_location``, where what was measured is handed back.

    Raises:
        ConfigError: if there is no such runner or option, or the temporary folder is missing.
        StepError: if the pipeline fails.
    """
    config = measurement.config
    # One of a package's own is named by its path.
    if runner not in LOCAL + REMOTE and "." not in runner:
        raise _no_runner(config, runner)
    parsed = _parsed(config, options)
    with tempfile.TemporaryDirectory() as local:
        temporary = parsed.view_as(GoogleCloudOptions).temp_location or ""
        if not temporary and runner not in LOCAL:
            raise ConfigError(
                f"{config}: {runner} needs a temporary folder that its workers can write",
                hint="add --temp_location=gs://... to beam_options",
            )
        # The name is this measurement's own.
        name = f"{dataset.id[:16]}-{measurement.purpose.replace(' ', '-')}.npz"
        target = FileSystems.join(temporary or local, name)
        try:
            pipeline = beam.Pipeline(runner=runner, options=parsed)
        except ValueError as error:
            raise _no_runner(config, runner, str(error)) from error
        rows = dataset.rows(measurement.split)
        _ = (
            pipeline
            | "Blocks" >> beam.Create(blocks_of(rows, measurement.part_rows, LEAST_BLOCKS))
            | "Spread" >> beam.Reshuffle()
            | "Measure" >> beam.ParDo(MeasureBlock(dataset, measurement))
            | "Merge" >> beam.CombineGlobally(MergeBlocks(measurement))
            | "Write" >> beam.Map(_write, target)
        )
        _run(pipeline, runner, measurement.purpose)
        with FileSystems.open(target, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            data: bytes = stream.read()
        FileSystems.delete([target])
    result: Result = from_bytes(data, measurement.load())
    return result


class MeasureBlock(beam.DoFn):
    """Measures a block."""

    def __init__(self, dataset: Dataset, measurement: Measurement[Any]) -> None:
        self._dataset = dataset
        self._address = address_of(dataset.folder)
        self._measurement = measurement

    def process(self, block: Block) -> Iterator[Nodes]:
        """Yields what the block's parts give."""
        try:
            yield measure_block(self._dataset, self._measurement, block, self._open)
        except PlimsollError as error:
            # Beam makes the exception anew from its first argument, and would lose the cause.
            raise RuntimeError(str(error)) from error

    def _open(self, shard: str) -> Any:
        path = FileSystems.join(self._address, *shard.split("/"))
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


class MergeBlocks(beam.CombineFn):
    """Merges blocks, in an order that depends on the parts' numbers alone."""

    def __init__(self, measurement: Measurement[Any]) -> None:
        self._measurement = measurement

    def create_accumulator(self) -> Nodes:
        """Returns the nodes of nothing."""
        return {}

    def add_input(self, accumulator: Nodes, nodes: Nodes) -> Nodes:
        """Adds the nodes of a block."""
        return self.merge_accumulators([accumulator, nodes])

    def merge_accumulators(self, accumulators: Iterable[Nodes]) -> Nodes:
        """Returns the nodes of several, halves made whole."""
        tree = MergeTree[Any]()
        for nodes in accumulators:
            tree.add_all(nodes)
        return tree.nodes

    def extract_output(self, accumulator: Nodes) -> bytes:
        """Returns what is handed back."""
        tree = MergeTree[Any]()
        tree.add_all(accumulator)
        return to_bytes(tree.finish(self._measurement))


def address_of(folder: Path) -> str:
    """Returns a folder as Beam's workers name it: a mounted bucket as ``gs://``."""
    path = PurePosixPath(folder)
    if path.is_relative_to(MOUNTED):
        return f"gs://{path.relative_to(MOUNTED)}"
    return str(folder)


def _run(pipeline: Any, runner: str, purpose: str) -> None:
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        raise StepError(f"Beam could not {purpose}", cause=str(error)) from error
    if state != PipelineState.DONE:
        raise StepError(f"Beam could not {purpose}", cause=f"{runner} ended as {state}")


def _no_runner(config: str, runner: str, cause: str = "") -> ConfigError:
    return ConfigError(
        f"{config}: beam_runner is {runner!r}",
        cause=nearest(runner, LOCAL + REMOTE) or cause,
        choices=LOCAL + REMOTE,
    )


def _write(data: bytes, target: str) -> None:
    with FileSystems.create(target, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        stream.write(data)


def _parsed(config: str, options: Sequence[str]) -> PipelineOptions:
    """Reads options strictly; Beam drops those that it does not know."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    try:
        _, unknown = parser.parse_known_args(list(options))
    except argparse.ArgumentError as error:
        raise ConfigError(f"{config}: beam_options", cause=str(error)) from error
    if unknown:
        known = [name for action in parser._actions for name in action.option_strings]
        raise ConfigError(
            f"{config}: Beam has no option {unknown[0]!r}",
            cause=nearest(unknown[0].partition("=")[0], known),
        )
    return PipelineOptions(list(options))
