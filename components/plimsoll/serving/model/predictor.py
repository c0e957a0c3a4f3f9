"""From raw rows to answers: the package's transform, its model, its answers' form."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.package import Package
from plimsoll.models import predictions
from plimsoll.models.model import open_model
from plimsoll.models.transform import read_transform
from plimsoll.transform.apply import apply


class Predictor:
    """A package that was loaded, and answers from any thread.

    Args:
        package: An opened package, hence one whose content was verified.
    """

    def __init__(self, package: Package) -> None:
        self.package = package
        self.transform = read_transform(package.transform)
        # One request uses one core: more threads cost more in handing over than they compute.
        self._model = open_model(package.model, threads=1)

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answers rows of raw column values, one answer a row.

        Raises:
            RequestError: if a row lacks a column, has an unknown one or one of a wrong type.
        """
        return self.answers(self.predict_columns(apply.columns_from_rows(self.transform, rows)))

    def predict_lists(self, lists: Mapping[str, Sequence[Any]]) -> NDArray[np.float64]:
        """Returns what ``predict_columns`` does, from raw column values.

        Args:
            lists: Column name -> its values, all of one length.

        Raises:
            RequestError: as ``predict_rows``, and if the columns' lengths differ.
        """
        return self.predict_columns(apply.columns_from_lists(self.transform, lists))

    def predict_columns(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Returns probabilities (rows, classes), or values (rows,) for regression.

        Args:
            columns: Columns in the transform's own form.
        """
        features = apply.apply(self.transform, columns)
        return self._model.predict(features)

    def answers(self, array: NDArray[np.float64]) -> list[dict[str, Any]]:
        """Returns the v1 answers of what ``predict_columns`` returned, one a row."""
        package = self.package
        return predictions.as_answers(package.task, package.classes, package.positive, array)

    def labels(self, array: NDArray[np.float64]) -> list[str]:
        """Returns the class given to each row, as text; for tasks with classes."""
        package = self.package
        given = predictions.predicted_classes(
            package.task, package.classes, package.positive, array
        )
        return [predictions.class_text(package.classes[index]) for index in given]
