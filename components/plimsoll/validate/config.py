"""The options of validate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from plimsoll.configuration.fields import Count, Listed, Number, OneOf, Positive, Reads, Says, Share
from plimsoll.configuration.validation import from_json, validated
from plimsoll.errors import ConfigError, nearest

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


def _level_alone(value: Any) -> Any:
    return {"level": value} if isinstance(value, str) else value


Bounds = Mapping[
    Annotated[str, OneOf(DISTANCES + TESTS, what="distance")], Annotated[float, Number(ge=0)]
]
NumericDistance = Annotated[
    str,
    OneOf(
        NUMERIC_DISTANCES,
        hint="L-infinity compares categories; of numbers use ks, wasserstein or psi",
    ),
]
CategoricalDistance = Annotated[str, OneOf(CATEGORICAL_DISTANCES)]
Test = Annotated[str, OneOf(TESTS)]
Names = Annotated[tuple[str, ...], Listed(one=True), Says("a list of names")]


@validated("validate config")
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How one data set is compared with another, column by column."""

    level: Annotated[str, OneOf(LEVELS)] = "warning"
    """What a column past its threshold is: ``off``, ``warning`` or ``error``."""
    numeric: Annotated[tuple[NumericDistance, ...], Listed(one=True)] = ("ks", "rank_shift")
    """Distances of columns of numbers."""
    categorical: Annotated[tuple[CategoricalDistance, ...], Listed(one=True)] = ("jensen_shannon",)
    """Distances of columns of texts, booleans and classes."""
    thresholds: Annotated[
        Mapping[str, Bounds],
        Says(
            "a mapping of columns to distances and their bounds",
            hint='for example: {"*": {"ks": 0.1}, "age": {"wasserstein": 0.3}}',
        ),
    ] = field(default_factory=dict)
    """Column (``*``: every column) -> distance or test -> the bound, in place of a calibrated one;
    a distance named here for a column is measured there."""
    tests: Annotated[tuple[Test, ...], Listed(one=True)] = ()
    """Tests to make beside: ``t_test`` and ``anova`` of numbers, ``chi_squared`` of texts."""


Compared = Annotated[Comparison, Reads(_level_alone, also=({"enum": [*LEVELS]},))]


@validated("validate config")
@dataclass(frozen=True, kw_only=True)
class ValidateConfig:
    """What the data gate measures, and where its lines are."""

    min_rows: Count = 1
    """Fewest rows of the three splits together."""
    min_rows_share: Share = 0.0
    """Fewest rows, as a share of the baseline's; 0: any number."""
    new_columns: Annotated[str, OneOf(("warning", "error"), empty=True)] = ""
    """A column that the schema does not name: ``warning`` or ``error``; empty: an error if a model
    would read it, else a warning."""
    first_run: bool = False
    """Says that there is no baseline yet, so that asking for drift without one does not stop."""
    drift: Compared = field(default_factory=Comparison)
    """This span against the baseline; eval and test against train, as warnings at most."""
    skew: Compared = field(default_factory=Comparison)
    """Train against what the model is asked in production."""
    missing_shift: Share = 0.05
    """How much the share of rows without a value may change between two data sets; a change must
    also be more than chance does."""
    unseen_share: Share = 0.5
    """Share of rows whose text the reference never had, past which it is told."""
    sample_rate: Annotated[float, Number(gt=0, le=1)] = 1.0
    """Share of the rows to measure, above 0 and at most 1; chosen by the number of the row."""
    weight: str = ""
    """Column of the weight of each row, for weighted statistics; empty: none."""
    slices: Names = ()
    """Columns by whose values statistics are made apart."""
    high_cardinality: Positive = 1000
    """A text column with more different values than this is told of as one of many values."""
    processes: Count = 0
    """Processes that measure side by side; 0: as many as pay off."""
    beam_runner: str = ""
    """Apache Beam's runner, such as ``DataflowRunner``; empty: this process."""
    beam_options: Names = ()
    """The runner's options as on a command line: ``--project=...``."""


parse = partial(from_json, ValidateConfig)
"""Reads a config from JSON text; empty text is the default."""


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
