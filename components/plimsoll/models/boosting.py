"""Gradient boosting on disk: which columns its trees split, and the trees as LightGBM's text."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.configuration.fields import Count, Listed, OneOf, Positive
from plimsoll.configuration.validation import validated
from plimsoll.errors import ArtifactError, ConfigError, EnvironmentBuildError
from plimsoll.models.trees import MOST_BYTES, ExpectedTrees, check
from plimsoll.problem import TASKS
from plimsoll.storage.files import checked_manifest, digest_bytes, write_json, write_text

if TYPE_CHECKING:
    from plimsoll.models.network import ModelInputs

FORMAT = "plimsoll.boosting/1"
CONFIG_FILE = "boosting.json"
TREES_FILE = "trees.txt"
FAMILY = "boosting"
ROWS_AT_ONCE = 1 << 16


Sizes = Annotated[tuple[Positive, ...], Listed()]
Indices = Annotated[tuple[Count, ...], Listed()]


@validated("boosting")
@dataclass(frozen=True, kw_only=True)
class BoostingConfig:
    """What the trees read: the numeric columns, then each categorical output's.

    An output of one index is one column, its index; one of several is a column of 0 and 1 for
    each of its frequent indices.
    """

    task: Annotated[str, OneOf(TASKS)]
    """``binary``, ``multiclass`` or ``regression``."""
    outputs: Positive
    """The classes, or 1 for regression."""
    numeric: Count
    """Numeric columns that go in."""
    categories: Sizes
    """Indices each categorical output takes, missing and unknown included."""
    widths: Sizes
    """Columns each categorical output takes."""
    frequent: Annotated[tuple[Indices, ...], Listed()]
    """Indices of each output that have a column; none of an output of one index."""
    trees: Positive
    """Trees a class."""

    def __post_init__(self) -> None:
        if (self.outputs == 1) != (self.task == "regression"):
            raise ConfigError(f"boosting: {self.outputs} outputs do not go with {self.task}")
        if len({len(self.categories), len(self.widths), len(self.frequent)}) > 1:
            raise ConfigError("boosting: widths and frequent must be one a categorical output")
        if not self.columns:
            raise ConfigError("boosting: there is no column")

    @property
    def columns(self) -> int:
        """Columns that the trees split."""
        own = (
            1 if width == 1 else len(frequent)
            for width, frequent in zip(self.widths, self.frequent, strict=True)
        )
        return self.numeric + sum(own)

    @property
    def expected(self) -> ExpectedTrees:
        """What the trees have to be."""
        names = [item.name for item in dataclasses.fields(ExpectedTrees)]
        return ExpectedTrees(**{name: getattr(self, name) for name in names})

    def matrix(self, inputs: ModelInputs) -> NDArray[np.float32]:
        """Returns what the trees split, shape (rows, columns)."""
        matrix = np.empty((len(inputs.numeric), self.columns), np.float32)
        matrix[:, : self.numeric] = inputs.numeric
        column, start = self.numeric, 0
        for width, frequent in zip(self.widths, self.frequent, strict=True):
            own = inputs.categorical[:, start : start + width]
            start += width
            if width == 1:
                matrix[:, column] = own[:, 0]
                column += 1
                continue
            for index in frequent:
                matrix[:, column] = (own == index).any(axis=1)
                column += 1
        return matrix


class BoostingModel:
    """Trees that were loaded, and answer from any thread.

    Args:
        config: What they read.
        text: The trees, as LightGBM writes them, without parameters.
        threads: Threads that an answer may use; 0: as many as there are.

    Raises:
        ArtifactError: if the text cannot be used.
        EnvironmentBuildError: if LightGBM is not there.
    """

    family = FAMILY

    def __init__(self, config: BoostingConfig, text: str, *, threads: int = 0) -> None:
        check(text, config.expected)
        self.config = config
        self.text = text
        self.task = config.task
        self.outputs = config.outputs
        self.numeric = config.numeric
        self.categories = config.categories
        self.widths = config.widths
        self._threads = threads
        try:
            self._booster = lightgbm().Booster(model_str=text)
        except lightgbm().basic.LightGBMError as error:
            raise ArtifactError("the trees cannot be used", cause=str(error)) from error

    def predict(self, inputs: ModelInputs) -> NDArray[np.float64]:
        """Returns probabilities (rows, classes), or values (rows,) in the label's unit.

        A row's answer is the same to the last bit alone and among others.
        """
        rows = len(inputs.numeric)
        if not rows:
            shape = (0,) if self.task == "regression" else (0, self.outputs)
            return np.zeros(shape)
        parts = [
            self._predict_batch(
                _Part(
                    inputs.numeric[start : start + ROWS_AT_ONCE],
                    inputs.categorical[start : start + ROWS_AT_ONCE],
                )
            )
            for start in range(0, rows, ROWS_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _predict_batch(self, inputs: ModelInputs) -> NDArray[np.float64]:
        predicted = self._booster.predict(self.config.matrix(inputs), num_threads=self._threads)
        answers = np.asarray(predicted, np.float64)
        if self.task != "binary":
            return answers
        return np.stack([1 - answers, answers], axis=1)


@dataclass(frozen=True)
class _Part:
    numeric: NDArray[np.float32]
    categorical: NDArray[np.int32]


def save_boosting(folder: Path, model: BoostingModel) -> None:
    """Writes ``boosting.json`` and ``trees.txt`` into ``folder``."""
    write_text(folder / TREES_FILE, model.text)
    data = model.text.encode()
    write_json(
        folder / CONFIG_FILE,
        {
            "format": FORMAT,
            **dataclasses.asdict(model.config),
            "trees_bytes": len(data),
            "trees_sha256": digest_bytes(data),
        },
    )


def load_boosting(folder: Path, *, threads: int = 0) -> BoostingModel:
    """Opens boosting's folder, ready to answer.

    Args:
        folder: Holds ``boosting.json`` and ``trees.txt``.
        threads: Threads that an answer may use; 0: as many as there are.

    Raises:
        ArtifactError: if a file is missing, damaged, or not what it should be.
        EnvironmentBuildError: if LightGBM is not there.
    """
    values: dict[str, Any] = checked_manifest(folder, CONFIG_FILE, FORMAT)
    size, digest = values.pop("trees_bytes", None), values.pop("trees_sha256", None)
    config = _config(values)
    return BoostingModel(config, _text(folder / TREES_FILE, size, digest), threads=threads)


def _config(values: Mapping[str, Any]) -> BoostingConfig:
    try:
        return BoostingConfig(**{name: item for name, item in values.items() if name != "format"})
    except (TypeError, ConfigError) as error:
        raise ArtifactError(f"{CONFIG_FILE} does not hold", cause=str(error)) from error


def _text(path: Path, size: Any, digest: Any) -> str:
    try:
        actual = path.stat().st_size
        if actual != size or actual > MOST_BYTES:
            raise ArtifactError(
                f"{path} is damaged",
                cause=f"it has {actual:,} bytes, {CONFIG_FILE} says {size}",
            )
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read", cause=str(error)) from error
    if digest_bytes(data) != digest or not data.isascii():
        raise ArtifactError(
            f"{path} is damaged", cause=f"its SHA-256 is not the one in {CONFIG_FILE}"
        )
    return data.decode("ascii")


def lightgbm() -> Any:
    """Returns the LightGBM package.

    It needs the system's OpenMP library, which slim images lack; torch brings the same one,
    which serves without importing torch.

    Raises:
        EnvironmentBuildError: if LightGBM, or that library, is not there.
    """
    try:
        ctypes.CDLL("libgomp.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        for path in _openmp_of_torch():
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    try:
        import lightgbm as library
    except (ImportError, OSError) as error:
        raise EnvironmentBuildError(
            "LightGBM cannot be loaded",
            cause=str(error),
            hint="install lightgbm, and the system's package libgomp1 if that is what is missing",
        ) from error
    return library


def _openmp_of_torch() -> list[Path]:
    spec = importlib.util.find_spec("torch")
    folders = spec.submodule_search_locations if spec else None
    return [path for folder in folders or () for path in Path(folder).glob("lib/libgomp*.so*")]
