"""How one column is to be treated: a kind and its settings, as the problem file or a config says.

Only the standard library: what is misspelt is refused before an environment starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from plimsoll.configuration.fields import (
    Count,
    FieldError,
    Holds,
    Listed,
    Number,
    OneOf,
    Reads,
    Says,
)
from plimsoll.configuration.validation import validated
from plimsoll.errors import nearest

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


def _different(values: tuple[Any, ...]) -> bool:
    if len(set(values)) < len(values):
        raise FieldError("has a value twice", cause=f"it is {list(values)}")
    return True


Limit = Annotated[float, Number(ge=-FARTHEST_CLIP, le=FARTHEST_CLIP, as_float=True)]
Limits = Annotated[
    tuple[Limit, Limit],
    Listed(),
    Holds(lambda limits: limits[0] < limits[1]),
    Says("two numbers, the lower first", hint="for example: clip: [0, 100]"),
]
Size = Annotated[int, Number(ge=1, le=LONGEST_RUN)]
Part = Annotated[str, OneOf(TIME_PARTS)]


@validated("treatment")
@dataclass(frozen=True, kw_only=True)
class Treatment:
    """How a column is treated; a setting that says nothing leaves it to the transform's config."""

    kind: Annotated[str, OneOf(KINDS, empty=True)] = ""
    """One of ``KINDS``; empty: chosen by what the column holds."""
    clip: Limits | None = None
    """Lower and higher numbers count as these, within 1e30 of zero; None: by the column's
    spread."""
    quantiles: Annotated[
        int,
        Number(ge=0, le=MOST_QUANTILES),
        Holds(lambda count: count != 1),
        Says("0, or a whole number from 2 upwards"),
    ] = 0
    """Intervals of a quantile table, up to 10,000; 0: as the config says."""
    bins: Annotated[int, Number(ge=1, le=MOST_BINS)] = 16
    """Bins of about as many rows each, 1 to 1024."""
    min_count: Count = 0
    """Times a value must occur in train to be known; 0: as the config says."""
    size: Count = 0
    """Most values that are known; 0: as the config says."""
    buckets: Annotated[int, Number(ge=0, le=MOST_BUCKETS)] = 0
    """Buckets to hash into; 0: 1000 for a value, 4096 for n-grams."""
    smoothing: Annotated[float, Number(ge=0)] = 20.0
    """So many rows of the label's mean are added to each value's rows, so that a rare value
    stays near the mean; 0: none."""
    folds: Annotated[int, Number(ge=2, le=MOST_FOLDS)] = 5
    """A train row's encoding is fitted on the rows of the other folds; 2 to 20."""
    separator: Annotated[
        str, Holds(lambda text: text.strip(" \t")), Says("a text that is not blank")
    ] = "|"
    """What stands between the texts that a text lists."""
    most: Annotated[int, Number(ge=0, le=MOST_INDICES)] = 0
    """Most texts or n-grams of a row that are read; 0: for lists, as train has them, for n-grams
    32."""
    of: Annotated[str, OneOf(TEXT_OF)] = "words"
    """N-grams of ``words`` or of ``characters``."""
    sizes: Annotated[tuple[Size, ...], Listed(), Holds(_different)] = ()
    """Lengths of the n-grams; none: 1 and 2 words, or 3 and 4 characters."""
    parts: Annotated[tuple[Part, ...], Listed(), Holds(_different)] = ()
    """Parts of a timestamp, from ``TIME_PARTS``; none: those that train goes around."""


@validated("cross")
@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Columns whose values are taken together as one category."""

    columns: Annotated[
        tuple[str, ...],
        Listed(),
        Holds(lambda columns: len(set(columns)) == len(columns) > 1),
        Says(
            "two or more different columns",
            hint='for example: {"crosses": [["origin", "carrier"]]}',
        ),
    ]
    """At least two, of type string, int or bool."""
    buckets: Count = 0
    """Hashed into so many; 0: the values that occur together often enough are known."""
    min_count: Count = 0
    """As in ``Treatment``."""
    size: Count = 0
    """As in ``Treatment``."""

    def __post_init__(self) -> None:
        if self.buckets and (self.min_count or self.size):
            raise FieldError("has either buckets, or min_count and size")

    @property
    def name(self) -> str:
        """The name of its output."""
        return "*".join(self.columns)


def _settings(value: Any) -> Any:
    """Reads a kind alone, and refuses the settings that a kind does not take."""
    if isinstance(value, Treatment):
        return value
    values = value if isinstance(value, Mapping) else {"kind": value}
    kind = values.get("kind", "")
    if kind == "":
        raise FieldError("has no kind", cause=f"it is {value!r}", choices=KINDS)
    known = SETTINGS.get(kind) if isinstance(kind, str) else None
    for name in values if known is not None else ():
        if known is not None and name not in (*known, "kind"):
            raise FieldError(
                f"is {kind}, which has no setting {name!r}",
                cause=nearest(str(name), known),
                choices=known,
                hint="" if known else f"{kind} takes none",
            )
    return values


def _columns_alone(value: Any) -> Any:
    return value if isinstance(value, Mapping | Crossing) else {"columns": value}


Columns = Annotated[
    Mapping[str, Annotated[Treatment, Reads(_settings, also=({"enum": [*KINDS]},))]],
    Says(
        "a mapping of columns to kinds",
        hint='for example: {"columns": {"month": "categorical"}}',
    ),
]
"""Column -> a kind, or a mapping of ``kind`` and its settings."""
Cross = Annotated[
    Crossing,
    Reads(_columns_alone, also=({"type": "array", "items": {"type": "string"}, "minItems": 2},)),
]
"""A list of columns, or a mapping of ``columns`` and settings."""
DEFAULT_TREATMENT = Treatment()
"""What is not said of a column: all is chosen."""
