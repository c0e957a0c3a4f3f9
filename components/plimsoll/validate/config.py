"""The knobs of validate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError, nearest

NAME = "validate config"
LEVELS = ("off", "warning", "error")
MODES = ("fail", "warn", "branch")
NUMERIC_DISTANCES = ("ks", "rank_shift", "jensen_shannon", "jensen_shannon_distance", "psi",
                     "wasserstein")  # fmt: skip
CATEGORICAL_DISTANCES = ("jensen_shannon", "jensen_shannon_distance", "l_infinity", "psi")
NUMERIC_TESTS = ("t_test", "anova")
CATEGORICAL_TESTS = ("chi_squared",)
TESTS = NUMERIC_TESTS + CATEGORICAL_TESTS
DISTANCES = (*dict.fromkeys(NUMERIC_DISTANCES + CATEGORICAL_DISTANCES),)
EVERY_COLUMN = "*"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How one data set is compared with another, column by column."""

    level: str = "warning"
    """What a column past its threshold is: ``off``, ``warning`` or ``error``."""
    numeric: tuple[str, ...] = ("ks", "rank_shift")
    """Distances of columns of numbers."""
    categorical: tuple[str, ...] = ("jensen_shannon",)
    """Distances of columns of texts, booleans and classes."""
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Column (``*``: every column) -> distance or test -> the bound, in place of a calibrated one;
    a distance named here for a column is measured there."""
    tests: tuple[str, ...] = ()
    """Tests to make beside: ``t_test`` and ``anova`` of numbers, ``chi_squared`` of texts."""

    def __post_init__(self) -> None:
        _check_choice("level", self.level, LEVELS)
        for name, known in (
            ("numeric", NUMERIC_DISTANCES),
            ("categorical", CATEGORICAL_DISTANCES),
            ("tests", TESTS),
        ):
            object.__setattr__(self, name, _names(name, getattr(self, name), known))
        object.__setattr__(self, "thresholds", _thresholds(self.thresholds))


@dataclass(frozen=True, kw_only=True)
class ValidateConfig:
    """What the data gate measures, and where its lines are."""

    min_rows: int = 1
    """Fewest rows of the three splits together."""
    min_rows_share: float = 0.0
    """Fewest rows, as a share of the baseline's; 0: any number."""
    new_columns: str = ""
    """A column that the schema does not name: ``warning`` or ``error``; empty: an error if a model
    would read it, else a warning."""
    first_run: bool = False
    """Says that there is no baseline yet, so that asking for drift without one does not stop."""
    drift: Comparison = field(default_factory=Comparison)
    """This span against the baseline; eval and test against train, as warnings at most."""
    skew: Comparison = field(default_factory=Comparison)
    """Train against what the model is asked in production."""
    missing_shift: float = 0.05
    """How much the share of rows without a value may change between two data sets; a change must
    also be more than chance does."""
    unseen_share: float = 0.5
    """Share of rows whose text the reference never had, past which it is told."""
    sample_rate: float = 1.0
    """Share of the rows to measure, above 0 and at most 1; chosen by the number of the row."""
    weight: str = ""
    """Column of the weight of each row, for weighted statistics; empty: none."""
    slices: tuple[str, ...] = ()
    """Columns by whose values statistics are made apart."""
    high_cardinality: int = 1000
    """A text column with more different values than this is told of as one of many values."""
    processes: int = 0
    """Processes that measure side by side; 0: as many as pay off."""
    beam_runner: str = ""
    """Apache Beam's runner, such as ``DataflowRunner``; empty: this process."""
    beam_options: tuple[str, ...] = ()
    """The runner's options as on a command line: ``--project=...``."""

    def __post_init__(self) -> None:
        for name, kind in (("drift", Comparison), ("skew", Comparison)):
            object.__setattr__(self, name, _nested(name, getattr(self, name), kind))
        for name in ("slices", "beam_options"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        for name in ("weight", "beam_runner"):
            if not isinstance(value := getattr(self, name), str):
                raise ConfigError(f"{NAME}: {name} must be a name", cause=f"it is {value!r}")
        check_whole(NAME, "min_rows", self.min_rows, 0)
        check_whole(NAME, "high_cardinality", self.high_cardinality, 1)
        check_whole(NAME, "processes", self.processes, 0)
        _check_choice("new_columns", self.new_columns, ("", "warning", "error"))
        for name in ("min_rows_share", "missing_shift", "unseen_share", "sample_rate"):
            _check_share(name, getattr(self, name))
        if self.sample_rate == 0:
            raise ConfigError(f"{NAME}: sample_rate is 0: nothing would be measured")
        if not isinstance(self.first_run, bool):
            raise ConfigError(
                f"{NAME}: first_run must be true or false", cause=f"it is {self.first_run!r}"
            )


def parse(text: str) -> ValidateConfig:
    """Reads a config from JSON text; empty text is the default.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    return from_json(ValidateConfig, text, NAME)


def check_mode(mode: str) -> None:
    """Checks that a mode is ``fail``, ``warn`` or ``branch``.

    Raises:
        ConfigError: if it is not.
    """
    if mode not in MODES:
        raise ConfigError(
            f"the data gate has no mode {mode!r}",
            cause=nearest(mode, MODES),
            choices=MODES,
            hint="fail stops the run at anomalies; warn tells of them and goes on; branch goes on "
            "and lets the pipeline decide",
        )


def _nested(name: str, value: Any, kind: type[Comparison]) -> Comparison:
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        value = {"level": value}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{NAME}: {name} must be an object", cause=f"it is {value!r}")
    known = tuple(item.name for item in fields(kind))
    for key in value:
        if key not in known:
            raise ConfigError(
                f"{NAME}: {name} has no field {key!r}",
                cause=nearest(str(key), known),
                choices=known,
            )
    return kind(**value)


def _thresholds(value: Any) -> dict[str, dict[str, float]]:
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise ConfigError(
            f"{NAME}: thresholds must be an object of objects",
            cause=f"it is {value!r}",
            hint='for example: {"*": {"ks": 0.1}, "age": {"wasserstein": 0.3}}',
        )
    known = DISTANCES + TESTS
    for column, bounds in value.items():
        for distance, bound in bounds.items():
            if distance not in known:
                raise ConfigError(
                    f"{NAME}: thresholds of {column!r}: there is no distance {distance!r}",
                    cause=nearest(str(distance), known),
                    choices=known,
                )
            if not _is_number(bound) or bound < 0:
                raise ConfigError(
                    f"{NAME}: the threshold of {distance} for {column!r} must be a number from 0",
                    cause=f"it is {bound!r}",
                )
    return {str(column): dict(bounds) for column, bounds in value.items()}


def _names(name: str, value: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    found = _texts(name, value)
    for item in found:
        _check_choice(name, item, known)
    return found


def _texts(name: str, value: Any) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{NAME}: {name} must be a list of names", cause=f"it is {value!r}")
    return tuple(items)


def _check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        hint = ""
        if value == "l_infinity":
            hint = "L-infinity compares categories; of numbers use ks, wasserstein or psi"
        raise ConfigError(
            f"{NAME}: {name} is {value!r}",
            cause=nearest(str(value), known),
            choices=tuple(item for item in known if item),
            hint=hint,
        )


def _check_share(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ConfigError(f"{NAME}: {name} must be from 0 to 1", cause=f"it is {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
