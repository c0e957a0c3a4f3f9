"""Fits what is made of one column, from what was measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.models.transform import Label, SourceColumn
from plimsoll.models.transform_parts import (
    Hashed,
    Missing,
    Ngrams,
    Number,
    Part,
    Tokens,
    Vocabulary,
)
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.fit.column_stats import ColumnStats
from plimsoll.transform.kinds.category_stats import CategoryStats
from plimsoll.transform.kinds.number_stats import NumberStats
from plimsoll.transform.kinds.numbers import fit_bins, fit_number
from plimsoll.transform.kinds.sentences import Sentences, sentences_of
from plimsoll.transform.kinds.target_stats import TargetStats
from plimsoll.transform.kinds.targets import fit_target
from plimsoll.transform.kinds.time_stats import TimeStats
from plimsoll.transform.kinds.times import fit_times
from plimsoll.transform.treatments import Treatment

MISSING_SUFFIX = ".missing"
CATEGORY_SUFFIX = ".category"
VALUE_BUCKETS = 1000
NGRAM_BUCKETS = 4096
NGRAMS_AT_MOST = 32
LISTED_AT_MOST = 32
SIZES = {"words": (1, 2), "characters": (3, 4)}
HARDLY_REPEATS = 0.5
"""A text of which known values cover a smaller share of the rows may be sentences."""
SCALES = ("standard", "robust", "quantile", "log")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One column to fit."""

    name: str
    type: str
    treatment: Treatment
    config: TransformConfig
    declared: bool
    """Whether the schema says that it is categorical."""
    by_time: bool
    """Whether eval and test come after train."""
    label: Label
    sample: pa.ChunkedArray | None = None
    """Some of its values, where they were kept."""

    @property
    def kind(self) -> str:
        """The kind that it is to be, or an empty string."""
        return self.treatment.kind

    def made(self, kind: str, why: str, *parts: Part) -> FittedColumn:
        """Returns the column as fitted."""
        return FittedColumn(
            SourceColumn(name=self.name, type=self.type, kind=kind, why=why, parts=parts)
        )

    def dropped(self, why: str) -> FittedColumn:
        """Returns the column as one that is left out."""
        return self.made("dropped", why)


@dataclass(frozen=True)
class FittedColumn:
    """A column, fitted."""

    column: SourceColumn
    folds: NDArray[np.float64] | None = None
    """Its target encodings for the train rows of each fold, if it has some: see
    ``FittedTarget``."""


def fit_column(task: Task, stats: ColumnStats) -> FittedColumn:
    """Fits one column.

    Args:
        task: The column, and what is requested of it.
        stats: What was measured of it.

    Raises:
        ConfigError: if it is to be clipped to a single value.
    """
    if task.kind == "drop":
        return task.dropped("as configured")
    if stats.nulls == stats.rows:
        return task.dropped("it has no value in the train split")
    if stats.time is not None:
        return _fit_time(task, stats.time)
    if stats.target is not None:
        return _fit_target(task, stats.target, stats)
    if stats.number is not None:
        return _fit_values(task, stats.number, stats)
    if stats.category is None:
        return task.dropped("nothing is measured of it")
    return _fit_names(task, stats.category, stats)


def _fit_time(task: Task, stats: TimeStats) -> FittedColumn:
    parts, why = fit_times(
        task.name, stats, task.config, by_time=task.by_time, treatment=task.treatment
    )
    parts = _with_missing(task, parts, stats.known < stats.rows)
    return task.made("timestamp" if parts else "dropped", why, *parts)


def _fit_target(task: Task, stats: TargetStats, column: ColumnStats) -> FittedColumn:
    size = task.config.vocabulary_size
    fitted = fit_target(task.name, stats, task.label, task.treatment, size)
    if not fitted.distinct:
        return task.dropped("it has no value in the train split")
    if fitted.distinct == 1 and not column.nulls:
        return task.dropped(f"it is always {_short(fitted.whole.values[0])} in the train split")
    known = len(fitted.whole.values)
    of = f" of {fitted.distinct}" if known < fitted.distinct else ""
    why = f"as configured; the label's mean by {known}{of} values, {len(fitted.folds)} folds"
    made = task.made("target", why, fitted.whole)
    return FittedColumn(made.column, fitted.folds)


def _fit_names(task: Task, stats: CategoryStats, column: ColumnStats) -> FittedColumn:
    if task.kind == "hash":
        buckets = task.treatment.buckets or VALUE_BUCKETS
        hashed = Hashed(output=task.name, buckets=buckets)
        return task.made("hash", f"as configured; {buckets} buckets", hashed)
    if task.kind == "text":
        return task.made("text", "as configured", _ngrams(task))
    if task.kind == "multi":
        return _fit_lists(task, stats, column)
    if stats.exact and len(stats.counts) == 1 and not stats.missing:
        return task.dropped(f"it is always {_short(next(iter(stats.counts)))} in the train split")
    part, why = _vocabulary(task, task.name, stats)
    if task.kind == "" and task.type == "string" and _covered(part, stats) < HARDLY_REPEATS:
        sentences = sentences_of(task.sample, task.config.sentence_words)
        if sentences is not None:
            return _fit_sentences(task, sentences)
    if task.type == "int":
        why = f"{'as configured' if task.kind else 'the schema declares it categorical'}; {why}"
    return task.made("categorical", why, part) if part else task.dropped(why)


def _fit_sentences(task: Task, sentences: Sentences) -> FittedColumn:
    why = f"texts of {sentences.words:.0f} words that hardly repeat: which words they have, hashed"
    part = Ngrams(
        output=task.name, of="words", sizes=(1,), buckets=NGRAM_BUCKETS,
        most=min(NGRAMS_AT_MOST, sentences.longest),
    )  # fmt: skip
    return task.made("text", why, part)


def _ngrams(task: Task) -> Ngrams:
    treatment = task.treatment
    return Ngrams(
        output=task.name,
        of=treatment.of,
        sizes=treatment.sizes or SIZES[treatment.of],
        buckets=treatment.buckets or NGRAM_BUCKETS,
        most=treatment.most or NGRAMS_AT_MOST,
    )


def _fit_lists(task: Task, stats: CategoryStats, column: ColumnStats) -> FittedColumn:
    part, why = _vocabulary(task, task.name, stats)
    if part is None:
        return task.dropped(why)
    most = task.treatment.most or _usual_length(column)
    separator = task.treatment.separator
    texts = tuple(str(value) for value in part.values)
    tokens = Tokens(output=task.name, separator=separator, values=texts, most=most)
    return task.made("multi", f"as configured; {why}, up to {most} a row", tokens)


def _usual_length(column: ColumnStats) -> int:
    """Returns how many texts 99% of the rows list at most."""
    ends = np.cumsum(column.lists)
    usual = int(np.searchsorted(ends, 0.99 * ends[-1]))
    return min(max(usual, 1), LISTED_AT_MOST)


def _fit_values(task: Task, stats: NumberStats, column: ColumnStats) -> FittedColumn:
    missing = stats.missing > 0
    if not stats.known:
        return task.dropped("it has no finite value in the train split")
    if stats.low == stats.high:
        why = f"it is always {stats.low:g} in the train split"
        if not missing:
            return task.dropped(why)
        return task.made("numeric", f"{why}, or missing", *_with_missing(task, (), True))
    if task.type == "bool":
        fill = float(2 * stats.mean > 1)
        part = Number(output=task.name, fill=fill, low=0.0, high=1.0, scale="none")
        return task.made("numeric", "true is 1, false is 0", *_with_missing(task, (part,), missing))
    if task.kind == "bins":
        bins = fit_bins(task.name, stats, task.treatment)
        why = f"as configured; {len(bins.edges) - 1} bins"
        return task.made("bins", why, *_with_missing(task, (bins,), missing))
    scale = task.kind if task.kind in SCALES else "numeric"
    number, why = fit_number(task.name, stats, task.config, scale=scale, treatment=task.treatment)
    why = f"{number.scale}: {why}"
    parts = _with_missing(task, (number,), missing)
    if task.type == "int" and _also_categorical(task, stats):
        names = column.category or _names_of(stats)
        category, also = _vocabulary(task, task.name + CATEGORY_SUFFIX, names)
        if category:
            return task.made("both", f"{why}; categorical too: {also}", *parts, category)
    return task.made("numeric", why, *parts)


def _also_categorical(task: Task, stats: NumberStats) -> bool:
    # Two values are already told apart by the number.
    few = stats.exact and 2 < len(stats.values) <= task.config.int_categories_up_to
    return task.kind == "both" or (task.kind == "" and few)


def _names_of(stats: NumberStats) -> CategoryStats:
    counts = dict(zip(map(int, stats.values.tolist()), stats.counts.tolist(), strict=True))
    return CategoryStats(
        rows=stats.rows, missing=stats.missing, counts=counts, distinct=len(counts), exact=True
    )


def _with_missing(task: Task, parts: tuple[Part, ...], missing: bool) -> tuple[Part, ...]:
    return (*parts, Missing(output=task.name + MISSING_SUFFIX)) if missing else parts


def _covered(part: Vocabulary | None, stats: CategoryStats) -> float:
    if part is None or not stats.known:
        return 0.0
    return sum(stats.counts[value] for value in part.values) / stats.known


def frequent_values(counts: Mapping[Any, int], least: int, most: int) -> tuple[Any, ...]:
    """Returns values, the most frequent first: at most so many that occur so often at least."""
    frequent = [value for value, count in counts.items() if count >= least]
    return tuple(sorted(frequent, key=lambda value: (-counts[value], value))[:most])


def _vocabulary(task: Task, output: str, stats: CategoryStats) -> tuple[Vocabulary | None, str]:
    counts: Mapping[Any, int] = stats.counts
    least = task.treatment.min_count or task.config.least_count(stats.rows)
    size = task.treatment.size or task.config.vocabulary_size
    kept = frequent_values(counts, least, size)
    many = f"{stats.distinct}" if stats.exact else f"about {stats.distinct}"
    if not kept:
        return None, f"none of its {many} values occurs {least} times in the train split"
    part = Vocabulary(output=output, values=kept)
    if stats.exact and len(kept) == len(counts):
        return part, f"{len(kept)} values"
    # Rounded down: what is left out must not read as all.
    total = sum(counts.values()) if stats.exact else stats.known
    share = 1000 * sum(counts[value] for value in kept) // max(total, 1) / 10
    why = f"{len(kept)} of {many} values, {share}% of the rows that have one"
    return part, f"{why}; a value must occur {least} times"


def _short(value: Any) -> str:
    text = str(value)
    return repr(value if len(text) <= 40 else text[:37] + "...")
