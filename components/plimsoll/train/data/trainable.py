"""What examples must have so that any model can learn from them."""

import numpy as np

from plimsoll.errors import DataError
from plimsoll.formats.examples import Examples


def check_trainable(examples: Examples) -> None:
    """Refuses examples that nothing can be learnt from.

    Raises:
        DataError: if the train split has no rows or one class, or there is no input column.
    """
    rows = examples.rows["train"]
    if not rows:
        raise DataError(
            "the train split has no rows", hint="split otherwise: see split: in problem.yaml"
        )
    if not examples.numeric_names and not examples.categorical_outputs:
        raise DataError("there is no input column to learn from")
    if examples.task == "regression":
        return
    label = np.asarray(examples.label("train"))
    if len(examples.classes) < 2 or bool((label == label[0]).all()):
        raise DataError(
            f"the label {examples.problem.label!r} has one class only in the train split",
            cause=f"all {rows} rows are of one class",
            hint="split otherwise, or bring rows of another class",
        )
