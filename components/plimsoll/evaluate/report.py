"""The report of an evaluation: verdicts, metrics beside the baseline's, curves and slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plimsoll.evaluate.metrics import Floats, calibration_bins
from plimsoll.models.predictions import class_text, predicted_classes
from plimsoll.pictures.bars import buckets, histogram
from plimsoll.pictures.charts import calibration_chart, line_chart, scatter_chart
from plimsoll.pictures.page import Page
from plimsoll.pictures.tables import badge, cards, grid, heat_table, table

if TYPE_CHECKING:
    from plimsoll.evaluate.model import Evaluation

MOST_CLASSES = 20
MOST_DOTS = 1000
LARGE = 1000
_HEADLINES = {
    "binary": ("auc", "log_loss", "f1", "calibration_error"),
    "multiclass": ("accuracy", "auc", "log_loss", "f1"),
    "regression": ("rmse", "mae", "r2"),
}
OURS, THEIRS = "this model", "gradient boosting"
_FAMILIES = {
    "linear": "a linear model",
    "mlp": "a network",
    "tabm": "an ensemble of networks (TabM)",
    "dcn": "a network with crosses (DCN-v2)",
    "module": "a network of your own",
    "boosting": "gradient boosting",
    "blend": "a blend of several models",
}


def page(evaluation: Evaluation) -> Page:
    """Returns the page of an evaluation."""
    problem, task = evaluation.dataset.problem, evaluation.examples.task
    result = Page(
        f"Evaluation: {problem.label}",
        f"{task} by {_FAMILIES[evaluation.family]} on {evaluation.examples.rows['test']:,} "
        "test rows, never seen in training.",
    )
    test, baseline = evaluation.metrics["test"], evaluation.baseline["test"]
    result.add_bare(
        "",
        cards(
            [
                (f"test {name}", test[name], f"{THEIRS} {_number(baseline[name])}")
                for name in _HEADLINES[task]
            ]
        ),
    )
    result.add_bare("Thresholds", _verdicts(evaluation), _about_thresholds(evaluation))
    if task == "binary":
        _add_two_classes(result, evaluation)
    if task == "regression":
        _add_values(result, evaluation)
    else:
        _add_confusion(result, evaluation)
    result.add_bare("Metrics", _metrics(evaluation))
    if evaluation.slices:
        result.add_bare("Slices of the test split", _slices(evaluation))
    return result


def _number(value: float) -> str:
    return f"{value:,.4f}" if abs(value) < LARGE else f"{value:,.1f}"


def _verdicts(evaluation: Evaluation) -> str:
    rows = [
        [
            verdict.metric,
            f"{'at least' if verdict.bound == 'min' else 'at most'} {verdict.allowed:.4g}",
            verdict.measured,
            badge("passed", "good") if verdict.passed else badge("failed", "bad"),
        ]
        for verdict in evaluation.verdicts
    ]
    return table(["metric", "allowed", "measured on test", "verdict"], rows)


def _about_thresholds(evaluation: Evaluation) -> str:
    if not evaluation.inferred:
        return "From the problem file; bounds are inclusive."
    return (
        "The problem names none, so the model must be no worse than a constant guess, with three "
        "standard errors for chance. Name your own under thresholds in the problem file."
    )


def _metrics(evaluation: Evaluation) -> str:
    names = list(evaluation.metrics["test"])
    rows: list[list[object]] = []
    for who, metrics in ((OURS, evaluation.metrics), (THEIRS, evaluation.baseline)):
        for split, values in metrics.items():
            rows.append([split, who, *(values.get(name) for name in names)])
    return table(["split", "model", *names], rows)


def _slices(evaluation: Evaluation) -> str:
    names = _HEADLINES[evaluation.examples.task]
    rows = [
        [item.column, item.value, item.rows, *(item.metrics.get(name) for name in names)]
        for item in evaluation.slices
    ]
    return table(["column", "value", "rows", *names], rows)


def _add_two_classes(page: Page, evaluation: Evaluation) -> None:
    index = list(evaluation.examples.classes).index(evaluation.examples.positive)
    truth = np.asarray(evaluation.examples.label("test")) == index
    scores = {
        OURS: evaluation.predictions["test"][:, index],
        THEIRS: evaluation.baseline_predictions["test"][:, index],
    }
    positive = class_text(evaluation.examples.positive)
    page.add(
        "Ranking and calibration",
        grid(
            line_chart(
                {name: _roc(truth, score) for name, score in scores.items()},
                x_label="false positive rate",
                y_label="true positive rate",
                title="ROC",
                x_domain=(0, 1),
                y_domain=(0, 1),
                diagonal=True,
                square=True,
                dashed=[THEIRS],
            ),
            calibration_chart(
                {
                    name: [(mean, share) for mean, share, _ in calibration_bins(score, truth)]
                    for name, score in scores.items()
                }
            ),
        ),
    )
    page.add(
        f"Probability of {positive}",
        histogram(
            {
                f"actually {positive}": buckets(scores[OURS][truth].tolist()),
                "actually not": buckets(scores[OURS][~truth].tolist()),
            },
            x_label="probability",
            share=True,
        ),
        "Each outline adds up to 1: the further apart, the better the model tells them.",
    )


def _roc(truth: NDArray[np.bool_], score: Floats) -> list[tuple[float, float]]:
    from sklearn.metrics import roc_curve

    if truth.all() or not truth.any():
        return []
    false, true, _ = roc_curve(truth, score)
    return list(zip(false.tolist(), true.tolist(), strict=True))


def _add_confusion(page: Page, evaluation: Evaluation) -> None:
    examples = evaluation.examples
    label = np.asarray(examples.label("test"))
    predicted = predicted_classes(
        examples.task, examples.classes, examples.positive, evaluation.predictions["test"]
    )
    count = len(examples.classes)
    matrix = np.bincount(label * count + predicted, minlength=count * count).reshape(count, count)
    shown = np.argsort(-np.bincount(label, minlength=count), kind="stable")[:MOST_CLASSES]
    shown = np.sort(shown)
    names = [class_text(examples.classes[index]) for index in shown]
    page.add_bare(
        "Confusion",
        heat_table(
            names,
            names,
            matrix[np.ix_(shown, shown)].tolist(),
            row_title="actual",
            column_title="predicted",
            by_row=True,
        ),
        f"The {MOST_CLASSES} commonest of {count} classes." if count > MOST_CLASSES else "",
    )


def _add_values(page: Page, evaluation: Evaluation) -> None:
    label = np.asarray(evaluation.examples.label("test"), np.float64)
    predictions = evaluation.predictions["test"]
    indices = np.unique(np.linspace(0, len(label) - 1, min(MOST_DOTS, len(label))).astype(int))
    dots = list(zip(label[indices].tolist(), predictions[indices].tolist(), strict=True))
    page.add(
        "Estimates and errors",
        grid(
            scatter_chart(
                {OURS: dots},
                x_label="actual",
                y_label="estimated",
                title="Estimated against actual",
                diagonal=True,
                square=True,
            ),
            histogram(
                {
                    OURS: buckets((predictions - label).tolist()),
                    THEIRS: buckets((evaluation.baseline_predictions["test"] - label).tolist()),
                },
                x_label="estimated minus actual",
                title="Errors",
            ),
        ),
    )
