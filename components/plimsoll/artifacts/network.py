"""The tabular network: its configuration, its layers, its weights on disk, and its answers.

Numeric inputs are spread over piecewise-linear bins fitted on the training split, so that a
straight layer can bend along one column as trees do (Gorishniy et al., "On Embeddings for
Numerical Features in Tabular Deep Learning", 2022); categories are embedded.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from plimsoll.artifacts.files import checked_manifest, write_json
from plimsoll.errors import ArtifactError, ConfigError
from plimsoll.problem import TASKS

FORMAT = "plimsoll.network/1"
CONFIG_FILE = "network.json"
WEIGHTS_FILE = "weights.safetensors"
UNKNOWN = 1
ROWS_AT_ONCE = 16384
EMBEDDING_SPREAD = 0.1
NARROWEST = 1e-6
"""Edges closer than this count as one."""
FARTHEST = 10.0
"""Numbers further from 0 than this count as this, where there are no bins to end them."""


class Inputs(Protocol):
    """What a network reads: ``Features`` of the transform, or a split of the examples."""

    @property
    def numeric(self) -> NDArray[np.float32]:
        """Numbers, shape (rows, numeric columns)."""

    @property
    def categorical(self) -> NDArray[np.int32]:
        """Indices, shape (rows, categorical columns); 0 is missing, 1 is unknown."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The shape of a network; with the weights beside it, all that is needed to rebuild it."""

    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    outputs: int
    """Numbers that come out a row: the classes, or 1 for regression."""
    numeric: int
    """Numeric columns that go in."""
    categories: tuple[int, ...] = ()
    """Indices a categorical column takes, missing and unknown included."""
    embeddings: tuple[int, ...] = ()
    """Width of each categorical column's embedding."""
    bins: int = 0
    """Piecewise-linear bins of all numeric columns; 0: numeric columns go in as they are."""
    hidden: tuple[int, ...] = (512, 256)
    """Width of each hidden layer."""
    dropout: float = 0.0
    """Share of the hidden units left out while training, at least 0 and below 1."""
    unknown_rate: float = 0.0
    """Share of the categories shown as unknown while training, at least 0 and below 1."""
    target_mean: float = 0.0
    """Regression: mean of the label in the training split, in the label's unit."""
    target_std: float = 1.0
    """Regression: standard deviation of the label in the training split, above 0."""

    def __post_init__(self) -> None:
        for name in ("categories", "embeddings", "hidden"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.task not in TASKS:
            raise ConfigError(f"network: task is {self.task!r}", choices=TASKS)
        if self.task == "regression" and self.outputs != 1:
            raise ConfigError(f"network: regression has one output, not {self.outputs}")
        if self.task != "regression" and self.outputs < 2:
            raise ConfigError(f"network: {self.task} needs 2 classes or more, not {self.outputs}")
        if self.numeric < 0 or self.bins < 0 or min((1, *self.hidden)) < 1:
            raise ConfigError("network: widths and counts cannot be negative, nor a layer empty")
        if self.numeric == 0 and not self.categories:
            raise ConfigError("network: there is no input column")
        if len(self.categories) != len(self.embeddings):
            raise ConfigError(
                "network: one embedding a categorical column",
                cause=f"{len(self.embeddings)} embeddings for {len(self.categories)} columns",
            )
        for name in ("dropout", "unknown_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"network: {name} must be at least 0 and below 1")
        if not math.isfinite(self.target_mean) or not 0 < self.target_std < math.inf:
            raise ConfigError("network: the target's mean and deviation must be finite numbers")

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of ``network.json``."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Reads the content of ``network.json``.

        Raises:
            ArtifactError: if a field is missing, unknown, or does not hold.
        """
        try:
            return cls(**{name: value for name, value in values.items() if name != "format"})
        except (TypeError, ConfigError) as error:
            raise ArtifactError(f"{CONFIG_FILE} does not hold", cause=str(error)) from error


class PiecewiseLinear(nn.Module):
    """Spreads each number over its column's bins: 1 in those below it, a share in its own, else 0.

    The edges are buffers, set once by ``fit`` and saved with the weights. Numbers outside of
    them count as the ends.
    """

    column: torch.Tensor
    low: torch.Tensor
    scale: torch.Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.register_buffer("column", torch.zeros(bins, dtype=torch.int64))
        self.register_buffer("low", torch.zeros(bins))
        self.register_buffer("scale", torch.zeros(bins))

    def fit(self, edges: Sequence[NDArray[np.float32]]) -> None:
        """Takes the rising edges of each column; one edge fewer bins than edges."""
        counts = [max(0, len(ends) - 1) for ends in edges]
        self.column.copy_(torch.from_numpy(np.repeat(np.arange(len(edges)), counts)))
        self.low.copy_(torch.from_numpy(np.concatenate([ends[:-1] for ends in edges])))
        self.scale.copy_(torch.from_numpy(np.concatenate([1 / np.diff(ends) for ends in edges])))

    def forward(self, numeric: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, bins), each number from 0 to 1."""
        spread = (numeric[:, self.column] - self.low) * self.scale
        return spread.clamp_(0, 1)


def bin_edges(values: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Returns at most ``bins + 1`` rising edges, spread so that bins hold about as many rows.

    A value that fills a bin alone (a column's usual zero, what stands for missing) gets one edge,
    and the others are spread over the rest: by plain quantiles it would take most of them.
    """
    found, counts = np.unique(values, return_counts=True)
    if len(found) > bins + 1:
        heavy = counts > len(values) / bins
        light = np.repeat(found[~heavy], counts[~heavy])
        shares = np.linspace(0, 1, bins + 1 - int(heavy.sum()))
        found = np.union1d(found[heavy], np.quantile(light, shares, method="nearest"))
    apart = np.diff(found, prepend=-np.inf) > NARROWEST
    return np.asarray(found[apart], np.float32)


class Network(nn.Module):
    """An MLP over binned numbers and embedded categories."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.bins = PiecewiseLinear(config.bins) if config.bins else None
        self.embeddings = nn.ModuleList(
            nn.Embedding(size, width)
            for size, width in zip(config.categories, config.embeddings, strict=True)
        )
        for table in self.embeddings:
            nn.init.normal_(table.weight, std=EMBEDDING_SPREAD)
        width = (config.bins or config.numeric) + sum(config.embeddings)
        layers: list[nn.Module] = []
        for hidden in config.hidden:
            layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(config.dropout)]
            width = hidden
        self.layers = nn.Sequential(*layers, nn.Linear(width, config.outputs))

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Returns logits (rows, classes), or standardised values (rows, 1).

        Args:
            numeric: float32, shape (rows, numeric columns).
            categorical: int32 or int64, shape (rows, categorical columns).
        """
        if self.training and self.config.unknown_rate and categorical.numel():
            hide = torch.rand(categorical.shape, device=categorical.device)
            categorical = categorical.masked_fill(hide < self.config.unknown_rate, UNKNOWN)
        numbers = numeric.clamp(-FARTHEST, FARTHEST) if self.bins is None else self.bins(numeric)
        parts = [numbers]
        parts += [table(categorical[:, i]) for i, table in enumerate(self.embeddings)]
        result: torch.Tensor = self.layers(torch.cat(parts, dim=1))
        return result


def build(config: NetworkConfig) -> Network:
    """Returns a network of this shape with fresh weights (from torch's global generator)."""
    return Network(config)


def save_network(folder: Path, module: Network) -> None:
    """Writes ``weights.safetensors`` and ``network.json`` into ``folder``."""
    weights = {name: value.detach().cpu().contiguous() for name, value in _state(module).items()}
    save_file(weights, folder / WEIGHTS_FILE)
    # safetensors makes the file private to its owner, unlike every other file of an artifact.
    (folder / WEIGHTS_FILE).chmod((folder / WEIGHTS_FILE).stat().st_mode | 0o444)
    write_json(folder / CONFIG_FILE, module.config.to_dict())


def load_network(folder: Path) -> Network:
    """Rebuilds a network from ``network.json`` and ``weights.safetensors``, ready to answer.

    Raises:
        ArtifactError: if a file is missing or damaged, a tensor does not belong, has another
            shape, or holds a number that is not finite.
    """
    config = NetworkConfig.from_dict(checked_manifest(folder, CONFIG_FILE, FORMAT))
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} cannot be read as weights", cause=str(error)) from error
    module = build(config)
    expected = _state(module)
    if set(weights) != set(expected):
        odd = ", ".join(sorted(set(weights) ^ set(expected)))
        raise ArtifactError(f"{path} does not fit {CONFIG_FILE}", cause=f"tensors: {odd}")
    for name, value in weights.items():
        want = expected[name]
        if value.shape != want.shape or value.dtype != want.dtype:
            raise ArtifactError(
                f"{path} does not fit {CONFIG_FILE}",
                cause=f"{name} is {tuple(value.shape)} {value.dtype}, "
                f"expected {tuple(want.shape)} {want.dtype}",
            )
        if not bool(torch.isfinite(value).all()):
            raise ArtifactError(f"{path}: {name} holds numbers that are not finite")
    module.load_state_dict(weights)
    module.eval()
    return module


def predict(module: nn.Module, config: NetworkConfig, features: Inputs) -> NDArray[np.float64]:
    """Answers rows.

    Args:
        module: The network, in evaluation mode.
        config: Its configuration.
        features: ``numeric`` and ``categorical`` as the transform makes them.

    Returns:
        Probabilities, shape (rows, classes), each row summing to 1; or, for regression, values
        of shape (rows,) in the label's own unit.
    """
    answers = [
        _raw(
            module,
            features.numeric[start : start + ROWS_AT_ONCE],
            features.categorical[start : start + ROWS_AT_ONCE],
        )
        for start in range(0, max(1, len(features.numeric)), ROWS_AT_ONCE)
    ]
    raw = np.concatenate(answers).astype(np.float64)
    if config.task == "regression":
        return raw[:, 0] * config.target_std + config.target_mean
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _raw(
    module: nn.Module, numeric: NDArray[np.float32], categorical: NDArray[np.int32]
) -> NDArray[np.float32]:
    place = next(module.parameters()).device
    with torch.inference_mode():
        result = module(
            torch.from_numpy(np.array(numeric, np.float32)).to(place),
            torch.from_numpy(np.array(categorical, np.int64)).to(place),
        )
    array: NDArray[np.float32] = result.cpu().numpy()
    return array


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    return dict(module.state_dict())
