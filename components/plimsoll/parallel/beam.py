"""Folds the parts of a data set with Apache Beam, for data that one machine takes too long over.

The same folds as in one process, as a Beam combiner: each element is a block of parts, read from
the shards where it is folded. What comes back is one file in the runner's temporary folder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineState

from plimsoll.errors import ConfigError, PlimsollError, StepError, nearest
from plimsoll.parallel.parts import Block, Place

LEAST_BLOCKS = 64
LOCAL = ("DirectRunner", "BundleBasedDirectRunner", "PrismRunner")
REMOTE = ("DataflowRunner", "FlinkRunner", "SparkRunner", "PortableRunner")
MOUNTED = PurePosixPath("/gcs")
"""Where Kubeflow mounts buckets; Beam's workers read them by address."""

Opened = Callable[[str], Any]
"""Opens a shard by its name in the data set."""
Nodes = Mapping[Place, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is asked of Beam."""

    config: str
    """Who asks, for errors: ``validate config``."""
    what: str
    """What it is asked for, for errors: ``fit the transform``."""
    runner: str
    """``DirectRunner``, ``DataflowRunner`` and so on, or the path of a package's own."""
    options: tuple[str, ...]
    """The runner's, as on a command line; one that is not local needs ``--temp_location``, where
    what was folded is handed back."""
    file: str
    """Name of that file, which must be this run's own."""


@dataclass(frozen=True, kw_only=True)
class Folding:
    """What is done with blocks. Beam sends these functions to its workers."""

    fold: Callable[[Block, Opened], Nodes]
    """Folds a block."""
    forest: Callable[[], Any]
    """Makes an empty forest, which merges nodes in an order of the parts' numbers alone."""
    finish: Callable[[Any], bytes]
    """Makes of a forest what is handed back."""


def folded(folder: Path, blocks: Sequence[Block], folding: Folding, asked: Run) -> bytes:
    """Folds blocks of a data set on a runner of Beam, and returns what is handed back.

    Args:
        folder: The data set's; a runner that is not local must reach it.
        blocks: All of them.
        folding: What is done with them.
        asked: Of Beam.

    Raises:
        ConfigError: if there is no such runner or option, or the temporary folder is missing.
        StepError: if the pipeline fails.
    """
    # One of a package's own is named by its path.
    if asked.runner not in LOCAL + REMOTE and "." not in asked.runner:
        raise _no_runner(asked)
    options = _parsed(asked)
    with tempfile.TemporaryDirectory() as local:
        place = options.view_as(GoogleCloudOptions).temp_location or ""
        if not place and asked.runner not in LOCAL:
            raise ConfigError(
                f"{asked.config}: {asked.runner} needs a temporary folder that its workers can "
                "write",
                hint="add --temp_location=gs://... to beam_options",
            )
        target = FileSystems.join(place or local, asked.file)
        try:
            pipeline = beam.Pipeline(runner=asked.runner, options=options)
        except ValueError as error:
            raise _no_runner(asked, str(error)) from error
        _ = (
            pipeline
            | "Blocks" >> beam.Create(blocks)
            | "Spread" >> beam.Reshuffle()
            | "Fold" >> beam.ParDo(FoldBlock(address_of(folder), folding))
            | "Merge" >> beam.CombineGlobally(MergeFolds(folding))
            | "Write" >> beam.Map(_write, target)
        )
        _run(pipeline, asked)
        with FileSystems.open(target, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            found: bytes = stream.read()
        FileSystems.delete([target])
    return found


class FoldBlock(beam.DoFn):
    """Folds a block."""

    def __init__(self, address: str, folding: Folding) -> None:
        self._address = address
        self._folding = folding

    def process(self, block: Block) -> Iterator[Nodes]:
        """Yields what the block's parts give."""
        try:
            yield self._folding.fold(block, self._opened)
        except PlimsollError as error:
            # Beam makes the exception anew from its first argument, and would lose the cause.
            raise RuntimeError(str(error)) from error

    def _opened(self, shard: str) -> Any:
        path = FileSystems.join(self._address, *shard.split("/"))
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


class MergeFolds(beam.CombineFn):
    """Merges folds, in an order that depends on the parts' numbers alone."""

    def __init__(self, folding: Folding) -> None:
        self._folding = folding

    def create_accumulator(self) -> Nodes:
        """Returns the nodes of nothing."""
        return {}

    def add_input(self, accumulator: Nodes, nodes: Nodes) -> Nodes:
        """Adds the nodes of a block."""
        return self.merge_accumulators([accumulator, nodes])

    def merge_accumulators(self, accumulators: Iterable[Nodes]) -> Nodes:
        """Returns the nodes of several, halves made whole."""
        forest = self._folding.forest()
        for nodes in accumulators:
            forest.add_all(nodes)
        merged: Nodes = forest.nodes
        return merged

    def extract_output(self, accumulator: Nodes) -> bytes:
        """Returns what is handed back."""
        forest = self._folding.forest()
        forest.add_all(accumulator)
        return self._folding.finish(forest)


def address_of(folder: Path) -> str:
    """Returns a folder as Beam's workers name it: a mounted bucket as ``gs://``."""
    path = PurePosixPath(folder)
    if path.is_relative_to(MOUNTED):
        return f"gs://{path.relative_to(MOUNTED)}"
    return str(folder)


def _run(pipeline: Any, asked: Run) -> None:
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        raise StepError(f"Beam could not {asked.what}", cause=str(error)) from error
    if state != PipelineState.DONE:
        raise StepError(f"Beam could not {asked.what}", cause=f"{asked.runner} ended as {state}")


def _no_runner(asked: Run, cause: str = "") -> ConfigError:
    return ConfigError(
        f"{asked.config}: beam_runner is {asked.runner!r}",
        cause=nearest(asked.runner, LOCAL + REMOTE) or cause,
        choices=LOCAL + REMOTE,
    )


def _write(data: bytes, target: str) -> None:
    with FileSystems.create(target, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        stream.write(data)


def _parsed(asked: Run) -> PipelineOptions:
    """Reads options strictly; Beam drops those that it does not know."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    try:
        _, unknown = parser.parse_known_args(list(asked.options))
    except argparse.ArgumentError as error:
        raise ConfigError(f"{asked.config}: beam_options", cause=str(error)) from error
    if unknown:
        known = [name for action in parser._actions for name in action.option_strings]
        raise ConfigError(
            f"{asked.config}: Beam has no option {unknown[0]!r}",
            cause=nearest(unknown[0].partition("=")[0], known),
        )
    return PipelineOptions(list(asked.options))
