"""Goes on from the weights of a model that was trained before: warm start, fine-tuning.

The network keeps the shape that it was trained in, the edges of its bins and the unit of its
label included; what only training knows (dropout, the optimiser, the running average) starts
afresh. The examples must be made with the transform of that model, or its inputs mean something
else now than what it learnt. Every ``folder`` here is one in which ``find_model`` finds a model.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ArtifactError, ConfigError, DataError
from plimsoll.formats.champion import CHAMPION, champion_in
from plimsoll.formats.package import MANIFEST, Package, open_package
from plimsoll.models.blend import members_of
from plimsoll.models.embedded_bins import EmbeddedBins
from plimsoll.models.model_files import BLEND, BOOSTING, MODULE, NETWORK
from plimsoll.models.network import CONFIG_FILE, FORMAT, Network, NetworkConfig, load_network
from plimsoll.models.network_layers import PiecewiseLinear
from plimsoll.models.transform import read_transform
from plimsoll.storage.files import checked_manifest
from plimsoll.train.config import TrainConfig

if TYPE_CHECKING:
    from plimsoll.formats.examples import Examples
    from plimsoll.train.network.spec import NetworkSpec

FAR_OFF = 8
"""Rounding leaves an edge that is found again within so many units in the last place."""
SLOWER = 0.1
"""Fine-tuning's learning rate of a fresh training's, where none is set."""
_TRAINED_ANEW = ("dropout", "unknown_rate")
_LEARNT = (
    *("numbers", "bins", "frequencies", "number_width", "embeddings", "rank"),
    *("target_mean", "target_std"),
)
"""Parts of the shape that the rows had a say in: those of the model stay."""
_SETTINGS = {
    "family": "model",
    "numbers": "numbers",
    "hidden": "hidden",
    "frequencies": "frequencies",
    "number_width": "number_width",
    "members": "members",
    "crosses": "crosses",
}
"""Parts of the shape that train_config chooses -> its field."""
_ONLY = {
    "frequencies": ("numbers", ("periodic",)),
    "number_width": ("numbers", ("embedded", "periodic")),
    "members": ("family", ("tabm",)),
    "crosses": ("family", ("dcn",)),
}
"""Parts of the shape that mean something only where another part is one of these."""


@dataclass(frozen=True, kw_only=True)
class StartingModel:
    """The model to go on from."""

    model: Path
    """Folder of its network."""
    package: Package | None
    """The package around it; None: a bare model folder, whose columns have no names."""


def find_model(folder: Path) -> StartingModel:
    """Finds the model in a folder.

    Args:
        folder: A package, a folder with ``champion.json`` that names one, or a model folder. Of a
            blend, the network that weighs most is meant.

    Raises:
        ArtifactError: if there is none, or the package is damaged.
        ConfigError: if it is a model of boosting, or a blend without a network.
    """
    folder = champion_in(folder) or folder
    package = open_package(folder) if (folder / MANIFEST).is_file() else None
    model = package.model if package else folder
    if (model / BOOSTING).is_file():
        raise ConfigError(
            f"a model of boosting cannot be gone on with: {folder}",
            cause="its trees are fitted anew in seconds; weights are what a network starts from",
            hint="leave start_from out, or start from a network",
        )
    if (model / BLEND).is_file():
        model = _heaviest_network(model)
    if not (model / NETWORK).is_file():
        raise ArtifactError(
            f"there is no model to start from in {folder}",
            cause=f"it has neither {MANIFEST}, nor {CHAMPION}, nor {NETWORK}",
            hint="name a pushed model's folder, a package, or the model artifact of a run",
        )
    return StartingModel(model=model, package=package)


def _heaviest_network(blend: Path) -> Path:
    networks = [item for item in members_of(blend) if (item.folder / NETWORK).is_file()]
    if not networks:
        raise ConfigError(
            f"a blend without a network cannot be gone on with: {blend}",
            cause="trees are fitted anew in seconds; weights are what a network starts from",
            hint="leave start_from out, or start from a network",
        )
    return max(networks, key=lambda item: item.weight).folder


def user_module_source(folder: Path) -> str:
    """Returns the text of the network of one's own that a model is made of, or an empty one."""
    path = find_model(folder).model / MODULE
    return path.read_text("utf-8") if path.is_file() else ""


def config_from_model(config: TrainConfig, folder: Path) -> TrainConfig:
    """Returns the config of a training that goes on from a model.

    What decides the network's shape is as the model has it where ``config`` leaves it at its
    default, and the learning rate is a tenth of the usual one where that is left, too: weights
    that know much are not to be shaken off.

    Raises:
        ConfigError: if a field asks for another shape than the model's.
    """
    trained, usual = _read_config(find_model(folder).model), TrainConfig()
    changes: dict[str, Any] = {}
    differences = []
    for field, setting in _parts(trained):
        current, requested, default = (
            getattr(trained, field),
            getattr(config, setting),
            getattr(usual, setting),
        )
        open_for_any = requested in (default, "auto")
        if current == "plain" and setting == "numbers":
            # So few rows, or no numbers: bins and plain came to the same.
            open_for_any = requested != "periodic"
        if requested != current and not open_for_any:
            differences.append(
                f"{setting}: train_config says {_text(requested)}, the model has {_text(current)}"
            )
        changes[setting] = current
    if differences:
        raise ConfigError(
            "train_config asks for another network than the one to start from",
            cause="\n".join(differences),
            hint="leave these knobs out: they are the model's",
        )
    if config.learning_rate == usual.learning_rate:
        changes["learning_rate"] = usual.learning_rate * SLOWER
    return dataclasses.replace(config, **changes)


def check_columns(examples: Examples, folder: Path) -> None:
    """Checks that a model reads the columns, and answers the classes, that the examples have.

    Raises:
        DataError: if it does not; the message says in what they differ, and what to do.
    """
    starting = find_model(folder)
    trained = _read_config(starting.model)
    outputs = 1 if examples.task == "regression" else len(examples.classes)
    sizes = tuple(item.size for item in examples.categorical_outputs)
    widths = tuple(item.width for item in examples.categorical_outputs)
    differences = [
        f"{what}: the model has {_text(has)}, the examples have {_text(given)}"
        for what, has, given in (
            ("task", trained.task, examples.task),
            ("classes", trained.outputs, outputs),
            ("numeric columns", trained.numeric, len(examples.numeric_names)),
            ("categorical columns", len(trained.categories), len(sizes)),
        )
        if has != given
    ]
    if starting.package is not None:
        differences += _name_differences(examples, starting.package)
    elif (trained.categories, trained.widths) != (sizes, widths) and len(trained.categories) == len(
        sizes
    ):
        differences.append(
            f"values of the categories: {_text(trained.categories)} and {_text(sizes)}"
        )
    if differences:
        shown = starting.package.folder if starting.package else "PACKAGE"
        raise DataError(
            "the examples are not those of the model to start from",
            cause="\n".join(differences),
            hint=f'make them with its transform: transform_config {{"start_from": "{shown}"}}',
        )


def spec_from_model(folder: Path, fresh: NetworkSpec) -> NetworkSpec:
    """Returns the shape of a network that goes on from a model.

    Args:
        folder: As of ``find_model``.
        fresh: The shape that would be trained afresh: what only training knows is taken from it.

    Raises:
        ArtifactError: if the model is damaged.
    """
    model = load_network(find_model(folder).model)
    numbers = getattr(model, "numbers", None)
    kept = {name: getattr(model.config, name) for name in _LEARNT}
    return dataclasses.replace(
        fresh,
        network=dataclasses.replace(fresh.network, **kept),
        edges=_edges(numbers) if isinstance(numbers, PiecewiseLinear | EmbeddedBins) else (),
    )


def load_weights(network: Network, folder: Path) -> None:
    """Puts the weights of a model into a network of the very same shape, in place.

    Raises:
        ConfigError: if the shapes differ; the message says in what.
        ArtifactError: if the model is damaged.
    """
    model = load_network(find_model(folder).model)
    differences = [
        f"{item.name}: {_text(getattr(model.config, item.name))} in the model, "
        f"{_text(getattr(network.config, item.name))} here"
        for item in dataclasses.fields(model.config)
        if item.name not in _TRAINED_ANEW
        and getattr(model.config, item.name) != getattr(network.config, item.name)
    ]
    if model.source != network.source:
        differences.append("the source of your own network differs")
    if differences:
        raise ConfigError(
            "the weights to start from are those of another network",
            cause="\n".join(differences),
            hint="make the examples with the model's transform (transform_config start_from), "
            "and leave the knobs of the network's shape out of train_config",
        )
    network.load_state_dict(model.state_dict())


def _read_config(model: Path) -> NetworkConfig:
    return NetworkConfig.from_dict(checked_manifest(model, CONFIG_FILE, FORMAT))


def _edges(numbers: PiecewiseLinear | EmbeddedBins) -> tuple[NDArray[np.float32], ...]:
    """Returns the edges that bins were fitted to, to the bit, in the order of the columns."""
    low, scale = numbers.low.numpy(), numbers.scale.numpy()
    edges = [np.zeros(1, np.float32)] * len(numbers.bins)
    start = 0
    # PiecewiseLinear holds one column after the other, those of fewer bins first.
    for count, column in sorted((bins, index) for index, bins in enumerate(numbers.bins) if bins):
        if isinstance(numbers, EmbeddedBins):
            own, last = low[column, :count], scale[column, count - 1]
        else:
            own, last = low[start : start + count], scale[start + count - 1]
            start += count
        edges[column] = np.append(own, _last(own[-1], last))
    return tuple(edges)


def _last(low: np.float32, scale: np.float32) -> np.float32:
    """Returns an edge whose distance from the one below it has this very inverse."""
    one, near = np.float32(1), low + np.float32(1) / scale
    step = np.spacing(np.float32(near))
    for ulps in sorted(range(-FAR_OFF, FAR_OFF + 1), key=abs):
        edge = np.float32(near + ulps * step)
        if one / (edge - low) == scale:
            return edge
    return np.float32(near)


def _parts(trained: NetworkConfig) -> list[tuple[str, str]]:
    """Returns the parts of the shape that mean something in this model -> field of the config."""
    if trained.family == "module":
        return [("family", "model"), ("hidden", "hidden")]
    parts = dict(_SETTINGS)
    if trained.family == "linear":
        del parts["hidden"]
    for part, (other, wanted) in _ONLY.items():
        if getattr(trained, other) not in wanted:
            del parts[part]
    return list(parts.items())


def _name_differences(examples: Examples, package: Package) -> list[str]:
    transform = read_transform(package.transform)
    differences = []
    if package.classes != examples.classes:
        differences.append(
            f"classes: the model answers {_text(package.classes)}, "
            f"the examples have {_text(examples.classes)}"
        )
    numeric = transform.numeric
    if numeric != examples.numeric_names:
        differences.append(f"numeric columns: {_difference(numeric, examples.numeric_names)}")
    had = {item.name: item for item in transform.categorical}
    given = {item.name: item for item in examples.categorical_outputs}
    if tuple(had) != tuple(given):
        differences.append(f"categorical columns: {_difference(tuple(had), tuple(given))}")
    differences += [
        f"{name}: the model knows {had[name].size} values, the examples have {item.size}"
        for name, item in given.items()
        if name in had and had[name] != item
    ]
    return differences


def _difference(known: tuple[str, ...], given: tuple[str, ...]) -> str:
    gone = [name for name in known if name not in given]
    new = [name for name in given if name not in known]
    parts = [f"the examples lack {_text(gone)}"] if gone else []
    parts += [f"the model does not know {_text(new)}"] if new else []
    return "; ".join(parts) or "they stand in another order"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        shown = ", ".join(map(str, value[:8]))
        return f"{shown}, ... ({len(value) - 8} more)" if len(value) > 8 else shown or "none"
    return str(value)
