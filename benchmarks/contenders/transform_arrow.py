"""A bare pass with pyarrow.compute: fits on train, fills in, scales, looks up, saves arrays.

Means, spreads and medians of numbers, and the values of texts that occur 20 times; nothing of the
choice of a scale, of outliers, or of the parts of a time, which counts as a number.
"""

from pathlib import Path

import clock
import numpy as np
import pandas  # noqa: F401  (pyarrow does, with its first array; imports are not timed)
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

LABEL = "label"
LEAST = 20
MOST = 10_000


def work(dataset: Path, folder: Path) -> object:
    """Returns the shapes of what was saved of train."""
    folder.mkdir(exist_ok=True)
    train = read(dataset, "train")
    fitted = {name: fit(train[name]) for name in train.column_names if name != LABEL}
    shapes = []
    for split in ("train", "eval", "test"):
        table = train if split == "train" else read(dataset, split)
        arrays = {"numeric": [], "categorical": []}
        for name, how in fitted.items():
            kind = "categorical" if isinstance(how, pa.Array) else "numeric"
            arrays[kind].append(apply(table[name], how))
        for kind, columns in arrays.items():
            together = np.stack(columns, axis=1)
            np.save(folder / f"{split}-{kind}.npy", together)
            shapes.append(f"{kind} {together.shape}")
        np.save(folder / f"{split}-label.npy", table[LABEL].to_numpy())
    return ", ".join(shapes[:2])


def read(dataset: Path, split: str) -> pa.Table:
    """Returns a split whole."""
    paths = sorted((dataset / split).glob("*.parquet"))
    return pa.concat_tables([pq.read_table(path, memory_map=True) for path in paths])


def fit(column: pa.ChunkedArray) -> pa.Array | tuple[float, float, float]:
    """Returns the values known of a text, or fill, center and spread of a number."""
    if pa.types.is_string(column.type):
        counted = pc.value_counts(column.drop_null())
        counts = counted.field("counts")
        frequent = counted.field("values").filter(pc.greater_equal(counts, LEAST))
        return frequent.slice(0, MOST)
    values = numbers(column)
    spread = pc.stddev(values).as_py() or 1.0
    return pc.approximate_median(values).as_py(), pc.mean(values).as_py(), spread


def apply(column: pa.ChunkedArray, how: pa.Array | tuple[float, float, float]) -> np.ndarray:
    """Returns a column's indices, or what it is scaled to."""
    if isinstance(how, pa.Array):
        found = pc.index_in(column, value_set=how)
        return pc.fill_null(found, -1).to_numpy()
    fill, center, spread = how
    filled = pc.fill_null(numbers(column), fill)
    scaled = pc.divide(pc.subtract(filled, center), spread)
    return pc.cast(scaled, pa.float32()).to_numpy()


def numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns numbers, booleans and times as doubles."""
    if pa.types.is_timestamp(column.type) or pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int64())
    return pc.cast(column, pa.float64(), safe=False)


if __name__ == "__main__":
    clock.timed(work)
