"""TFDV's statistics of a column, as plain numbers that checks and pictures can use."""

from dataclasses import dataclass
from typing import Any

LARGE = "__LARGE_BYTES__"
"""What TFDV writes in place of values of a kilobyte or more."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What the statistics say of one column in one split."""

    is_text: bool
    """If values are counted one by one, rather than measured."""
    values: int
    """Rows with a value."""
    mean: float = 0.0
    std: float = 0.0
    median: float = 0.0
    low: float = 0.0
    high: float = 0.0
    quantiles: tuple[float, ...] = ()
    """Ends of buckets that hold equally many values each, ascending."""
    distinct: int = 0
    """Of text; estimated past some ten thousand."""
    counts: tuple[tuple[str, int], ...] = ()
    """Text values with their rows, most frequent first; the rarest may be left out."""

    @property
    def has_all_counts(self) -> bool:
        """Says if each value of a text column is among ``counts`` under its own name."""
        counted = sum(rows for _, rows in self.counts)
        return counted == self.values and LARGE not in {value for value, _ in self.counts}


def summaries_of(statistics: Any) -> dict[str, Summary]:
    """Returns a summary of each column of a ``DatasetFeatureStatisticsList``.

    Of slices, which follow the whole in the list, nothing is said.
    """
    return {
        ".".join(feature.path.step) or feature.name: _summary(feature)
        for dataset in statistics.datasets[:1]
        for feature in dataset.features
    }


def _summary(feature: Any) -> Summary:
    if feature.WhichOneof("stats") == "num_stats":
        numbers = feature.num_stats
        return Summary(
            is_text=False,
            values=int(numbers.common_stats.num_non_missing),
            mean=numbers.mean,
            std=numbers.std_dev,
            median=numbers.median,
            low=numbers.min,
            high=numbers.max,
            quantiles=_quantiles(numbers),
        )
    texts = feature.string_stats
    return Summary(
        is_text=True,
        values=int(texts.common_stats.num_non_missing),
        distinct=int(texts.unique),
        counts=tuple(
            (str(bucket.label), round(bucket.sample_count))
            for bucket in texts.rank_histogram.buckets
        ),
    )


def _quantiles(numbers: Any) -> tuple[float, ...]:
    for histogram in numbers.histograms:
        if histogram.type == histogram.QUANTILES and histogram.buckets:
            ends = [histogram.buckets[0].low_value]
            return tuple(ends + [bucket.high_value for bucket in histogram.buckets])
    return ()
