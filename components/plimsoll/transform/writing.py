"""Transforms every row of a dataset and writes it, block by block, in several processes.

Each block's rows are written to their own place in the files, so that the bytes do not depend on
which process transforms them, nor on how many there are.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.formats.columns import Column, DictionaryColumn
from plimsoll.formats.dataset import Dataset
from plimsoll.formats.examples import Batch, Header, write_range, write_ranges
from plimsoll.formats.rows import column_from_arrow, decoded
from plimsoll.problem import SPLITS
from plimsoll.statistics.reading import rows_between
from plimsoll.statistics.workers import processes_that_pay, shared
from plimsoll.transform.apply.apply import Features, apply, apply_out_of_fold, encode_labels
from plimsoll.transform.fit.cross_fitting import folds_of
from plimsoll.transform.fit.fit import Fit

BLOCK_ROWS = 1 << 17
CELLS_THAT_PAY = 1 << 22


class Range(NamedTuple):
    """Rows of a split that follow each other."""

    split: str
    first: int
    last: int


def write(dataset: Dataset, fit: Fit, examples: Path, processes: int) -> None:
    """Transforms every row and writes the examples.

    Args:
        dataset: The dataset.
        fit: What was fitted.
        examples: Where the examples come to be.
        processes: How many share the work; 0: as many as pay off.

    Raises:
        DataError: if a label is not one of the train split's.
        StepError: if a process is killed, or raises anything else.
    """
    label = fit.transform.label
    header = Header(
        dataset_id=dataset.id,
        problem=dataset.problem,
        numeric_names=fit.transform.numeric,
        categorical_outputs=fit.transform.categorical,
        task=label.task,
        classes=label.classes,
        positive=label.positive,
    )
    rows = {split: dataset.rows(split) for split in SPLITS}
    ranges = [
        Range(split, first, min(first + BLOCK_ROWS, rows[split]))
        for split in SPLITS
        for first in range(0, rows[split], BLOCK_ROWS)
    ]
    cells = sum(rows.values()) * len(dataset.columns)
    processes = processes or processes_that_pay(cells, CELLS_THAT_PAY)

    def fill(folder: Path) -> Mapping[str, int]:
        written = dict.fromkeys(SPLITS, 0)
        work = partial(_write_range, dataset, fit, header, folder)
        for done in shared(work, ranges, processes, "transformed"):
            written[done.split] += done.last - done.first
        return written

    write_ranges(examples, header, rows, fill)


def transformed(
    fit: Fit,
    split: str,
    batch: pa.RecordBatch,
    numbers: np.ndarray[Any, Any],
    keys: tuple[str, ...],
) -> Batch:
    """Transforms rows of a split.

    Args:
        fit: What was fitted.
        split: The rows' split.
        batch: The rows, as ``rows_between`` gives them.
        numbers: Shape (rows,): each row's number in the split.
        keys: The problem's; rows that agree in them are in one fold.
    """
    named = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = {name: column_of(named[name]) for name in reads_of(fit, ()) if name in named}
    label = columns.pop(fit.transform.label.name)
    if split == "train" and fit.tables:
        rows = folds_of(numbers, fit.folds, [decoded(named[name]) for name in keys])
        features = apply_out_of_fold(fit.transform, columns, rows, fit.tables)
    else:
        features = apply(fit.transform, columns)
    if not fit.transform.inputs:
        features = Features(
            np.empty((len(batch), 0), np.float32), np.empty((len(batch), 0), np.int32)
        )
    return Batch(features.numeric, features.categorical, encode_labels(fit.transform, label))


def reads_of(fit: Fit, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the columns that are read: inputs, label, and keys where folds go by them."""
    inputs = [column.name for column in fit.transform.inputs]
    return tuple(dict.fromkeys([*inputs, fit.transform.label.name, *(keys if fit.tables else ())]))


def column_of(array: pa.Array) -> Column:
    """Returns a column as the transform takes it; texts in a dictionary stay so."""
    if not pa.types.is_dictionary(array.type):
        return column_from_arrow(array)
    texts, codes = array.dictionary, array.indices
    if len(texts) > len(array):
        # A dictionary of a whole row group: few of its texts are in these rows.
        array = array.dictionary_decode().dictionary_encode()
        texts, codes = array.dictionary, array.indices
    indices = pc.fill_null(pc.cast(codes, pa.int32()), -1).to_numpy(zero_copy_only=False)
    return DictionaryColumn(np.asarray(indices, np.int32), texts.to_pylist())


def _write_range(dataset: Dataset, fit: Fit, header: Header, folder: Path, block: Range) -> Range:
    keys = dataset.problem.keys
    first = block.first
    bounds = block.first, block.last
    reads = reads_of(fit, keys)
    for batch in rows_between(dataset, block.split, reads, bounds, in_dictionaries=True):
        numbers = np.arange(first, first + batch.num_rows)
        rows = transformed(fit, block.split, batch, numbers, keys)
        write_range(folder, header, block.split, first, rows)
        first += batch.num_rows
    return block
