"""What a model answers: one prediction an instance, the same at evaluation and when served."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ArtifactError

HALF = 0.5


def class_text(value: Any) -> str:
    """Returns a class as the text that names it in JSON keys: ``true``, ``3``, ``late``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def positive_index(classes: Sequence[Any], positive: Any) -> int:
    """Returns the index of the positive class among the classes of a binary label.

    Args:
        classes: The label's values, in the order of the model's columns.
        positive: One of them, or its text.

    Raises:
        ArtifactError: if it is none of them.
    """
    wanted = class_text(positive)
    for index, value in enumerate(classes):
        if class_text(value) == wanted:
            return index
    raise ArtifactError(
        f"the positive class {wanted!r} is not a class of the label",
        choices=[class_text(value) for value in classes],
    )


def predicted_classes(
    task: str, classes: Sequence[Any], positive: Any, probabilities: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Returns the index of the class that each row is given.

    Binary: the positive class from a probability of a half upwards. Multiclass: the likeliest;
    of equals, the first.

    Args:
        task: ``binary`` or ``multiclass``.
        classes: The label's values, in the order of the columns.
        positive: Binary: the positive value.
        probabilities: Shape (rows, classes).
    """
    if task == "binary":
        index = positive_index(classes, positive)
        return np.where(probabilities[:, index] >= HALF, index, 1 - index).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1), np.int64)


def as_answers(
    task: str, classes: Sequence[Any], positive: Any, array: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Returns one JSON object a row, as the v1 protocol answers.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        classes: The label's values, in the order of the columns; unused for regression.
        positive: Binary: the positive value; else unused.
        array: Probabilities (rows, classes), or values (rows,) for regression.

    Returns:
        ``{"value": x}`` a row for regression; else ``{"label", "probability",
        "probabilities"}``, where ``probability`` is that of the positive class (binary) or of
        the label given (multiclass), and ``probabilities`` is keyed by the class's text.
    """
    if task == "regression":
        return [{"value": value} for value in np.asarray(array, np.float64).tolist()]
    names = [class_text(value) for value in classes]
    predicted = predicted_classes(task, classes, positive, array).tolist()
    index = positive_index(classes, positive) if task == "binary" else None
    return [
        {
            "label": classes[label],
            "probability": row[label if index is None else index],
            "probabilities": dict(zip(names, row, strict=True)),
        }
        for label, row in zip(predicted, np.asarray(array, np.float64).tolist(), strict=True)
    ]
