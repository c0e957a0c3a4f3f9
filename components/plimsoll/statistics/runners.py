"""Who measures a split: this process, several of this machine, or Apache Beam; all the same."""

from collections.abc import Sequence
from functools import partial

from plimsoll.formats.dataset import Dataset
from plimsoll.statistics.accumulator import Measurement, Result
from plimsoll.statistics.parts import MergeTree, blocks_of, measure_block
from plimsoll.statistics.workers import processes_that_pay, shared

BLOCKS_A_PROCESS = 4
"""So many at least, where there are parts enough: the last to finish is not waited for long."""


def measure_split(
    dataset: Dataset,
    measurement: Measurement[Result],
    *,
    processes: int = 1,
    beam_runner: str = "",
    beam_options: Sequence[str] = (),
) -> Result:
    """Measures a split of a data set; who does it changes no byte of the result.

    Args:
        dataset: The data set; a runner of Beam that is not local must reach its folder.
        measurement: What is measured.
        processes: How many of this machine share the work; 0: as many as pay off.
        beam_runner: ``DirectRunner``, ``DataflowRunner`` and so on; empty: without Beam.
        beam_options: That runner's, as on a command line.

    Raises:
        PlimsollError: what a process raised.
        ConfigError: if there is no such runner or option, or the temporary folder is missing.
        StepError: if a process is killed or raises anything else, or Beam's pipeline fails.
    """
    if beam_runner:
        from plimsoll.statistics.beam import measure_by_beam

        return measure_by_beam(dataset, measurement, beam_runner, beam_options)
    rows = dataset.rows(measurement.split)
    cells = rows * len(measurement.columns)
    processes = processes or processes_that_pay(cells, measurement.cells_that_pay)
    least = processes * BLOCKS_A_PROCESS if processes > 1 else 1
    blocks = blocks_of(rows, measurement.part_rows, least)
    if min(processes, len(blocks)) > 1:
        measurement.load()
    tree = MergeTree[Result]()
    work = partial(measure_block, dataset, measurement)
    for nodes in shared(work, blocks, processes, measurement.done):
        tree.add_all(nodes)
        # What was merged into another is used up: it is let go before the next comes.
        nodes.clear()
    return tree.finish(measurement)
