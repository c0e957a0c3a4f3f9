"""How one column is to be treated: a kind and its settings, as the problem file or a config says.

Only the standard library: what is misspelt is refused before an environment starts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.configs import check_whole
from plimsoll.errors import ConfigError, nearest

TIME_PARTS = (
    "time_of_day", "day_of_week", "day_of_year", "month", "hour", "day_of_month", "elapsed_days",
)  # fmt: skip
TEXT_OF = ("words", "characters")
LONGEST_RUN = 32
MOST_FOLDS = 20
MOST_BUCKETS = 1 << 24
MOST_BINS = 1024
MOST_QUANTILES = 10_000
FARTHEST_CLIP = 1e30
MOST_INDICES = 1024
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("clip", "quantiles"),
    "standard": ("clip",),
    "robust": ("clip",),
    "quantile": ("clip", "quantiles"),
    "log": ("clip",),
    "bins": ("clip", "bins"),
    "categorical": ("min_count", "size"),
    "both": ("clip", "quantiles", "min_count", "size"),
    "hash": ("buckets",),
    "target": ("smoothing", "folds", "min_count", "size"),
    "multi": ("separator", "most", "min_count", "size"),
    "text": ("of", "sizes", "buckets", "most"),
    "timestamp": ("parts",),
    "drop": (),
}
"""Kind -> the settings that it takes."""
KINDS = tuple(SETTINGS)
KINDS_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "int": (
        "numeric", "standard", "robust", "quantile", "log", "bins", "categorical", "both", "hash",
        "target", "drop",
    ),
    "float": ("numeric", "standard", "robust", "quantile", "log", "bins", "drop"),
    "bool": ("numeric", "categorical", "target", "drop"),
    "string": ("categorical", "hash", "target", "multi", "text", "drop"),
    "timestamp": ("timestamp", "drop"),
}  # fmt: skip
"""Column type -> the kinds that it may be treated as."""
CROSSED_TYPES = ("int", "bool", "string")


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """How a column is treated; a setting that says nothing leaves it to the transform's config."""

    kind: str = ""
    """One of ``KINDS``; empty: chosen by what the column holds."""
    clip: tuple[float, float] | None = None
    """Lower and higher numbers count as these, within 1e30 of zero; None: by the column's
    spread."""
    quantiles: int = 0
    """Intervals of a quantile table, up to 10,000; 0: as the config says."""
    bins: int = 16
    """Bins of about as many rows each, 1 to 1024."""
    min_count: int = 0
    """Times a value must occur in train to be known; 0: as the config says."""
    size: int = 0
    """Most values that are known; 0: as the config says."""
    buckets: int = 0
    """Buckets to hash into; 0: 1000 for a value, 4096 for n-grams."""
    smoothing: float = 20.0
    """So many rows of the label's mean are added to each value's rows, so that a rare value
    stays near the mean; 0: none."""
    folds: int = 5
    """A train row's encoding is fitted on the rows of the other folds; 2 to 20."""
    separator: str = "|"
    """What stands between the texts that a text lists."""
    most: int = 0
    """Most texts or n-grams of a row that are read; 0: for lists, as train has them, for n-grams
    32."""
    of: str = "words"
    """N-grams of ``words`` or of ``characters``."""
    sizes: tuple[int, ...] = ()
    """Lengths of the n-grams; none: 1 and 2 words, or 3 and 4 characters."""
    parts: tuple[str, ...] = ()
    """Parts of a timestamp, from ``TIME_PARTS``; none: those that train goes around."""

    def __post_init__(self) -> None:
        for name in ("sizes", "parts"):
            if not _is_list(value := getattr(self, name)):
                raise ConfigError(f"{name} must be a list", cause=f"it is {value!r}")
            object.__setattr__(self, name, tuple(value))
        _check_choice("kind", self.kind, ("", *KINDS))
        _check_choice("of", self.of, TEXT_OF)
        for part in self.parts:
            _check_choice("parts", part, TIME_PARTS)
        object.__setattr__(self, "clip", _bounds(self.clip))
        for name, least in (
            ("quantiles", 2), ("bins", 1), ("min_count", 1), ("size", 1), ("buckets", 1),
            ("folds", 2), ("most", 1),
        ):  # fmt: skip
            if getattr(self, name) != 0:
                check_whole("settings", name, getattr(self, name), least)
        self._check_rest()

    def _check_rest(self) -> None:
        for size in self.sizes:
            check_whole("settings", "sizes", size, 1)
        for name, value, most in (
            ("buckets", self.buckets, MOST_BUCKETS),
            ("bins", self.bins, MOST_BINS),
            ("quantiles", self.quantiles, MOST_QUANTILES),
            ("most", self.most, MOST_INDICES),
            ("folds", self.folds, MOST_FOLDS),
            ("sizes", max(self.sizes, default=0), LONGEST_RUN),
        ):
            if value > most:
                raise ConfigError(f"{name} must be at most {most}", cause=f"it is {value}")
        for name, values in (("sizes", self.sizes), ("parts", self.parts)):
            if len(set(values)) != len(values):
                raise ConfigError(f"{name} has a value twice", cause=f"it is {list(values)}")
        for name, count in (("bins", self.bins), ("folds", self.folds)):
            if count == 0:
                raise ConfigError(f"{name} must not be 0")
        if not _is_number(self.smoothing) or self.smoothing < 0:
            raise ConfigError(
                "smoothing must be a number from 0 upwards", cause=f"it is {self.smoothing!r}"
            )
        separator: Any = self.separator
        if not isinstance(separator, str) or not separator.strip(" \t"):
            raise ConfigError(
                "separator must be a text that is not blank", cause=f"it is {self.separator!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Columns whose values are taken together as one category."""

    columns: tuple[str, ...]
    """At least two, of type string, int or bool."""
    buckets: int = 0
    """Hashed into so many; 0: the values that occur together often enough are known."""
    min_count: int = 0
    """As in ``Treatment``."""
    size: int = 0
    """As in ``Treatment``."""

    def __post_init__(self) -> None:
        names: Any = self.columns
        if not _is_list(names) or len(names) < 2 or len(set(map(str, names))) != len(names):
            raise ConfigError(
                "a cross must list two or more different columns",
                cause=f"it is {names!r}",
                hint='for example: {"crosses": [["origin", "carrier"]]}',
            )
        if not all(isinstance(name, str) for name in names):
            raise ConfigError("a cross must name its columns", cause=f"it is {names!r}")
        object.__setattr__(self, "columns", tuple(names))
        for name in ("buckets", "min_count", "size"):
            if getattr(self, name) != 0:
                check_whole("a cross", name, getattr(self, name), 1)
        if self.buckets and (self.min_count or self.size):
            raise ConfigError("a cross has either buckets, or min_count and size")

    @property
    def name(self) -> str:
        """The name of its output."""
        return "*".join(self.columns)


def treatment(where: str, column: str, value: Any) -> Treatment:
    """Reads how a column is treated: a kind, or a kind with settings.

    Args:
        where: Who says so, for errors: ``transform config`` or ``problem``.
        column: The column.
        value: A kind as text, or a mapping of ``kind`` and its settings.

    Raises:
        ConfigError: if a kind or a setting is unknown or does not hold.
    """
    if isinstance(value, Treatment):
        return value
    values = dict(value) if isinstance(value, Mapping) else {"kind": value}
    kind = values.get("kind", "")
    if not isinstance(kind, str) or (
        kind not in KINDS and (kind or not isinstance(value, Mapping))
    ):
        raise ConfigError(
            f"{where}: the column {column!r} has the unknown kind {kind!r}",
            cause=nearest(str(kind), KINDS),
            choices=KINDS,
        )
    if kind == "":
        raise ConfigError(
            f"{where}: the column {column!r} has settings without a kind",
            cause=f"it is {dict(values)!r}",
            choices=KINDS,
        )
    known = SETTINGS[kind]
    for name in values:
        if name not in (*known, "kind"):
            raise ConfigError(
                f"{where}: the column {column!r}, {kind}, has no setting {name!r}",
                cause=nearest(str(name), known),
                choices=known,
                hint="" if known else f"{kind} takes none",
            )
    try:
        return Treatment(**values)
    except ConfigError as error:
        raise ConfigError(
            f"{where}: the column {column!r}: {error.headline.removeprefix('settings: ')}",
            cause=error.cause,
            choices=error.choices,
        ) from error


def crossing(where: str, value: Any) -> Crossing:
    """Reads a cross: a list of columns, or a mapping of ``columns`` and settings.

    Raises:
        ConfigError: if a setting is unknown or does not hold.
    """
    if isinstance(value, Crossing):
        return value
    values = dict(value) if isinstance(value, Mapping) else {"columns": value}
    known = ("columns", "buckets", "min_count", "size")
    for name in values:
        if name not in known:
            raise ConfigError(
                f"{where}: a cross has no setting {name!r}",
                cause=nearest(str(name), known),
                choices=known,
            )
    try:
        return Crossing(**{"columns": (), **values})
    except ConfigError as error:
        raise ConfigError(
            f"{where}: {error.headline}", cause=error.cause, hint=error.hint
        ) from error


def _bounds(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if (
        not _is_list(value)
        or len(value) != 2
        or not all(map(_is_number, value))
        or not value[0] < value[1]
    ):
        raise ConfigError(
            "clip must be two numbers, the lower first",
            cause=f"it is {value!r}",
            hint="for example: clip: [0, 100]",
        )
    if max(map(abs, value)) > FARTHEST_CLIP:
        raise ConfigError(
            f"clip must lie within {FARTHEST_CLIP:g} of zero", cause=f"it is {value!r}"
        )
    return float(value[0]), float(value[1])


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_choice(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(
            f"{name} cannot be {value!r}",
            cause=nearest(str(value), known),
            choices=tuple(item for item in known if item),
        )


AS_FOUND = Treatment()
"""What is not said of a column: all is chosen."""
