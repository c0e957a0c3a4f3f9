"""A blend on disk: folders of models of any family, and what each one's answer weighs."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ArtifactError
from plimsoll.models.model_files import files_of
from plimsoll.storage.files import checked_manifest, write_json

if TYPE_CHECKING:
    from plimsoll.models.family import Model
    from plimsoll.models.network import ModelInputs

FORMAT = "plimsoll.blend/1"
CONFIG_FILE = "blend.json"
FAMILY = "blend"
MOST_MEMBERS = 16
ROUNDING = 1e-9
_SHARED = ("task", "outputs", "numeric", "categories", "widths")


@dataclass(frozen=True, kw_only=True)
class Member:
    """A model of a blend."""

    folder: Path
    """Its own folder: a network's or boosting's, no other blend's."""
    weight: float
    """What its answer counts, above 0; those of a blend come to 1."""


class BlendModel:
    """Models that answer together: the weighted mean of their probabilities or values.

    Args:
        folder: Holds ``blend.json`` and the members' folders.
        opened: Opens a member's folder.

    Raises:
        ArtifactError: if a file is missing or damaged, or a member reads other columns.
    """

    family = FAMILY

    def __init__(self, folder: Path, open_member: Callable[[Path], Model]) -> None:
        self.weights, models = [], []
        for member in members_of(folder):
            self.weights.append(member.weight)
            models.append(open_member(member.folder))
        first = models[0]
        for model in models[1:]:
            differing = [name for name in _SHARED if getattr(model, name) != getattr(first, name)]
            if differing:
                raise ArtifactError(
                    f"{folder} blends models that do not fit together",
                    cause=f"{model.family} and {first.family} differ in {', '.join(differing)}",
                )
        self.models: tuple[Model, ...] = tuple(models)
        self.task = first.task
        self.outputs = first.outputs
        self.numeric = first.numeric
        self.categories = first.categories
        self.widths = first.widths

    def predict(self, inputs: ModelInputs) -> NDArray[np.float64]:
        """Returns probabilities (rows, classes), or values (rows,) in the label's unit."""
        return blended([model.predict(inputs) for model in self.models], self.weights)


def blended(
    predictions: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float64]:
    """Returns the weighted mean of answers, added up in their order.

    Args:
        predictions: Of each member, all of one shape.
        weights: Of each member; they come to 1.
    """
    total = np.zeros_like(predictions[0], dtype=np.float64)
    for prediction, weight in zip(predictions, weights, strict=True):
        total += weight * prediction
    return total


def save_blend(folder: Path, members: Sequence[Member]) -> None:
    """Copies the members' files below ``folder`` and writes ``blend.json``.

    Raises:
        ArtifactError: if a member is no model, or the weights do not come to 1.
    """
    entries = []
    for index, member in enumerate(members):
        name = _member_folder(index)
        (folder / name).mkdir(parents=True)
        for file in files_of(member.folder):
            shutil.copyfile(member.folder / file, folder / name / file)
        entries.append({"folder": name, "weight": member.weight})
    write_json(folder / CONFIG_FILE, {"format": FORMAT, "members": entries})
    members_of(folder)


def members_of(folder: Path) -> tuple[Member, ...]:
    """Reads ``blend.json``.

    Raises:
        ArtifactError: if it is damaged, names another folder than the members' own, or its
            weights are not above 0 and together 1.
    """
    entries = checked_manifest(folder, CONFIG_FILE, FORMAT).get("members")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_MEMBERS:
        raise ArtifactError(
            f"{folder / CONFIG_FILE} does not hold", cause=f"1 to {MOST_MEMBERS} members, please"
        )
    members = tuple(_member(folder, index, item) for index, item in enumerate(entries))
    total = math.fsum(member.weight for member in members)
    if abs(total - 1) > ROUNDING:
        raise ArtifactError(
            f"{folder / CONFIG_FILE} does not hold",
            cause=f"the weights come to {total}, not to 1",
        )
    return members


def _member(folder: Path, index: int, item: Any) -> Member:
    if (folder / _member_folder(index) / CONFIG_FILE).exists():
        raise ArtifactError(f"{folder} blends a blend", cause=f"member {index} is one")
    entries = item if isinstance(item, dict) else {}
    weight = entries.get("weight")
    # The name is known, so that no file can lead the reader to another folder.
    if (
        isinstance(weight, int | float)
        and entries.get("folder") == _member_folder(index)
        and 0 < weight <= 1
    ):
        return Member(folder=folder / _member_folder(index), weight=float(weight))
    raise ArtifactError(
        f"{folder / CONFIG_FILE} does not hold", cause=f"member {index} is {item!r}"
    )


def _member_folder(index: int) -> str:
    return f"member-{index}"
