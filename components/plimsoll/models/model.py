"""A model's folder, of any family, opened to predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plimsoll.models import model_files
from plimsoll.models.family import Model

if TYPE_CHECKING:
    from plimsoll.models.network import ModelInputs


class NetworkModel:
    """A network's folder as a model.

    Args:
        folder: Holds ``network.json``, ``weights.safetensors`` and, of one's own, ``module.py``.
    """

    def __init__(self, folder: Path) -> None:
        from plimsoll.models import network

        self.network = network.load_network(folder)
        config = self.network.config
        self.family = config.family
        self.task = config.task
        self.outputs = config.outputs
        self.numeric = config.numeric
        self.categories = config.categories
        self.widths = config.widths

    def predict(self, inputs: ModelInputs) -> NDArray[np.float64]:
        """Returns probabilities (rows, classes), or values (rows,) in the label's unit."""
        from plimsoll.models import network

        return network.predict(self.network, self.network.config, inputs)


def open_model(folder: Path, *, threads: int = 0) -> Model:
    """Opens a model's folder, and imports only what its family needs.

    Args:
        folder: A model's folder, or the one in a package.
        threads: Threads that an answer may use; 0: as many as there are.

    Raises:
        ArtifactError: if a file is missing or damaged.
        ConfigError: if the user's own network cannot be built here.
    """
    kind = model_files.files_of(folder)[0]
    if kind == model_files.BLEND:
        from plimsoll.models.blend import BlendModel

        return BlendModel(folder, lambda member: open_model(member, threads=threads))
    if kind == model_files.BOOSTING:
        from plimsoll.models.boosting import load_boosting

        return load_boosting(folder, threads=threads)
    if threads:
        import torch

        torch.set_num_threads(threads)
    return NetworkModel(folder)
