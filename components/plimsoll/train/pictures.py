"""The report of a training: its losses by epoch, and the boosting beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.artifacts.examples import Examples
from plimsoll.pictures.charts import bar_chart, cards, facts, line_chart, table
from plimsoll.pictures.page import Page

if TYPE_CHECKING:
    from plimsoll.train.core import Trained


def page(examples: Examples, trained: Trained) -> Page:
    """Returns the page of a training."""
    history, config = trained.history, trained.config
    label = examples.problem.label
    made = Page(
        f"Training: {label}",
        f"A network for {examples.task} on {examples.rows['train']:,} rows, "
        f"with gradient boosting on the same columns beside it.",
    )
    name = "error (RMSE)" if examples.task == "regression" else "log loss"
    best = history.epochs[history.best - 1]
    early = len(history.epochs) < history.planned
    made.add_bare(
        "",
        cards(
            [
                ("best epoch", history.best, f"of {len(history.epochs)} run"),
                (f"eval {name}", trained.eval_loss["network"], "network"),
                (f"eval {name}", trained.eval_loss["boosting"], "gradient boosting"),
            ]
        ),
    )
    made.add(
        "Losses",
        line_chart(
            {
                "train": [(epoch.number, epoch.train_loss) for epoch in history.epochs],
                "eval": [(epoch.number, epoch.eval_loss) for epoch in history.epochs],
            },
            x_label="epoch",
            y_label="loss",
            x_marks={"best epoch": history.best},
            x_whole=True,
            dots=True,
        ),
        _about_losses(early=early, patience=config.patience, best=best.number),
    )
    made.add(
        "Network and gradient boosting",
        bar_chart(
            ["network", "gradient boosting"],
            {name: [trained.eval_loss["network"], trained.eval_loss["boosting"]]},
            value_label=f"eval {name}",
            horizontal=True,
        ),
        "On the eval split; lower is better. The test split is left to evaluation.",
    )
    made.add("How it was trained", facts(_facts(trained)))
    made.add_bare(
        "Epochs",
        table(
            ["epoch", "train loss", "eval loss", "learning rate"],
            [
                [epoch.number, epoch.train_loss, epoch.eval_loss, epoch.learning_rate]
                for epoch in history.epochs
            ],
        ),
    )
    return made


def _about_losses(*, early: bool, patience: int, best: int) -> str:
    ended = (
        f"It stopped after {patience} epochs without a lower eval loss. "
        if early
        else "All epochs allowed were run. "
    )
    return (
        f"{ended}The weights of epoch {best} were kept, which has the lowest eval loss of those "
        "past the learning rate's warm-up. The train loss is taken while units are dropped out, "
        "so it may lie above the eval loss."
    )


def _facts(trained: Trained) -> dict[str, object]:
    shape, config = trained.module.config, trained.config
    return {
        "inputs": f"{shape.numeric} numeric, {len(shape.categories)} categorical",
        "bins of numeric columns": shape.bins,
        "hidden layers": ", ".join(map(str, shape.hidden)) or "none",
        "weights": sum(value.numel() for value in trained.module.parameters()),
        "rows a step": config.batch_size,
        "learning rate": config.learning_rate,
        "weight decay": config.weight_decay,
        "dropout": config.dropout,
        "seed": config.seed,
        "trained on": trained.place,
        "gradient boosting": f"{trained.baseline.trees} trees a class",
    }
