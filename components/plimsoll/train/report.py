"""What the page of a training shows, taken from all that was trained."""

from collections.abc import Sequence
from typing import Any

from plimsoll.formats.examples import Examples
from plimsoll.train.candidates.candidates import Candidates, TrainedModel
from plimsoll.train.candidates.importance import Importance
from plimsoll.train.config import TrainConfig
from plimsoll.train.page import CandidateSummary, TrainingReport
from plimsoll.train.telemetry.history import Epoch, History

_SHOWN = ("numbers", "hidden", "members", "crosses", "bins", "leaves")
"""Fields of the config in which candidates of one family differ."""


def training_report(
    source: Examples, trials: Candidates, best: TrainedModel, importances: Sequence[Importance] = ()
) -> TrainingReport:
    """Returns what the page shows.

    Args:
        source: The examples.
        trials: All that was tried.
        best: The one that goes on.
        importances: How much it leans on each column, the most first; none: it was not measured.
    """
    return TrainingReport(
        label=source.problem.label,
        task=source.task,
        rows=source.rows["train"],
        candidates=[_candidate(item, trials, best) for item in trials.trained],
        history=_history(best),
        patience=best.config.patience,
        weighted=best.config.class_weights != "none",
        importances=importances,
        facts=_facts(source, best),
        notes=[f"Left out, as the time budget was spent: {', '.join(trials.left_out)}."]
        if trials.left_out
        else [],
    )


def display_names(trials: Candidates) -> list[str]:
    """Returns what models are called: the family, and what is unusual where there are two of it."""
    families = [item.family for item in trials.trained]
    return [
        item.family + _unusual_settings(item) if families.count(item.family) > 1 else item.family
        for item in trials.trained
    ]


def blend_description(trials: Candidates, blend: TrainedModel) -> str:
    """Returns what a blend is made of, in words."""
    members = zip(display_names(trials), blend.blend_weights, strict=False)
    return ", ".join(f"{share:.0%} {name}" for name, share in members if share)


def _unusual_settings(item: TrainedModel) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in _settings(item.config).items())
    return f" ({settings})" if settings else ""


def _candidate(item: TrainedModel, trials: Candidates, best: TrainedModel) -> CandidateSummary:
    history = _history(item)
    note = blend_description(trials, item) if item.blend_weights else ""
    trees = item.parameters if item.family == "boosting" else 0
    return CandidateSummary(
        model=item.family,
        eval_loss=item.eval_loss,
        parameters=0 if trees else item.parameters,
        best_epoch=history.best if history else trees,
        epochs=len(history.epochs) if history else 0,
        chosen=item is best,
        settings={} if item.blend_weights else _settings(item.config),
        losses=[epoch.eval_loss for epoch in history.epochs] if history else (),
        note=note,
    )


def _history(item: TrainedModel) -> History | None:
    if item.history is None:
        return None
    return History(
        epochs=tuple(Epoch(**epoch) for epoch in item.history["epochs"]),
        best=item.history["best_epoch"],
        planned=item.history["planned_epochs"],
    )


def _settings(config: TrainConfig) -> dict[str, Any]:
    default = TrainConfig(model=config.model)
    return {
        name: getattr(config, name)
        for name in _SHOWN
        if getattr(config, name) != getattr(default, name)
    }


def _facts(source: Examples, best: TrainedModel) -> dict[str, object]:
    config = best.config
    facts: dict[str, object] = {
        "inputs": f"{len(source.numeric_names)} numeric, "
        f"{len(source.categorical_outputs)} categorical",
        "seed": config.seed,
    }
    if best.history is not None:
        facts |= {
            "numbers go in as": config.numbers,
            "hidden layers": ", ".join(map(str, config.hidden)) or "none",
            "rows a step": config.batch_size,
            "learning rate": config.learning_rate,
            "weight decay": config.weight_decay,
            "dropout": config.dropout,
        }
    return facts
