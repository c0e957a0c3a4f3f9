"""scikit-learn's ColumnTransformer: medians and standard scaling of numbers, ordinals of texts.

It gets the numbers as one array of doubles and the texts as one of objects, the forms in which it
is fastest without pandas; times count as numbers.
"""

from pathlib import Path

import clock
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

LABEL = "label"
LEAST = 20


def work(dataset: Path, folder: Path) -> object:
    """Returns the shapes of what was saved of train."""
    folder.mkdir(exist_ok=True)
    shapes = []
    how: dict[str, ColumnTransformer] = {}
    for split in ("train", "eval", "test"):
        table = read(dataset, split)
        for kind, array in arrays(table).items():
            if split == "train":
                how[kind] = transformer(kind, array.shape[1])
                found = how[kind].fit_transform(array)
            else:
                found = how[kind].transform(array)
            dtype = np.float32 if kind == "numeric" else np.int32
            np.save(folder / f"{split}-{kind}.npy", found.astype(dtype))
            shapes.append(f"{kind} {found.shape}")
        np.save(folder / f"{split}-label.npy", table[LABEL].to_numpy())
    return ", ".join(shapes[:2])


def transformer(kind: str, columns: int) -> ColumnTransformer:
    """Returns what fills in and scales, or fills in and looks up."""
    if kind == "numeric":
        steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    else:
        steps = make_pipeline(
            SimpleImputer(missing_values=None, strategy="constant", fill_value=""),
            OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=LEAST
            ),
        )
    return ColumnTransformer([(kind, steps, list(range(columns)))])


def arrays(table: pa.Table) -> dict[str, np.ndarray]:
    """Returns the numbers, times and booleans as doubles, and the texts as objects."""
    found: dict[str, list[np.ndarray]] = {"numeric": [], "categorical": []}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name == LABEL:
            continue
        if pa.types.is_string(column.type):
            found["categorical"].append(np.asarray(column.to_numpy(), object))
            continue
        if pa.types.is_timestamp(column.type) or pa.types.is_boolean(column.type):
            column = pc.cast(column, pa.int64())
        found["numeric"].append(pc.cast(column, pa.float64(), safe=False).to_numpy())
    return {kind: np.stack(columns, axis=1) for kind, columns in found.items()}


def read(dataset: Path, split: str) -> pa.Table:
    """Returns a split whole."""
    paths = sorted((dataset / split).glob("*.parquet"))
    return pa.concat_tables([pq.read_table(path, memory_map=True) for path in paths])


if __name__ == "__main__":
    clock.timed(work)
