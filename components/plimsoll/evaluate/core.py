"""Measures a model on every split, judges it, and packages it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ArtifactError
from plimsoll.evaluate import card, gate, lineage, report, warmup
from plimsoll.evaluate.metrics import Floats, measure
from plimsoll.evaluate.model import BySplit, EvaluateInputs, EvaluateResult, Evaluation
from plimsoll.evaluate.slices import measure_slices
from plimsoll.formats.dataset import Dataset, open_dataset
from plimsoll.formats.examples import Examples, open_examples
from plimsoll.formats.feature_plan import FeaturePlan, open_plan
from plimsoll.formats.package import Contents, Package, write_package
from plimsoll.formats.statistics import open_statistics
from plimsoll.models import model_files
from plimsoll.models.family import Model
from plimsoll.models.model import open_model
from plimsoll.models.transform import Transform, read_transform
from plimsoll.problem import SPLITS, Threshold
from plimsoll.storage.files import digest_file, write_text

BASELINE_SPLITS = ("eval", "test")


def evaluate(inputs: EvaluateInputs, package: str | Path, page: str | Path) -> EvaluateResult:
    """Evaluates a model and writes its package and the report.

    Raises:
        ArtifactError: if an artifact is damaged, or they do not belong together.
    """
    model = open_model(inputs.model)
    evaluation = examine(inputs, model)
    reason = gate.reason(evaluation.verdicts)
    packaged = write_package(Path(package), _contents(inputs, evaluation, model))
    write_text(Path(page), report.page(evaluation).html())
    return EvaluateResult(
        blessed=not reason,
        reason=reason,
        metrics=_flat(evaluation.metrics),
        baseline=_flat(evaluation.baseline),
        about={
            "name": packaged.name,
            "version": packaged.version,
            "notes": _notes(evaluation, packaged, reason),
        },
    )


def examine(inputs: EvaluateInputs, model: Model) -> Evaluation:
    """Measures a model and its baseline, and judges the model."""
    dataset, examples = open_dataset(inputs.dataset), open_examples(inputs.examples)
    transform = read_transform(inputs.transform)
    _check_together(dataset, examples)
    _check_shape(model, examples)
    _check_statistics(inputs.statistics, dataset)
    predictions = {split: model.predict(examples.batch(split)) for split in SPLITS}
    baseline_predictions = {
        split: _baseline(inputs.model / "baseline" / f"{split}.npy", predictions[split])
        for split in BASELINE_SPLITS
    }
    metrics = {split: _split_metrics(examples, split, predictions[split]) for split in SPLITS}
    thresholds = dict(dataset.problem.thresholds)
    slices = measure_slices(
        dataset, lambda rows: _split_metrics(examples, "test", predictions["test"], rows)
    )
    return Evaluation(
        family=model.family,
        code={
            f"model/{name}": digest_file(inputs.model / name)
            for name in model_files.code_of(inputs.model)
        },
        dataset=dataset,
        examples=examples,
        transform=transform,
        predictions=predictions,
        metrics=metrics,
        baseline={
            split: _split_metrics(examples, split, prediction)
            for split, prediction in baseline_predictions.items()
        },
        baseline_predictions=baseline_predictions,
        slices=tuple(slices),
        verdicts=gate.judge(thresholds or _inferred_thresholds(examples), metrics["test"]),
        inferred=not thresholds,
    )


def _split_metrics(
    examples: Examples, split: str, predictions: Floats, rows: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    label = np.asarray(examples.label(split))
    chosen = slice(None) if rows is None else rows
    return measure(
        examples.task, examples.classes, examples.positive, label[chosen], predictions[chosen]
    )


def _inferred_thresholds(examples: Examples) -> dict[str, Threshold]:
    positive = list(examples.classes).index(examples.positive) if examples.task == "binary" else 0
    return gate.no_worse_than_chance(
        examples.task,
        np.asarray(examples.label("train")),
        np.asarray(examples.label("test")),
        positive,
    )


def _check_together(dataset: Dataset, examples: Examples) -> None:
    rows = {split: dataset.rows(split) for split in SPLITS}
    if dataset.id != examples.dataset_id or rows != dict(examples.rows):
        raise ArtifactError(
            "the examples were not made from this dataset",
            cause=f"dataset {dataset.id[:16]} {rows}, "
            f"examples of {examples.dataset_id[:16]} {dict(examples.rows)}",
        )


def _check_statistics(folder: Path, dataset: Dataset) -> None:
    # They become the package's reference for drift, so they must be whole and of this dataset.
    statistics = open_statistics(folder)
    if statistics.dataset_id != dataset.id:
        raise ArtifactError(
            "the statistics were not made from this dataset",
            cause=f"dataset {dataset.id[:16]}, statistics of {statistics.dataset_id[:16]}",
        )


def _check_shape(model: Model, examples: Examples) -> None:
    sizes = tuple(item.size for item in examples.categorical_outputs)
    outputs = len(examples.classes) or 1
    widths = tuple(item.width for item in examples.categorical_outputs)
    actual = (model.task, model.outputs, model.numeric, model.categories, model.widths)
    expected = (examples.task, outputs, len(examples.numeric_names), sizes, widths)
    if actual != expected:
        raise ArtifactError(
            "the model was not trained on examples like these",
            cause="task, outputs, numeric columns, categories and their widths: "
            f"the model's are {actual}, "
            f"the examples' {expected}",
            hint="train again on these examples",
        )


def _baseline(path: Path, expected: Floats) -> Floats:
    try:
        baseline: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read", cause=str(error)) from error
    if baseline.shape != expected.shape or not np.isfinite(baseline).all():
        raise ArtifactError(
            f"{path} does not hold one answer a row",
            cause=f"its shape is {baseline.shape}, "
            f"expected finite numbers of shape {expected.shape}",
        )
    return baseline


def _contents(inputs: EvaluateInputs, evaluation: Evaluation, model: Model) -> Contents:
    dataset, transform = evaluation.dataset, evaluation.transform
    plan = None if dataset.feature_plan is None else open_plan(dataset.feature_plan)
    columns = inputs_of(dataset, transform, plan)
    requests = warmup.instances(dataset, columns)
    label = transform.label
    return Contents(
        name=dataset.problem.name or label.name,
        task=label.task,
        classes=tuple(label.classes),
        positive=label.positive,
        inputs=columns,
        problem=dataset.problem.to_dict(),
        model=inputs.model,
        transform=inputs.transform,
        schema=inputs.schema,
        statistics=inputs.statistics,
        instances=requests,
        answers=warmup.answers(requests, transform, model),
        metrics={
            **evaluation.metrics,
            "baseline": evaluation.baseline,
            "slices": [vars(item) for item in evaluation.slices],
            "thresholds": [
                {**vars(verdict), "passed": verdict.passed} for verdict in evaluation.verdicts
            ],
        },
        lineage={
            **lineage.lineage(dataset, inputs.transform, inputs.model, plan),
            "model": {"family": evaluation.family, "code": dict(evaluation.code)},
        },
        model_card=card.model_card(evaluation, plan),
        features=dataset.feature_plan,
    )


def inputs_of(
    dataset: Dataset, transform: Transform, plan: FeaturePlan | None
) -> tuple[dict[str, Any], ...]:
    """Returns the columns that a request may give: the model's own, and those to look up by."""
    looked_up = frozenset(plan.columns if plan else ())
    own = {column.name: column.type for column in transform.inputs}
    keys = {
        name: dataset.type_of(name)
        for name in (plan.request_columns if plan else ())
        if name not in own
    }
    return tuple(
        {"name": name, "type": kind, **({"lookup": True} if name in looked_up else {})}
        for name, kind in (own | keys).items()
    )


def _notes(evaluation: Evaluation, package: Package, reason: str) -> list[str]:
    metric = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}[
        evaluation.examples.task
    ]
    ours, theirs = evaluation.metrics["test"][metric], evaluation.baseline["test"][metric]
    unmeasured = [
        f"{split} {name}"
        for split, values in evaluation.metrics.items()
        for name, value in values.items()
        if math.isnan(value)
    ]
    lines = [f"test {metric} {ours:.4f} ({evaluation.family}); gradient boosting {theirs:.4f}"]
    lines += [
        f"the package HOLDS CODE: {name}, SHA-256 {digest[:16]}"
        for name, digest in evaluation.code.items()
    ]
    if evaluation.inferred:
        lines.append("no thresholds given: no worse than a constant guess, beyond chance")
        if any(verdict.bound == "min" and verdict.allowed == 0 for verdict in evaluation.verdicts):
            lines.append("TOO FEW test rows of a class for that to refuse any model")
    if unmeasured:
        lines.append(f"could not be computed: {', '.join(unmeasured)}")
    verdicts = "; ".join(str(verdict) for verdict in evaluation.verdicts)
    lines.append(f"not blessed: {reason}" if reason else f"blessed: {verdicts}")
    return [*lines, f"package {package.name} {package.version}"]


def _flat(metrics: BySplit) -> dict[str, float]:
    # KFP cannot store NaN; what is missing is named in the notes.
    return {
        f"{split}/{name}": value
        for split, values in metrics.items()
        for name, value in values.items()
        if math.isfinite(value)
    }
