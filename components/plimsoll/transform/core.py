"""Fits a transform on a dataset's train split and applies it to every split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plimsoll.artifacts.dataset import Dataset, open_dataset
from plimsoll.artifacts.examples import Batch, Header, write_examples
from plimsoll.artifacts.rows import columns_from_table
from plimsoll.artifacts.transform import Transform, write_transform
from plimsoll.errors import DataError, shortened
from plimsoll.problem import SPLITS
from plimsoll.transform.apply import apply, encode_labels
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.declared import declared_categorical
from plimsoll.transform.fit import fit


def transform_dataset(
    dataset: Path, schema: Path, transform: Path, examples: Path, config: TransformConfig
) -> list[str]:
    """Fits a transform and writes it, and all rows transformed.

    Args:
        dataset: The dataset artifact.
        schema: The schema artifact; what it declares categorical is.
        transform: Where the transform comes to be.
        examples: Where the examples come to be.
        config: The knobs.

    Returns:
        What was made and what was left out, one sentence each.

    Raises:
        ConfigError: if the config does not fit the dataset.
        DataError: if nothing is left to learn from, or a label is not one of the train split's.
        ArtifactError: if the dataset or the schema is damaged.
    """
    source = open_dataset(dataset)
    _check_features(source)
    fitted = fit(source, config, declared_categorical(schema))
    write_transform(transform, fitted)
    header = Header(
        dataset_id=source.id,
        problem=source.problem,
        numeric_names=fitted.numeric,
        categorical_outputs=fitted.categorical,
        task=fitted.label.task,
        classes=fitted.label.classes,
        positive=fitted.label.positive,
    )
    rows = {split: source.rows(split) for split in SPLITS}
    batches = {split: _transformed(source, split, fitted) for split in SPLITS}
    write_examples(examples, header, rows, batches)
    return notes(fitted)


def notes(transform: Transform) -> list[str]:
    """Says in short sentences what a transform makes and what it leaves out."""
    used, numeric, categorical = map(
        len, (transform.inputs, transform.numeric, transform.categorical)
    )
    columns = "column" if used == 1 else "columns"
    said = [f"{used} {columns} became {numeric} numeric and {categorical} categorical inputs"]
    quantile = [
        column.name
        for column in transform.columns
        if any(getattr(part, "scale", "") == "quantile" for part in column.parts)
    ]
    if quantile:
        said.append(f"by quantiles: {shortened(quantile)}")
    dropped = [column for column in transform.columns if not column.parts]
    said += [f"{column.name} is left out: {column.why}" for column in dropped[:8]]
    if len(dropped) > 8:
        others = [column.name for column in dropped[8:]]
        said.append(f"{len(others)} more are left out: {shortened(others)}")
    return said


def _check_features(dataset: Dataset) -> None:
    wanted = dataset.problem.features
    if wanted and dataset.feature_plan is None:
        raise DataError(
            f"the problem names the feature service {wanted.service!r}, and it was not joined",
            cause="a model would be trained without its features",
            hint="run the pipeline that joins them, training-with-features, or put the component "
            "features before this step",
        )


def _transformed(dataset: Dataset, split: str, transform: Transform) -> Iterator[Batch]:
    label = transform.label.name
    names = [column.name for column in transform.inputs]
    for batch in dataset.batches(split, [*names, label]):
        columns = columns_from_table(batch)
        features = apply(transform, columns)
        labels = encode_labels(transform, columns[label])
        yield Batch(features.numeric, features.categorical, labels)
