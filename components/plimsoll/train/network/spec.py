"""Chooses the shape of a network for some examples, and builds it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from plimsoll.errors import ConfigError
from plimsoll.formats.examples import Examples
from plimsoll.models.embedded_bins import EmbeddedBins
from plimsoll.models.network import BINNED, FAMILIES, Network, NetworkConfig
from plimsoll.models.network_layers import Periodic, PiecewiseLinear, bin_edges
from plimsoll.models.user_module import source_of
from plimsoll.train.config import TrainConfig
from plimsoll.train.data.trainable import check_trainable
from plimsoll.train.network.user_network import check_user_network

ROWS_A_BIN = 32
FEWEST_BINS = 4
MOST_BINNED = 4096
"""Bins of all numeric columns together; wide data has fewer each."""
MOST_BINNED_ENSEMBLE = 1024
"""The same of an ensemble, each of whose members multiplies them."""
ROWS_FOR_EDGES = 1 << 17
"""Edges are found from at most so many rows, spread over the split."""
WIDEST_FULL_CROSS = 256
CROSS_RANK = 64
"""Rank of the crosses' matrices of wider inputs than that."""


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A network's configuration, and what its first weights are made from."""

    network: NetworkConfig
    edges: tuple[NDArray[np.float32], ...] = ()
    """Rising, of each numeric column; none unless numbers go in over bins."""
    frequency_spread: float = 1.0
    """Periodic: standard deviation of the first frequencies."""
    module: str = ""
    """Source of the user's own network."""


def network_spec_for(examples: Examples, config: TrainConfig, module: str = "") -> NetworkSpec:
    """Chooses the shape of the network.

    Args:
        examples: What it is to learn from.
        config: ``model`` is a family of networks.
        module: Source of the user's own network or where to import it from, for the family
            ``module``; it is tried on a few rows.

    Raises:
        ConfigError: if ``model`` is no family of networks, or the user's own does not answer.
        DataError: if the training split has one class, or there is no input column.
    """
    if config.model not in FAMILIES:
        raise ConfigError(f"{config.model!r} is no family of networks", choices=FAMILIES)
    check_trainable(examples)
    if config.model == "module":
        network = NetworkConfig(**_io_settings(examples, config), hidden=config.hidden)
        source = source_of(module)
        check_user_network(network, source, examples)
        return NetworkSpec(network=network, module=source)
    edges = _edges(examples, config)
    numbers = config.numbers if config.numbers not in BINNED or edges else "plain"
    sizes = tuple(item.size for item in examples.categorical_outputs)
    settings: dict[str, Any] = {
        "embeddings": tuple(_width(size, config.embedding) for size in sizes),
        "numbers": numbers if examples.numeric_names else "plain",
        "bins": tuple(len(ends) - 1 for ends in edges),
        "hidden": () if config.model == "linear" else config.hidden,
    }
    if settings["numbers"] in ("embedded", "periodic"):
        settings["number_width"] = config.number_width
    if settings["numbers"] == "periodic":
        settings["frequencies"] = config.frequencies
    network = NetworkConfig(
        **_io_settings(examples, config),
        **settings,
        **_family_settings(config, settings, len(examples.numeric_names)),
    )
    return NetworkSpec(network=network, edges=edges, frequency_spread=config.frequency_spread)


def initial_network(spec: NetworkSpec, seed: int) -> Network:
    """Returns an untrained network with its bins set."""
    torch.manual_seed(seed)
    network = Network(spec.network, spec.module)
    numbers = getattr(network, "numbers", None)
    if isinstance(numbers, PiecewiseLinear | EmbeddedBins):
        numbers.fit(spec.edges)
    if isinstance(numbers, Periodic):
        numbers.spread(spec.frequency_spread)
    return network


def _io_settings(examples: Examples, config: TrainConfig) -> dict[str, Any]:
    mean, std = 0.0, 1.0
    if examples.task == "regression":
        values = np.asarray(examples.label("train")).astype(np.float64)
        mean, std = float(values.mean()), float(values.std()) or 1.0
    return {
        "family": config.model,
        "task": examples.task,
        "outputs": 1 if examples.task == "regression" else len(examples.classes),
        "numeric": len(examples.numeric_names),
        "categories": tuple(item.size for item in examples.categorical_outputs),
        "widths": tuple(item.width for item in examples.categorical_outputs),
        "dropout": 0.0 if config.model == "linear" else config.dropout,
        "unknown_rate": config.unknown_rate,
        "target_mean": mean,
        "target_std": std,
    }


def _family_settings(config: TrainConfig, settings: dict[str, Any], numeric: int) -> dict[str, Any]:
    if config.model == "tabm":
        return {"members": config.members}
    if config.model != "dcn":
        return {}
    width = (
        sum(settings["bins"])
        if settings["numbers"] == "bins"
        else numeric * settings.get("number_width", 1)
    )
    wide = width + sum(settings["embeddings"]) > WIDEST_FULL_CROSS
    return {"crosses": config.crosses, "rank": CROSS_RANK if wide else 0}


def _edges(examples: Examples, config: TrainConfig) -> tuple[NDArray[np.float32], ...]:
    rows, columns = examples.rows["train"], len(examples.numeric_names)
    bins = _bins(config, rows, columns) if config.numbers in BINNED else 0
    if not bins:
        return ()
    indices = np.unique(np.linspace(0, rows - 1, min(rows, ROWS_FOR_EDGES)).astype(np.int64))
    values = np.ascontiguousarray(examples.numeric("train")[indices].T)
    return tuple(bin_edges(column, bins) for column in values)


def _width(size: int, greatest: int) -> int:
    return min(greatest, max(2, size))


def _bins(config: TrainConfig, rows: int, columns: int) -> int:
    """Returns bins a column: few rows cannot fill many, and wide data cannot carry many."""
    ensemble = config.model == "tabm" and config.numbers == "bins"
    most = MOST_BINNED_ENSEMBLE if ensemble else MOST_BINNED
    bins = min(config.bins, rows // ROWS_A_BIN, most // max(1, columns))
    return bins if columns and bins >= min(config.bins, FEWEST_BINS) else 0
