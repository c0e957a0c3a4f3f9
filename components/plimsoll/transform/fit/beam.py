"""Measures the train split with Apache Beam: the same parts as in one process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from plimsoll.formats.dataset import Dataset
from plimsoll.parallel.beam import LEAST_BLOCKS, Folding, Nodes, Opened, Run, folded
from plimsoll.parallel.parts import Block, blocks_of
from plimsoll.transform.config import NAME
from plimsoll.transform.fit.column_stats import Measured, from_bytes, to_bytes
from plimsoll.transform.fit.measure import Fold, Plan, forest_of, measured_block, part_rows_of

RESULT = "train-fitted.arrow"


def measured_by_beam(dataset: Dataset, plan: Plan, runner: str, options: Sequence[str]) -> Measured:
    """Measures the train split on a runner of Beam.

    Args:
        dataset: The data set; a runner that is not local must reach its folder.
        plan: What is measured.
        runner: ``DirectRunner``, ``DataflowRunner`` and so on.
        options: The runner's, as on a command line.

    Raises:
        ConfigError: if there is no such runner or option, or the temporary folder is missing.
        StepError: if the pipeline fails.
    """
    folding = Folding(
        fold=partial(_measured, dataset, plan),
        forest=partial(forest_of, plan),
        finish=partial(_finished, plan),
    )
    asked = Run(
        config=NAME,
        what="fit the transform",
        runner=runner,
        options=tuple(options),
        file=f"{dataset.id[:16]}-{RESULT}",
    )
    blocks = blocks_of(plan.rows, part_rows_of(plan), LEAST_BLOCKS)
    return from_bytes(folded(dataset.folder, blocks, folding, asked))


def _measured(dataset: Dataset, plan: Plan, block: Block, opened: Opened) -> Nodes:
    return measured_block(dataset, plan, block, opened)


def _finished(plan: Plan, forest: Any) -> bytes:
    return to_bytes((forest.whole() or Fold(plan)).finish())
