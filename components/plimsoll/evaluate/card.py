"""The model card: what the people who use a model should know, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plimsoll.artifacts.dataset import Dataset
from plimsoll.artifacts.transform import Transform
from plimsoll.evaluate.gate import Verdict
from plimsoll.problem import SPLITS

_TASKS = {
    "binary": "tells the probability that {label} is {positive}",
    "multiclass": "tells the probability of each of the {count} classes of {label}",
    "regression": "estimates {label}",
}


def model_card(
    dataset: Dataset,
    transform: Transform,
    metrics: Mapping[str, Mapping[str, float]],
    baseline: Mapping[str, Mapping[str, float]],
    verdicts: Sequence[Verdict],
) -> str:
    """Returns a model's card."""
    problem, label = dataset.problem, transform.label
    what = _TASKS[label.task].format(
        label=label.name, positive=label.positive, count=len(label.classes)
    )
    lines = [f"# {problem.name}", "", f"A network that {what}.", "", "## Data", ""]
    lines += [f"Dataset `{dataset.id[:16]}`, split by {problem.split.by or 'hash'}:", ""]
    lines += [f"- {split}: {dataset.rows(split):,} rows" for split in SPLITS]
    lines += ["", "## How good it is", "", *_table(metrics, baseline)]
    lines += ["", "## Thresholds on the test split", ""]
    lines += [f"- {verdict}: {'passed' if verdict.passed else 'FAILED'}" for verdict in verdicts]
    lines += ["", "## What it reads", ""]
    lines += [f"- `{column.name}` ({column.type}): {column.why}" for column in transform.inputs]
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in _LIMITS), ""]
    return "\n".join(lines)


_LIMITS = (
    "A value outside of the train split's range counts as its nearest end.",
    "A category that the train split lacks counts as unknown.",
    "The figures hold for rows like those of the test split; when the data moves, they do not.",
    "It finds what goes together, not what causes what.",
)


def _table(
    metrics: Mapping[str, Mapping[str, float]], baseline: Mapping[str, Mapping[str, float]]
) -> list[str]:
    names = list(metrics["test"])
    rows = [("", split, values) for split, values in metrics.items()]
    rows += [("boosting, ", split, values) for split, values in baseline.items()]
    return [
        f"| split | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
        *(
            f"| {who}{split} | "
            + " | ".join(f"{values[name]:.4f}" if name in values else "-" for name in names)
            + " |"
            for who, split, values in rows
        ),
    ]
