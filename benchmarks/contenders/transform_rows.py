"""Writes a data set of made rows: four fifths to train on, a tenth each for eval and test.

Arguments: the folder to write, how many rows. The rows are those of ``made_csv``, 18 columns.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from made_csv import USUAL, batches

from plimsoll.formats.dataset import write_batches
from plimsoll.problem import Problem, Split

KEYS = 100_000


def split_rows(rows: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields rows in the types of data sets, with the split that they belong to."""
    ends = {"train": rows * 8 // 10, "eval": rows * 9 // 10, "test": rows}
    first = 0
    for made in batches(rows, USUAL, KEYS, 0.0):
        columns = [
            column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
            for column in made.columns
        ]
        batch = pa.RecordBatch.from_arrays(columns, names=made.schema.names)
        for split, end in ends.items():
            some = batch.slice(0, max(0, end - first))
            batch = batch.slice(some.num_rows)
            first += some.num_rows
            if some.num_rows:
                yield split, some


if __name__ == "__main__":
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    schema = next(split_rows(100))[1].schema
    problem = Problem(label="label", task="binary", positive="1", split=Split(by="hash"))
    dataset = write_batches(folder, schema, split_rows(rows), problem, [], {})
    print(json.dumps(dataset.id))
