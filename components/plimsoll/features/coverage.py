"""Which features have a value, in how many rows, and what stands against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from plimsoll.errors import ConfigError, GateError, nearest, shortened
from plimsoll.features.config import EVERY_FEATURE, FeaturesConfig
from plimsoll.features.match_stats import AGES, COUNTS, MatchStats
from plimsoll.problem import SPLITS

FEWEST_ROWS = 100
"""Of a split whose coverage is compared with train's."""


@dataclass(kw_only=True)
class Coverage:
    """Rows with a value, counted while they are written."""

    features: Sequence[str]
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    """By split."""
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    """By split and feature."""

    def __post_init__(self) -> None:
        self.values = {split: dict.fromkeys(self.features, 0) for split in SPLITS}

    def add(self, split: str, batch: pa.RecordBatch) -> None:
        """Counts more rows of a split."""
        self.rows[split] += batch.num_rows
        for name in self.features:
            column = batch.column(batch.schema.get_field_index(name))
            self.values[split][name] += batch.num_rows - column.null_count

    def share(self, feature: str, split: str) -> float | None:
        """Returns the share of a split's rows that have a value; None: it has no rows."""
        rows = self.rows[split]
        return self.values[split][feature] / rows if rows else None

    def total(self, feature: str) -> float | None:
        """Returns the share of all rows that have a value; None: there are no rows."""
        rows = sum(self.rows.values())
        return sum(self.values[split][feature] for split in SPLITS) / rows if rows else None


def check_named(config: FeaturesConfig, features: Sequence[str]) -> None:
    """Checks that the config's least coverages are of features that there are.

    Raises:
        ConfigError: if one is not.
    """
    for name in config.min_coverage:
        if name != EVERY_FEATURE and name not in features:
            raise ConfigError(
                f"features config: min_coverage: there is no feature {name!r}",
                cause=nearest(name, features),
                choices=tuple(features),
            )


def too_low(coverage: Coverage, config: FeaturesConfig) -> GateError | None:
    """Returns the error of features with too few values in a split; None: there are none."""
    low = [
        f"{name}: {share:.1%} of {split}, at least {config.least_coverage(name):.1%}"
        for name in coverage.features
        for split in SPLITS
        if (share := coverage.share(name, split)) is not None
        and share < config.least_coverage(name)
    ]
    if not low:
        return None
    return GateError(
        f"{len(low)} feature{'' if len(low) == 1 else 's'} of a split have too few values",
        cause="\n".join(low[:8] + ([f"and {len(low) - 8} more"] if low[8:] else [])),
        hint="look at the report for why; min_coverage in the features config says what is enough",
    )


def drift_notes(coverage: Coverage, most: float) -> list[str]:
    """Returns a note of features that eval or test have clearly more or less often than train.

    Args:
        coverage: Of all splits.
        most: The greatest difference from train that is not noted, as a share of rows, 0 to 1.
    """
    texts = []
    for name in coverage.features:
        train = coverage.share(name, "train")
        for split in SPLITS[1:]:
            share = coverage.share(name, split)
            enough = min(coverage.rows["train"], coverage.rows[split]) >= FEWEST_ROWS
            if train is not None and share is not None and enough and abs(share - train) > most:
                texts.append(f"{name} {train:.1%} in train, {share:.1%} in {split}")
    return [f"coverage differs between splits: {shortened(texts, 4)}"] if texts else []


def reasons(missing: int, stats: MatchStats | None) -> dict[str, int]:
    """Returns why so many rows of a split have no value of a feature, the commonest first.

    Args:
        missing: Rows without a value.
        stats: How far the feature's view reaches the split; None: that was not measured.
    """
    if stats is None:
        return {}
    counts = {
        "the key is null": stats.no_key,
        "no row of that key": stats.unknown,
        "none known by then": stats.before,
        "only stale ones": stats.stale,
    }
    counts["the value is null"] = missing - sum(counts.values())
    positive = {reason: count for reason, count in counts.items() if count > 0}
    return dict(sorted(positive.items(), key=lambda item: -item[1]))


def total_stats(by_split: Mapping[str, MatchStats]) -> MatchStats:
    """Returns the counts of all splits together; ages are the greatest of any."""
    every = list(by_split.values())
    counts = {name: sum(getattr(item, name) for item in every) for name in COUNTS}
    ages: dict[str, int | None] = {
        name: max((age for item in every if (age := getattr(item, name)) is not None), default=None)
        for name in AGES
    }
    return MatchStats(
        **counts, age_p50=ages["age_p50"], age_p90=ages["age_p90"], age_max=ages["age_max"]
    )
