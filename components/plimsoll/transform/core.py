"""Fits a transform on a dataset's train split and applies it to every split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from plimsoll.errors import DataError, shortened
from plimsoll.formats.dataset import Dataset, open_dataset
from plimsoll.models.transform import Transform, write_transform
from plimsoll.models.transform_parts import Ngrams
from plimsoll.storage.files import write_text
from plimsoll.storage.provenance import METADATA_KEY
from plimsoll.transform.apply.apply import Features
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.fit import warm_start
from plimsoll.transform.fit.fit import Fit, fit_all
from plimsoll.transform.fit.ranking import Relevance, kept, pruned, ranked
from plimsoll.transform.kinds.declared import declared_categorical
from plimsoll.transform.report import report_html
from plimsoll.transform.writing import transformed, write

MOST_NAMED = 5
"""So many columns are named as the most informative."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was made."""

    notes: tuple[str, ...]
    """What was made and what was left out, one sentence each."""
    provenance: tuple[dict[str, Any], ...] = ()
    """Of a transform that was taken: by it a later run knows if that is still the same."""

    def metadata(self) -> dict[str, Any]:
        """Returns what goes into the metadata of the transform."""
        metadata: dict[str, Any] = {"notes": list(self.notes)}
        return metadata | {METADATA_KEY: list(self.provenance)} if self.provenance else metadata


def transform_dataset(
    dataset: Path,
    schema: Path,
    transform: Path,
    examples: Path,
    config: TransformConfig,
    report: Path | None = None,
) -> Result:
    """Fits a transform, or takes one, and writes it, and all rows transformed.

    Args:
        dataset: The dataset artifact.
        schema: The schema artifact; what it declares categorical is.
        transform: Where the transform comes to be.
        examples: Where the examples come to be.
        config: How columns are treated.
        report: Where the page comes to be; None: there is none.

    Raises:
        ConfigError: if the config does not fit the dataset.
        DataError: if nothing is left to learn from, or a label is not one of the train split's,
            or the dataset does not fit the transform that is taken.
        ArtifactError: if the dataset, the schema or the transform that is taken is damaged.
        StepError: if a process that shares the work fails or is killed.
    """
    source = open_dataset(dataset)
    _check_features(source)
    provenance: tuple[dict[str, Any], ...] = ()
    ranking: tuple[Relevance, ...] = ()
    if config.start_from:
        taken, record = warm_start.taken(config.start_from, source)
        fit, provenance = Fit(transform=taken), (record,)
        lines = [f"taken as it is from {config.start_from}"]
    else:
        fit, lines = fit_all(source, config, declared_categorical(schema)), []
        ranking = _ranked(source, fit)
        fit = _pruned(source, fit, ranking, config)
    # What was measured is needed no more, and the processes that write begin as copies of this one.
    fit = replace(fit, measured=None)
    write_transform(transform, fit.transform)
    write(source, fit, examples, config.processes)
    if report is not None:
        write_text(report, report_html(fit.transform, ranking, lines))
    return Result(notes=(*lines, *notes(fit.transform, ranking)), provenance=provenance)


def notes(transform: Transform, ranking: Sequence[Relevance] = ()) -> list[str]:
    """Returns what a transform makes, leaves out, and what is most informative, in sentences."""
    used, numeric, categorical = map(
        len, (transform.inputs, transform.numeric, transform.categorical)
    )
    columns = "column" if used == 1 else "columns"
    lines = [f"{used} {columns} became {numeric} numeric and {categorical} categorical inputs"]
    quantile = [
        column.name
        for column in transform.columns
        if any(getattr(part, "scale", "") == "quantile" for part in column.parts)
    ]
    if quantile:
        lines.append(f"by quantiles: {shortened(quantile)}")
    for of, how in (("words", "word by word"), ("characters", "by runs of characters")):
        texts = [
            column.name
            for column in transform.columns
            if any(isinstance(part, Ngrams) and part.of == of for part in column.parts)
        ]
        if texts:
            lines.append(f"read as texts, {how}: {shortened(texts)}")
    lines += _ranking_notes(ranking)
    dropped = [column for column in transform.columns if not column.parts]
    lines += [f"{column.name} is left out: {column.why}" for column in dropped[:8]]
    if len(dropped) > 8:
        others = [column.name for column in dropped[8:]]
        lines.append(f"{len(others)} more are left out: {shortened(others)}")
    return lines


def _ranking_notes(ranking: Sequence[Relevance]) -> list[str]:
    best = [f"{item.column} {item.information:.3f}" for item in ranking if item.informative]
    best = best[:MOST_NAMED]
    silent = [item.column for item in ranking if not item.informative]
    lines = [f"tell most of the label, each alone, in nats: {', '.join(best)}"] if best else []
    if silent and best:
        lines.append(f"tell no more of it alone than chance: {shortened(silent)}")
    return lines


def _ranked(dataset: Dataset, fit: Fit) -> tuple[Relevance, ...]:
    measured = fit.measured
    if measured is None or measured.sample is None:
        return ()
    batch = measured.sample.to_batches()[0]
    rows = transformed(fit, "train", batch, measured.sampled, dataset.problem.keys)
    features = Features(rows.numeric, rows.categorical)
    return ranked(fit.transform, features, rows.label.astype(np.float64))


def _pruned(
    dataset: Dataset, fit: Fit, ranking: Sequence[Relevance], config: TransformConfig
) -> Fit:
    if not config.prune:
        return fit
    named = {*dataset.problem.columns, *config.columns}
    named |= {cross.output for cross in fit.transform.crosses}
    stay = kept(ranking, config.prune, named)
    if not stay:
        raise DataError(
            "no column is left to learn from",
            cause="none tells more of the label than chance does",
            hint="leave prune out of the config, or ask for the best: prune: 10",
        )
    left = pruned(fit.transform, stay, ranking)
    outputs = set(left.numeric)
    tables = {
        name: table
        for name, table in fit.tables.items()
        if any(output == name or output.startswith(f"{name}.") for output in outputs)
    }
    return replace(fit, transform=left, tables=tables)


def _check_features(dataset: Dataset) -> None:
    features = dataset.problem.features
    if features and dataset.feature_plan is None:
        raise DataError(
            f"the problem names the feature service {features.service!r}, and it was not joined",
            cause="a model would be trained without its features",
            hint="run the pipeline that joins them, training-with-features, or put the component "
            "features before this step",
        )
