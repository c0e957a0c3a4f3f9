"""Small datasets for the tests of transform."""

import numpy as np
import pyarrow as pa

from plimsoll.formats.dataset import write_dataset
from plimsoll.problem import Problem, Split


def make(folder, train, *, eval_=None, test=None, problem=None):
    """Writes a dataset from columns; eval and test are train's rows where they are not given."""
    train = {"y": [0, 1] * (len(next(iter(train.values()))) // 2), **train}
    schema = pa.table(train).schema

    def table(columns):
        if columns is None:
            return pa.table(train, schema)
        rows = len(next(iter(columns.values())))
        blank = {name: [None] * rows for name in train}
        return pa.table({**blank, "y": [0] * rows, **columns}, schema)

    tables = {"train": pa.table(train), "eval": table(eval_), "test": table(test)}
    problem = problem or Problem(label="y", task="binary", positive="1", split=Split(by="hash"))
    return write_dataset(folder, tables, problem, [], {})


def times(*texts):
    """Returns a timestamp column."""
    return pa.array(np.array(texts, "datetime64[us]"))
