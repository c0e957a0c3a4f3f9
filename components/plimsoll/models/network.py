"""The tabular networks: their configuration, their weights on disk, and their answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from plimsoll.configuration.fields import AboveZero, Count, Listed, Number, OneOf, Positive, Says
from plimsoll.configuration.validation import validated
from plimsoll.errors import ArtifactError, ConfigError
from plimsoll.models import network_layers as layers
from plimsoll.models.embedded_bins import EmbeddedBins
from plimsoll.models.user_module import NetworkInputs, build_module
from plimsoll.problem import TASKS
from plimsoll.storage.files import checked_manifest, write_json, write_text

FORMAT = "plimsoll.network/2"
CONFIG_FILE = "network.json"
WEIGHTS_FILE = "weights.safetensors"
MODULE_FILE = "module.py"
FAMILIES = ("linear", "mlp", "tabm", "dcn", "module")
NUMBERS = ("bins", "embedded", "periodic", "plain")
BINNED = ("bins", "embedded")
UNKNOWN = 1
ROWS_AT_ONCE = 16384
NUMBERS_AT_ONCE = 1 << 23
"""Most numbers that come out at once: many classes and members take fewer rows."""
Widths = Annotated[tuple[Positive, ...], Listed(), Says("a list of whole numbers from 1")]
Rate = Annotated[float, Number(ge=0, lt=1)]


class ModelInputs(Protocol):
    """What a model reads: ``Features`` of the transform, or a split of the examples."""

    @property
    def numeric(self) -> NDArray[np.float32]:
        """Numbers, shape (rows, numeric columns)."""

    @property
    def categorical(self) -> NDArray[np.int32]:
        """Indices, shape (rows, sum of widths); 0 is missing, 1 is unknown."""


@validated("network")
@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The shape of a network; with the weights beside it, all that is needed to rebuild it."""

    family: Annotated[str, OneOf(FAMILIES)] = "mlp"
    """``linear``, ``mlp``, ``tabm``, ``dcn``, or ``module``: the user's own."""
    task: Annotated[str, OneOf(TASKS)]
    """``binary``, ``multiclass`` or ``regression``."""
    outputs: Positive
    """Numbers that come out a row: the classes, or 1 for regression."""
    numeric: Count
    """Numeric columns that go in."""
    categories: Widths = ()
    """Indices a categorical output takes, missing and unknown included."""
    widths: Widths = ()
    """Columns a categorical output takes; none: one each."""
    embeddings: Widths = ()
    """Width of each categorical output's embedding; none for the user's own network."""
    numbers: Annotated[str, OneOf(NUMBERS)] = "plain"
    """How numbers go in: ``bins``, ``embedded``, ``periodic`` or ``plain``."""
    bins: Annotated[tuple[Count, ...], Listed()] = ()
    """Bins and embedded: piecewise-linear bins of each numeric column."""
    frequencies: Count = 0
    """Periodic: frequencies a numeric column."""
    number_width: Count = 0
    """Embedded and periodic: numbers that are made of each numeric column."""
    hidden: Widths = (512, 256)
    """Width of each hidden layer; linear has none."""
    dropout: Rate = 0.0
    """Share of the hidden units left out while training, at least 0 and below 1."""
    unknown_rate: Rate = 0.0
    """Share of the categories shown as unknown while training, at least 0 and below 1."""
    members: Positive = 1
    """TabM: models in the ensemble."""
    crosses: Count = 0
    """DCN: cross layers."""
    rank: Count = 0
    """DCN: rank of the cross layers' matrices; 0: full."""
    target_mean: Annotated[float, Number()] = 0.0
    """Regression: mean of the label in the training split, in the label's unit."""
    target_std: AboveZero = 1.0
    """Regression: standard deviation of the label in the training split, above 0."""

    def __post_init__(self) -> None:
        if not self.widths:
            object.__setattr__(self, "widths", (1,) * len(self.categories))
        if self.task == "regression" and self.outputs != 1:
            raise ConfigError(f"network: regression has one output, not {self.outputs}")
        if self.task != "regression" and self.outputs < 2:
            raise ConfigError(f"network: {self.task} needs 2 classes or more, not {self.outputs}")

        self._check_inputs()

    def _check_inputs(self) -> None:
        if self.numeric == 0 and not self.categories:
            raise ConfigError("network: there is no input column")
        columns = len(self.categories)
        embedded = 0 if self.family == "module" else columns
        for name, wanted in (("widths", columns), ("embeddings", embedded)):
            if len(getattr(self, name)) != wanted:
                raise ConfigError(
                    f"network: {name} must be one a categorical output",
                    cause=f"{len(getattr(self, name))} for {columns} outputs",
                )
        if self.numbers in BINNED and len(self.bins) != self.numeric:
            raise ConfigError(
                "network: bins must be one count a numeric column",
                cause=f"{len(self.bins)} for {self.numeric} columns",
            )
        if self.numbers in ("embedded", "periodic") and self.number_width < 1:
            raise ConfigError(f"network: {self.numbers} numbers need a width")
        if self.numbers == "periodic" and self.frequencies < 1:
            raise ConfigError("network: periodic numbers need frequencies")
        if self.family == "linear" and self.hidden:
            raise ConfigError("network: a linear one has no hidden layers")

    @property
    def inputs(self) -> NetworkInputs:
        """What a network of the user's own is built from."""
        names = [item.name for item in dataclasses.fields(NetworkInputs)]
        return NetworkInputs(**{name: getattr(self, name) for name in names})

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


class Network(nn.Module):
    """A network of one of the families over numbers and embedded categories.

    Its weights are fresh ones, drawn from torch's global generator.

    Args:
        config: Its shape.
        source: Source of the user's own network, for the family ``module``.

    Raises:
        ConfigError: if that does not run or build a module.
    """

    def __init__(self, config: NetworkConfig, source: str = "") -> None:
        super().__init__()
        self.config = config
        self.source = source
        if config.family == "module":
            self.own = build_module(source, config.inputs)
            return
        self.numbers = _numbers(config)
        self.categories = layers.Categories(config.categories, config.widths, config.embeddings)
        self.body = _body(config, self.numbers.width + self.categories.width)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Returns logits, or standardised values: (rows, outputs), or (rows, members, outputs).

        Args:
            numeric: float32, shape (rows, numeric columns).
            categorical: int32 or int64, shape (rows, sum of widths).
        """
        if self.training and self.config.unknown_rate and categorical.numel():
            hide = torch.rand(categorical.shape, device=categorical.device)
            # Not what is missing: among several indices that is where the row's own end.
            hidden = (hide < self.config.unknown_rate) & (categorical != 0)
            categorical = categorical.masked_fill(hidden, UNKNOWN)
        result: torch.Tensor
        if self.config.family == "module":
            result = self.own(numeric, categorical.long())
        else:
            parts = [self.numbers(numeric), self.categories(categorical)]
            result = self.body(torch.cat(parts, dim=1))
        return result


Numbers = layers.Plain | layers.PiecewiseLinear | layers.Periodic | EmbeddedBins


def _numbers(config: NetworkConfig) -> Numbers:
    if config.numbers == "bins":
        return layers.PiecewiseLinear(config.bins)
    if config.numbers == "embedded":
        return EmbeddedBins(config.bins, config.number_width)
    if config.numbers == "periodic":
        return layers.Periodic(config.numeric, config.frequencies, config.number_width)
    return layers.Plain(config.numeric)


def _body(config: NetworkConfig, width: int) -> nn.Module:
    settings: dict[str, Any] = {
        "hidden": config.hidden,
        "dropout": config.dropout,
        "outputs": config.outputs,
    }
    if config.family == "tabm":
        return layers.Ensemble(width, members=config.members, **settings)
    if config.family == "dcn":
        return layers.Crosses(width, crosses=config.crosses, rank=config.rank, **settings)
    deep, last = layers.perceptron(width, config.hidden, config.dropout)
    return nn.Sequential(*deep, nn.Linear(last, config.outputs))


def save_network(folder: Path, module: Network) -> None:
    """Writes ``weights.safetensors``, ``network.json`` and, if there is, ``module.py``."""
    # Copies, as safetensors refuses the one memory of weights that are tied.
    weights = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in module.state_dict().items()
    }
    save_file(weights, folder / WEIGHTS_FILE)
    # safetensors makes the file private to its owner, unlike every other file of an artifact.
    (folder / WEIGHTS_FILE).chmod((folder / WEIGHTS_FILE).stat().st_mode | 0o444)
    write_json(folder / CONFIG_FILE, module.config.to_dict())
    if module.config.family == "module":
        write_text(folder / MODULE_FILE, module.source)


def load_network(folder: Path) -> Network:
    """Rebuilds a network from ``network.json`` and ``weights.safetensors``, ready to answer.

    A network of the user's own runs the ``module.py`` beside them.

    Raises:
        ArtifactError: if a file is missing or damaged, a tensor does not belong, has another
            shape, or holds a number that is not finite.
        ConfigError: if the user's own network cannot be built here.
    """
    config = NetworkConfig.from_dict(checked_manifest(folder, CONFIG_FILE, FORMAT))
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} cannot be read as weights", cause=str(error)) from error
    module = Network(config, _source(folder, config))
    check_weights(weights, module, str(path))
    module.load_state_dict(weights)
    module.eval()
    return module


def check_weights(weights: Mapping[str, torch.Tensor], module: Network, where: str) -> None:
    """Refuses weights that do not fit a network.

    Args:
        weights: Tensors by name.
        module: The network that they are for.
        where: Where they come from, for the error.

    Raises:
        ArtifactError: if one is missing, does not belong, or is not finite.
    """
    expected = module.state_dict()
    if set(weights) != set(expected):
        names = ", ".join(sorted(set(weights) ^ set(expected)))
        raise ArtifactError(f"{where} does not fit {CONFIG_FILE}", cause=f"tensors: {names}")
    for name, value in weights.items():
        want = expected[name]
        if value.shape != want.shape or value.dtype != want.dtype:
            raise ArtifactError(
                f"{where} does not fit {CONFIG_FILE}",
                cause=f"{name} is {tuple(value.shape)} {value.dtype}, "
                f"expected {tuple(want.shape)} {want.dtype}",
            )
        if not bool(torch.isfinite(value).all()):
            raise ArtifactError(f"{where}: {name} holds numbers that are not finite")


def predict(module: nn.Module, config: NetworkConfig, features: ModelInputs) -> NDArray[np.float64]:
    """Answers rows.

    Args:
        module: The network, in evaluation mode.
        config: Its configuration.
        features: ``numeric`` and ``categorical`` as the transform makes them.

    Returns:
        Probabilities, shape (rows, classes), each row summing to 1; or, for regression, values
        of shape (rows,) in the label's own unit. Of an ensemble the mean of its members'.
    """
    most = min(ROWS_AT_ONCE // config.members, NUMBERS_AT_ONCE // config.members // config.outputs)
    step = max(1, most)
    predictions = [
        _predict_batch(
            module,
            config,
            features.numeric[start : start + step],
            features.categorical[start : start + step],
        )
        for start in range(0, max(1, len(features.numeric)), step)
    ]
    return np.concatenate(predictions)


def _predict_batch(
    module: nn.Module,
    config: NetworkConfig,
    numeric: NDArray[np.float32],
    categorical: NDArray[np.int32],
) -> NDArray[np.float64]:
    outputs = _outputs(module, numeric, categorical).astype(np.float64)
    outputs = outputs[:, None] if outputs.ndim == 2 else outputs
    if config.task == "regression":
        return np.asarray(outputs[:, :, 0].mean(axis=1) * config.target_std + config.target_mean)
    powers = np.exp(outputs - outputs.max(axis=2, keepdims=True))
    return np.asarray((powers / powers.sum(axis=2, keepdims=True)).mean(axis=1))


def _outputs(
    module: nn.Module, numeric: NDArray[np.float32], categorical: NDArray[np.int32]
) -> NDArray[np.float32]:
    device = next(module.parameters()).device
    with torch.inference_mode():
        result = module(
            torch.from_numpy(np.array(numeric, np.float32)).to(device),
            torch.from_numpy(np.array(categorical, np.int64)).to(device),
        )
    array: NDArray[np.float32] = result.float().cpu().numpy()
    return array


def _source(folder: Path, config: NetworkConfig) -> str:
    if config.family != "module":
        return ""
    try:
        return (folder / MODULE_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{folder / MODULE_FILE} cannot be read", cause=str(error)) from error
