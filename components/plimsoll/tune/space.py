"""The search space: which hyperparameters of a training are searched, and between what.

One text, JSON or YAML, for the search here and for Katib on a cluster::

    {learning_rate: {low: 1e-4, high: 1e-2, log: true}, hidden: {choices: [[256, 128], [512]]}}
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from plimsoll.configuration.fields import FieldError, Holds, Listed, Number, Reads, Says
from plimsoll.configuration.validation import read_as, validated
from plimsoll.errors import ConfigError, nearest
from plimsoll.train.config import MODELS, NETWORKS, NUMBERS, TrainConfig
from plimsoll.tune.applicability import FIXED, applies, why_not

NAME = "search space"
CHOICES = "choices"
ZERO_CHOOSES = ("epochs", "patience", "batch_size", "tree_rate")
"""Hyperparameters of which 0 means that one is chosen for the rows: no end of a range."""
USUAL_MODEL = "mlp"
FIRST = ("model", "numbers")
"""Drawn before the others: which of those have an effect depends on them."""


def _from_text(value: Any) -> Any:
    # YAML reads 1e-4 as a text: it wants a point.
    return float(value) if isinstance(value, str) else value


End = Annotated[float, Number(as_float=True), Reads(_from_text), Says("a number")]


@validated(NAME)
@dataclass(frozen=True, kw_only=True)
class Range:
    """A range, as a space gives it."""

    low: End
    high: End
    log: bool = False
    step: Annotated[float, Number(gt=0, as_float=True), Reads(_from_text)] | None = None

    def __post_init__(self) -> None:
        for problem, holds in (
            (f"low {self.low:g} is not below high {self.high:g}", self.low < self.high),
            (f"log needs a low above 0, and it is {self.low:g}", not self.log or self.low > 0),
            ("log and step do not go together", not (self.log and self.step)),
        ):
            if not holds:
                raise FieldError("has a range that does not hold", cause=problem)


@validated(NAME)
@dataclass(frozen=True, kw_only=True)
class Choices:
    """Choices, as a space gives them."""

    choices: Annotated[tuple[Any, ...], Listed(), Holds(len), Says("a list of values")]


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One field of TrainConfig, and what it may be: a range, or choices."""

    name: str
    low: float = 0.0
    """Range: the least, included."""
    high: float = 0.0
    """Range: the greatest, included."""
    log: bool = False
    """Range: drawn evenly on a logarithmic scale."""
    step: float = 0.0
    """Range: the distance between neighbours; 0: any number, or any whole one."""
    whole: bool = False
    """Range: of whole numbers."""
    choices: tuple[Any, ...] = ()
    """What it may be; empty: the range says."""

    def texts(self) -> tuple[str, ...]:
        """Returns the choices as texts, as a storage and Katib keep them."""
        return tuple(text_of(choice) for choice in self.choices)

    def description(self) -> str:
        """Returns the hyperparameter in words: ``0.0001 to 0.01 (log)``, ``mlp, tabm``."""
        if self.choices:
            return ", ".join(self.texts())
        extra = ["log"] if self.log else []
        extra += [f"steps of {self.step:g}"] if self.step else []
        return f"{self.low:g} to {self.high:g}" + (f" ({', '.join(extra)})" if extra else "")


@dataclass(frozen=True, kw_only=True)
class Space:
    """What is searched, and the config that says the rest."""

    hyperparameters: tuple[Hyperparameter, ...]
    """In the order in which they are drawn."""
    base: TrainConfig

    def applying(self, values: Mapping[str, Any]) -> Iterator[Hyperparameter]:
        """Yields those that have an effect, each after the ones that it depends on were drawn.

        Args:
            values: What was drawn so far; the caller adds to it between them.
        """
        for parameter in self.hyperparameters:
            model = str(values.get("model", self.base.model))
            numbers = str(values.get("numbers", self.base.numbers))
            if applies(parameter.name, model, numbers):
                yield parameter

    def config(self, values: Mapping[str, Any]) -> TrainConfig:
        """Returns the base config with what was drawn.

        Raises:
            ConfigError: if a value does not hold.
        """
        return dataclasses.replace(self.base, **values)

    def to_dict(self) -> dict[str, Any]:
        """Returns the space as JSON values, as ``read`` takes them."""
        return {parameter.name: _plain(parameter) for parameter in self.hyperparameters}


def read(text: str, base: TrainConfig) -> Space:
    """Reads a search space; empty text is one that suits the base config's model.

    Args:
        text: JSON or YAML: the name of a field of TrainConfig -> ``{low, high, log, step}``,
            ``{choices: [...]}``, or the choices alone.
        base: What the space does not name; where neither names a model, it is ``mlp``.

    Raises:
        ConfigError: if it does not hold; the message says where, and what would.
    """
    values = _loaded(text) if text.strip() else default(base)
    if base.model == "auto" and "model" not in values:
        base = dataclasses.replace(base, model=USUAL_MODEL)
    parameters = [_hyperparameter(str(name), entry, base) for name, entry in values.items()]
    order = [*FIRST, *(parameter.name for parameter in parameters)]
    if not parameters:
        raise ConfigError(
            f"{NAME}: there is nothing to search in {base.model}",
            hint="name models in the space: {model: {choices: [mlp, boosting]}}",
        )
    space = Space(
        hyperparameters=tuple(
            sorted(parameters, key=lambda parameter: order.index(parameter.name))
        ),
        base=base,
    )
    _check_models(space)
    return space


def default(base: TrainConfig) -> dict[str, Any]:
    """Returns the space that suits a model, as JSON values; ``auto``: all families at once."""
    families = (*NETWORKS[:-1], "boosting") if base.model == "auto" else (base.model,)
    space: dict[str, Any] = {"model": {CHOICES: list(families)}} if len(families) > 1 else {}
    for name, entry in _USUAL.items():
        if base.model == "module" and name in ("hidden", "dropout"):
            continue  # one's own may not use them
        if any(applies(name, family, form) for family in families for form in NUMBERS):
            space[name] = entry
    return space


_USUAL: dict[str, Any] = {
    "numbers": {CHOICES: ["embedded", "bins", "periodic"]},
    "hidden": {CHOICES: [[128], [256, 256], [512, 256], [512, 256, 128]]},
    "dropout": {"low": 0.0, "high": 0.6},
    "bins": {"low": 8, "high": 48, "step": 8},
    "frequencies": {"low": 8, "high": 48, "step": 8},
    "frequency_spread": {"low": 0.01, "high": 1.0, "log": True},
    "embedding": {CHOICES: [8, 16, 32]},
    "members": {CHOICES: [8, 16, 32]},
    "crosses": {"low": 1, "high": 4},
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "weight_decay": {"low": 1e-5, "high": 1e-1, "log": True},
    "tree_rate": {"low": 0.02, "high": 0.2, "log": True},
    "leaves": {"low": 8, "high": 128, "log": True},
}


def text_of(choice: Any) -> str:
    """Returns a choice as one text, and only one: JSON, but a text as it is."""
    return choice if isinstance(choice, str) else json.dumps(choice)


def value_of(name: str, text: str) -> Any:
    """Reads the value of a hyperparameter from its text, as a flag or a storage gives it.

    Raises:
        ConfigError: if there is no such hyperparameter, or the text is no value of its kind.
    """
    shipped = _shipped(name)
    if isinstance(shipped, str):
        return text
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{NAME}: {name} cannot be {text!r}", cause=str(error)) from error
    # Katib writes a whole number as it likes: 8.0.
    whole = isinstance(shipped, int) and isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


def _loaded(text: str) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{NAME}: it is neither JSON nor YAML", cause=str(error)) from error
    if not isinstance(values, dict) or not values:
        raise ConfigError(
            f"{NAME}: it must name the knobs to search",
            cause=f"it is {text.strip()[:60]}",
            hint="for example: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}",
        )
    return values


def _shipped(name: str) -> Any:
    """Returns a hyperparameter's default, which has its type."""
    searched = {
        item.name: item.default
        for item in dataclasses.fields(TrainConfig)
        if item.name not in FIXED
    }
    if name in FIXED:
        raise ConfigError(
            f"{NAME}: {name} is not searched",
            cause=FIXED[name],
            hint=f'set it once, in train_config: {{"{name}": ...}}',
        )
    if name not in searched:
        cause = nearest(name, searched)
        raise ConfigError(
            f"{NAME}: there is no knob {name!r}", cause=cause, choices=tuple(searched)
        )
    return searched[name]


def _hyperparameter(name: str, entry: Any, base: TrainConfig) -> Hyperparameter:
    shipped = _shipped(name)
    if isinstance(entry, list):
        entry = {CHOICES: entry}
    if not isinstance(entry, dict) or not entry:
        raise ConfigError(
            f"{NAME}: {name} must say a range or choices",
            cause=f"it is {entry!r}",
            hint=f"for example: {{{name}: {{choices: [{text_of(shipped)}]}}}}",
        )
    if CHOICES in entry:
        return _chosen(name, read_as(Choices, entry, NAME, (name,)), shipped, base)
    if isinstance(shipped, str | tuple):
        raise ConfigError(
            f"{NAME}: {name} is not a number",
            cause=f"it is given {entry!r}",
            hint=f"name choices: {{{name}: {{choices: [...]}}}}",
        )
    return _ranged(name, read_as(Range, entry, NAME, (name,)), shipped, base)


def _chosen(name: str, entry: Choices, shipped: Any, base: TrainConfig) -> Hyperparameter:
    choices = entry.choices
    if not isinstance(shipped, str | tuple):
        choices = tuple(_number(name, choice, shipped) for choice in choices)
    for choice in choices:
        _check_holds(name, choice, base)
    kept = (tuple(choice) if isinstance(choice, list) else choice for choice in choices)
    parameter = Hyperparameter(name=name, choices=tuple(kept))
    if len(set(parameter.texts())) < len(choices):
        raise ConfigError(
            f"{NAME}: a choice of {name} stands there twice", cause=parameter.description()
        )
    return parameter


def _ranged(name: str, entry: Range, shipped: float, base: TrainConfig) -> Hyperparameter:
    low, high, step = (_number(name, x, shipped) for x in (entry.low, entry.high, entry.step or 0))
    if not low and name in ZERO_CHOOSES:
        raise ConfigError(
            f"{NAME}: {name} has a range that does not hold",
            cause="0 means that it is chosen for the rows; begin above it",
        )
    for end in (low, high):
        _check_holds(name, end, base)
    whole = isinstance(shipped, int)
    return Hyperparameter(name=name, low=low, high=high, log=entry.log, step=step, whole=whole)


def _number(name: str, value: Any, shipped: float) -> float:
    """Returns a number, a whole one where the shipped value is one."""
    number: float = read_as(End, value, NAME, (name,))
    if isinstance(shipped, int) and not number.is_integer():
        raise ConfigError(f"{NAME}: {name} takes a whole number", cause=f"it is given {value!r}")
    return int(number) if isinstance(shipped, int) else number


def _check_holds(name: str, value: Any, base: TrainConfig) -> None:
    if name == "model" and value == "auto":
        raise ConfigError(
            f"{NAME}: auto is not a model", choices=tuple(m for m in MODELS if m != "auto")
        )
    try:
        dataclasses.replace(base, **{name: value})
    except ConfigError as error:
        raise ConfigError(
            f"{NAME}: {name} cannot be {text_of(value)}",
            cause="\n".join(filter(None, [error.headline, error.cause])),
            choices=error.choices,
        ) from error


def _check_models(space: Space) -> None:
    offered = {
        parameter.name: parameter.choices
        for parameter in space.hyperparameters
        if parameter.choices
    }
    models: Sequence[str] = offered.get("model", (space.base.model,))
    numbers: Sequence[str] = offered.get("numbers", (space.base.numbers,))
    for parameter in space.hyperparameters:
        if not any(applies(parameter.name, model, form) for model in models for form in numbers):
            raise ConfigError(
                f"{NAME}: {parameter.name} has no effect on {', '.join(models)}",
                cause=why_not(parameter.name),
                hint=f"leave {parameter.name} out of the space",
            )


def _plain(parameter: Hyperparameter) -> dict[str, Any]:
    if parameter.choices:
        return {CHOICES: [list(c) if isinstance(c, tuple) else c for c in parameter.choices]}
    fields: dict[str, Any] = {"low": parameter.low, "high": parameter.high}
    fields |= {"log": True} if parameter.log else {}
    return fields | ({"step": parameter.step} if parameter.step else {})
