"""Writes two CSV files of made rows, from one seed: the reference, and one to check against it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

BATCH = 1 << 16
USUAL = 18
START = np.datetime64("2020-01-01T00:00:00")


def batches(rows: int, columns: int, distinct: int, shift: float) -> Iterator[pa.RecordBatch]:
    """Yields rows of numbers, moments, booleans and texts.

    Args:
        rows: How many.
        columns: How many; all beyond the usual 18 are numbers.
        distinct: Different values of the text of many values.
        shift: By how many standard deviations one column is moved.
    """
    random = np.random.default_rng(20)
    words = {count: pa.array([f"word{word}" for word in range(count)]) for count in (3, 50, 2000)}
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        made = {
            f"amount{place}": pa.array(
                random.normal(10, 3, count).round(6),
                mask=random.random(count) < 0.02 if place < 3 else None,
            )
            for place in range(7 + columns - USUAL)
        }
        made["amount6"] = pa.array(random.normal(10 + 3 * shift, 3, count).round(6))
        for place in range(4):
            made[f"number{place}"] = pa.array(random.integers(0, 10 ** (place + 1), count))
        seconds = (start + np.arange(count)).astype("timedelta64[s]")
        made["moment"] = pa.array((START + seconds).astype("datetime64[s]"))
        made["yes"] = pa.array(random.random(count) < 0.3)
        for size, known in words.items():
            made[f"text{size}"] = known.take(pa.array(random.integers(0, size, count)))
        made["key"] = pa.array([f"user-{key:08d}" for key in random.integers(0, distinct, count)])
        made["label"] = pa.array(random.integers(0, 2, count))
        yield pa.RecordBatch.from_pydict(made)


def write(path: Path, rows: int, columns: int, distinct: int, shift: float) -> None:
    """Writes one file."""
    made = batches(rows, columns, distinct, shift)
    first = next(made)
    with csv.CSVWriter(path, first.schema) as writer:
        writer.write_batch(first)
        for batch in made:
            writer.write_batch(batch)


if __name__ == "__main__":
    folder, rows, columns, distinct = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    write(folder / "reference.csv", rows // 2, columns, distinct, 0.0)
    write(folder / "current.csv", rows - rows // 2, columns, distinct, 0.5)
