"""The options of transform."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from plimsoll.configuration.fields import (
    Count,
    FieldError,
    Holds,
    Listed,
    Number,
    OneOf,
    Positive,
    Says,
    Texts,
)
from plimsoll.configuration.validation import from_json, validated
from plimsoll.errors import ConfigError
from plimsoll.transform.treatments import (
    MOST_QUANTILES,
    Columns,
    Cross,
)

NAME = "transform config"
NOISE = "noise"


def _differ(crosses: tuple[Cross, ...]) -> bool:
    if len({frozenset(cross.columns) for cross in crosses}) < len(crosses):
        raise FieldError("names the same columns twice")
    return True


@validated(NAME)
@dataclass(frozen=True, kw_only=True)
class TransformConfig:
    """How columns become numbers. Every default is meant to do for a first run."""

    min_count: Count = 0
    """Times a category must occur in train to be known; 0: by the rows, from 2 up to 20."""
    vocabulary_size: Positive = 10_000
    """Most categories of a column that are known; the most frequent stay."""
    int_categories_up_to: Count = 32
    """An int column of 3 to so many distinct values is categorical too; 0: none is."""
    quantiles: Annotated[int, Number(ge=2, le=MOST_QUANTILES)] = 200
    """Intervals of a quantile table, 2 to 10,000."""
    heavy_tail: Annotated[float, Number(gt=0)] = 2.0
    """A number goes by quantiles if its 0.5% or 99.5% point lies further from the median than so
    many times the distance from its 10% to its 90% point, or any value ten times as far."""
    clip: Annotated[float, Number(gt=1)] = 8.0
    """A standardised number is clipped at so many standard deviations from the mean."""
    sentence_words: Count = 4
    """A text that hardly repeats and has so many words of letters on average is read as n-grams of
    words; 0: never, such a text is left out."""
    columns: Columns = field(default_factory=dict)
    """Column -> how to treat it: a kind, or ``{"kind": ..., ...}`` with its settings, see
    ``Treatment``; it goes before the problem file's, and a column not named is looked at."""
    crosses: Annotated[
        tuple[Cross, ...],
        Listed(),
        Holds(_differ),
        Says(
            "a list of lists of columns",
            hint='for example: {"crosses": [["origin", "carrier"]]}',
        ),
    ] = ()
    """Columns whose values are taken together: ``[["origin", "carrier"]]``, or ``{"columns":
    [...], "buckets": 1000}``."""
    prune: Annotated[
        Count | Annotated[str, OneOf((NOISE,))], Says(f"a whole number or {NOISE!r}")
    ] = 0
    """How many of the columns that tell most of the label stay; ``noise``: those that tell more
    than chance does; 0: all. A column that the config or the problem names always stays."""
    rank_rows: Count = 16_384
    """Rows of train, chosen by number, on which columns are ranked; 0: they are not."""
    start_from: str = ""
    """Folder of a pushed package or of a transform, which is taken as it is; nothing is fitted."""
    processes: Count = 0
    """Processes that fit and apply side by side; 0: as many as pay off."""
    beam_runner: str = ""
    """Apache Beam's runner that fits instead, such as ``DataflowRunner``; empty: no Beam."""
    beam_options: Texts = ()
    """The runner's options as on a command line: ``--project=...``."""

    def __post_init__(self) -> None:
        if self.prune and not self.rank_rows:
            raise ConfigError(
                f"{NAME}: prune without rank_rows", cause="no rows to rank the columns on"
            )
        if self.beam_options and not self.beam_runner:
            raise ConfigError(
                f"{NAME}: beam_options without a beam_runner",
                hint="name the runner: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner",
            )

    def least_count(self, rows: int) -> int:
        """Returns how often a category must occur among so many rows to be known."""
        return self.min_count or min(20, max(2, rows // 10_000))


def parse(text: str, start_from: str = "") -> TransformConfig:
    """Reads a config from JSON text; empty text is the default.

    Args:
        text: A JSON object of the fields.
        start_from: The field of this name, where the text leaves it out.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    config = from_json(TransformConfig, text)
    return replace(config, start_from=config.start_from or start_from)
