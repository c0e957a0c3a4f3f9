"""The options of features."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from plimsoll.configuration.fields import Matches, Number, OneOf, Positive, Reads, Says, Share
from plimsoll.configuration.validation import from_json, validated

EVERY_FEATURE = "*"
LEVELS = ("off", "warn", "fail")
BYTES = r"[0-9]+(\.[0-9]+)?\s*[KMGTkmgt][iI]?[bB]"
RAISED_BY_DEFAULT = 0.995


def _of_every_feature(value: Any) -> Any:
    # One number is meant for every feature.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {EVERY_FEATURE: value} if number else value


@validated("features config")
@dataclass(frozen=True, kw_only=True)
class FeaturesConfig:
    """How rows are joined with features, and where the lines are."""

    min_coverage: Annotated[
        Mapping[str, Annotated[float, Number(ge=0, le=1, as_float=True)]],
        Reads(_of_every_feature, also=({"type": "number", "minimum": 0, "maximum": 1},)),
        Says("a mapping of features to shares", hint='for example: {"*": 0.5, "temp": 0.95}'),
    ] = field(default_factory=dict)
    """Feature (``*``: every feature that is not named) -> the least share of a split's rows that
    must have a value; below it the step fails. Empty: coverage is told, and stops nothing."""
    coverage_drift: Share = 0.1
    """By how much a feature's coverage in eval or test may differ from train's before it is told
    of, as a share of rows."""
    telling: Annotated[str, OneOf(LEVELS)] = "warn"
    """What a feature that tells the label by itself does: ``off``, ``warn`` or ``fail``."""
    telling_from: Annotated[float, Number(ge=0.5, le=1)] = RAISED_BY_DEFAULT
    """From which area under the ROC curve (regression: rank correlation) on train, 0.5 to 1, a
    feature counts as telling the label."""
    stale_registry: Annotated[str, OneOf(LEVELS)] = "fail"
    """What a registry that is not as the repository defines does: ``off``, ``warn`` or
    ``fail``. The online side works from the registry, so it would serve something else."""
    filter_by_created_timestamp: bool = False
    """Whether values that were written only after the row's time are left out, where a source
    says when each was. Without it they are used, and counted in the report."""
    batch_rows: Positive = 65_536
    """Rows that are joined, cast and written at a time."""
    memory_limit: Annotated[str, Matches(BYTES), Says("a size", hint='for example: "4GB"')] = ""
    """What DuckDB may hold before it uses the disk: ``4GB``; empty: DuckDB decides."""
    yaml: Annotated[str, Matches("[^/]+", empty=False), Says("the name of a file")] = (
        "feature_store.yaml"
    )
    """Name of the configuration in the repository's folder."""

    def least_coverage(self, feature: str) -> float:
        """Returns the least share of rows that must have a value of a feature."""
        return self.min_coverage.get(feature, self.min_coverage.get(EVERY_FEATURE, 0.0))


parse = partial(from_json, FeaturesConfig)
"""Reads a config from JSON text; empty text is the default."""
