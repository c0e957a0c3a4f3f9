"""The model card: what the people who use a model should know, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from plimsoll.formats.feature_plan import Feature, FeaturePlan, View
from plimsoll.problem import SPLITS

if TYPE_CHECKING:
    from plimsoll.evaluate.model import Evaluation

_TASKS = {
    "binary": "tells the probability that {label} is {positive}",
    "multiclass": "tells the probability of each of the {count} classes of {label}",
    "regression": "estimates {label}",
}

_FAMILIES = {
    "linear": "A linear model",
    "mlp": "A network",
    "tabm": "An ensemble of networks that share most of their weights (TabM)",
    "dcn": "A network with crosses of its inputs (DCN-v2)",
    "module": "A network of its authors' own code",
    "boosting": "Gradient boosting (LightGBM)",
    "blend": "A blend of several models",
}


def model_card(evaluation: Evaluation, plan: FeaturePlan | None) -> str:
    """Returns a model's card."""
    dataset, transform = evaluation.dataset, evaluation.transform
    problem, label = dataset.problem, transform.label
    what = _TASKS[label.task].format(
        label=label.name, positive=label.positive, count=len(label.classes)
    )
    lines = [
        f"# {problem.name}",
        "",
        f"{_FAMILIES[evaluation.family]} that {what}.",
        *_code(evaluation),
        "",
        "## Data",
        "",
    ]
    lines += [f"Dataset `{dataset.id[:16]}`, split by {problem.split.by or 'hash'}:", ""]
    lines += [f"- {split}: {dataset.rows(split):,} rows" for split in SPLITS]
    lines += ["", "## How good it is", "", *_table(evaluation.metrics, evaluation.baseline)]
    lines += ["", "## Thresholds on the test split", ""]
    lines += [
        f"- {verdict}: {'passed' if verdict.passed else 'FAILED'}"
        for verdict in evaluation.verdicts
    ]
    lines += ["", "## What it reads", ""]
    lines += [f"- `{column.name}` ({column.type}): {column.why}" for column in transform.inputs]
    if plan is not None:
        lines += ["", "## Where its features come from", "", *_features(plan)]
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in _LIMITS), ""]
    return "\n".join(lines)


_LIMITS = (
    "A value outside of the train split's range counts as its nearest end.",
    "A category that the train split lacks counts as unknown.",
    "The figures hold for rows like those of the test split; when the data moves, they do not.",
    "It finds what goes together, not what causes what.",
)


def _code(evaluation: Evaluation) -> list[str]:
    if not evaluation.code:
        return []
    files = ", ".join(f"`{name}` (SHA-256 `{digest}`)" for name, digest in evaluation.code.items())
    text = (
        f"**This package holds code**, {files}, which runs wherever the model is loaded: read it "
        "before you serve it."
    )
    return ["", text]


def _features(plan: FeaturePlan) -> list[str]:
    text = (
        f"The feature service `{plan.service}` of the project `{plan.project}`, registry "
        f"`{plan.registry_sha256[:16]}`, each value as of `{plan.time}`:"
    )
    return [
        text,
        "",
        *(
            f"- `{view.name}` by {_keys(view)}: {_names(view.features)}; {_age(view)}"
            for view in plan.views
        ),
        *(
            f"- `{part.name}`, computed from {', '.join(f'`{name}`' for name in part.inputs)}: "
            f"{_names(part.features)}"
            for part in plan.on_demand
        ),
    ]


def _keys(view: View) -> str:
    return ", ".join(f"`{key.column}`" for key in view.keys if key.column) or "no key"


def _names(features: Sequence[Feature]) -> str:
    return ", ".join(f"`{feature.column}`" for feature in features)


def _age(view: View) -> str:
    if not view.ttl_us:
        return "a value counts for ever"
    return f"a value counts for {timedelta(microseconds=view.ttl_us)} (TTL)"


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
