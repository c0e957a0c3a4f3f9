"""The requests that a package carries, and the answers that any server must give to them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plimsoll.formats.dataset import Dataset
from plimsoll.formats.rows import rows_from_table
from plimsoll.models import predictions
from plimsoll.models.family import Model
from plimsoll.models.transform import Transform
from plimsoll.transform.apply import apply

ROWS = 16
UNSEEN = "a value that was never seen"


def instances(dataset: Dataset, inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns requests: rows spread over the test split, one of nulls, one of unseen categories.

    They hold all features that the model reads, so that they are answered without a store.

    Args:
        dataset: Where the rows come from.
        inputs: ``{"name", "type"}`` of the columns that they hold.
    """
    columns = [column["name"] for column in inputs]
    table = dataset.read("test", columns)
    indices = np.unique(np.linspace(0, table.num_rows - 1, min(ROWS, table.num_rows)).astype(int))
    rows = rows_from_table(table.take(indices))
    texts = [column["name"] for column in inputs if column["type"] == "string"]
    empty = dict.fromkeys(columns)
    unseen = {**rows[0], **dict.fromkeys(texts, UNSEEN)}
    return [*rows, empty, unseen]


def answers(
    rows: Sequence[dict[str, Any]], transform: Transform, model: Model
) -> list[dict[str, Any]]:
    """Returns the answers to requests, on the very path that serving takes."""
    features = apply.apply(transform, apply.columns_from_rows(transform, rows))
    label = transform.label
    array = model.predict(features)
    return predictions.as_answers(label.task, label.classes, label.positive, array)
