"""The report of a training: the winner's losses by epoch, and every model that was tried."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plimsoll.pictures.bars import bar_chart
from plimsoll.pictures.cells import signed_bar
from plimsoll.pictures.charts import line_chart
from plimsoll.pictures.markup import Html, joined
from plimsoll.pictures.page import Page
from plimsoll.pictures.tables import badge, cards, facts, notice, table
from plimsoll.train.candidates.importance import Importance
from plimsoll.train.telemetry.history import History

BOOSTING, BLEND = "boosting", "blend"
NEAR = 0.02
"""Losses this much above the lowest, as a share of it, are always drawn."""
_NAMES = {BOOSTING: "gradient boosting"}


@dataclass(frozen=True, kw_only=True)
class CandidateSummary:
    """One model that was tried."""

    model: str
    """The family: ``tabm``, ``boosting``, ``blend``."""
    eval_loss: float | None
    """Log loss, or root mean squared error in the label's unit; None: it came to none."""
    parameters: int = 0
    """Numbers that were learnt: weights, or leaves of trees."""
    best_epoch: int = 0
    """The number of it, or of the trees; 0: there is none."""
    epochs: int = 0
    """Epochs that were run."""
    chosen: bool = False
    """Whether it is the model that goes on."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """The fields of the config in which candidates differ."""
    losses: Sequence[float] = ()
    """The eval loss by epoch, from the first."""
    note: str = ""
    """Why it came to nothing, or what else is to be known; a few words."""


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """All that the page shows."""

    label: str
    """The column that is predicted."""
    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    rows: int
    """Of the training split."""
    candidates: Sequence[CandidateSummary]
    """In the order in which they were tried; one is chosen. Boosting is among them."""
    history: History | None = None
    """Of the chosen network; None where boosting was chosen."""
    patience: int = 0
    """Epochs without a lower eval loss after which the chosen network stops."""
    weighted: bool = False
    """Whether classes weigh in the losses by epoch, which then compare with no others."""
    importances: Sequence[Importance] = ()
    """How much the chosen one leans on each column, the most first; none: it was not measured."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """How the chosen one was trained, by what it is called."""
    notes: Sequence[str] = ()
    """What the reader must know besides, such as that the time ran out."""


def training_page(training: TrainingReport) -> Page:
    """Returns the page of a training."""
    chosen = next(item for item in training.candidates if item.chosen)
    auto = sum(item.model != BOOSTING for item in training.candidates) > 1
    page = Page(
        f"Training: {training.label}",
        f"{_title(chosen.model)} for {training.task} on {training.rows:,} rows"
        + (f", the best on eval of {len(training.candidates)} models." if auto else "."),
    )
    page.add_bare("", _cards(training, chosen))
    for note in training.notes:
        page.add_bare("", notice(note, tone="warn"))
    if training.history is not None and training.history.epochs:
        page.add(
            "Losses", _losses(training, training.history), _about_losses(training, training.history)
        )
    if len(training.candidates) > 1:
        _add_candidates(page, training, auto=auto)
    if training.importances:
        _add_importances(page, training)
    if training.facts:
        page.add("How it was trained", facts(training.facts))
    if training.history is not None and training.history.epochs:
        _add_epochs(page, training.history)
    return page


def _title(model: str) -> str:
    titles = {BOOSTING: "Gradient boosting", BLEND: "A blend of models"}
    return titles.get(model, f"A network ({model})")


def _name(model: str) -> str:
    return _NAMES.get(model, model)


def _loss_name(training: TrainingReport) -> str:
    return "error (RMSE)" if training.task == "regression" else "log loss"


def _boosting(training: TrainingReport) -> CandidateSummary | None:
    fitted = [item for item in training.candidates if item.model == BOOSTING and _finite(item)]
    return min(fitted, key=lambda item: item.eval_loss or 0.0, default=None)


def _finite(candidate: CandidateSummary) -> bool:
    return candidate.eval_loss is not None and math.isfinite(candidate.eval_loss)


def _cards(training: TrainingReport, chosen: CandidateSummary) -> Html:
    name = f"eval {_loss_name(training)}"
    shown: list[tuple[str, object, object]] = [(name, chosen.eval_loss, _name(chosen.model))]
    boosting = _boosting(training)
    if boosting is not None and not boosting.chosen:
        better = _relative_difference(chosen, boosting)
        shown.append((name, boosting.eval_loss, _name(BOOSTING)))
        shown.append(("against boosting", f"{better:+.2%}", "lower is better"))
    if training.history is not None:
        ran = len(training.history.epochs)
        shown.append(("best epoch", training.history.best, f"of {ran} run"))
    if chosen.parameters:
        shown.append(("parameters", chosen.parameters, "learnt"))
    return cards(shown)


def _relative_difference(candidate: CandidateSummary, boosting: CandidateSummary) -> float:
    """Returns the difference of the eval losses as a share of boosting's."""
    if candidate.eval_loss is None or not boosting.eval_loss:
        return math.nan
    return (candidate.eval_loss - boosting.eval_loss) / boosting.eval_loss


def _losses(training: TrainingReport, history: History) -> Html:
    return line_chart(
        {
            "train": [(epoch.number, epoch.train_loss) for epoch in history.epochs],
            "eval": [(epoch.number, epoch.eval_loss) for epoch in history.epochs],
        },
        x_label="epoch",
        y_label="loss",
        x_marks={"best epoch": history.best},
        y_marks=_boosting_mark(training),
        x_whole=True,
        dots=len(history.epochs) <= 60,
    )


def _boosting_mark(training: TrainingReport) -> dict[str, float]:
    """Returns boosting's loss by what is written at it, where it is of the curves' unit."""
    boosting = _boosting(training)
    if boosting is None or boosting.eval_loss is None or training.weighted:
        return {}
    return {} if training.task == "regression" else {_name(BOOSTING): boosting.eval_loss}


def _about_losses(training: TrainingReport, history: History) -> str:
    early = len(history.epochs) < history.planned
    ended = (
        f"It stopped after {training.patience} epochs without a lower eval loss. "
        if early and training.patience
        else "It stopped early. "
        if early
        else "All epochs allowed were run. "
    )
    unit = "Values are standardised here. " if training.task == "regression" else ""
    weighed = "Classes weigh the same here, however rare. " if training.weighted else ""
    return (
        f"{ended}The weights of epoch {history.best} were kept, which has the lowest eval loss of "
        f"those past the learning rate's warm-up. {unit}{weighed}The train loss is taken while "
        "units are dropped out, so it may lie above the eval loss."
    )


def _add_candidates(page: Page, training: TrainingReport, *, auto: bool) -> None:
    heading = "Models that were tried" if auto else "Network and gradient boosting"
    about = "On the eval split; lower is better. The test split is left to evaluation."
    curves = _curves(training)
    if curves is None:
        page.add_bare(heading, _candidates(training), about)
    else:
        page.add(heading, curves, about)
        page.add_bare("", _candidates(training))


def _curves(training: TrainingReport) -> Html | None:
    """Returns the eval losses by epoch of the networks that have no curves of their own."""
    curves: dict[str, Sequence[float]] = {}
    for item in training.candidates:
        if item.losses:
            same = sum(name.split(" ")[0] == item.model for name in curves)
            curves[f"{item.model} {same + 1}" if same else item.model] = item.losses
    lowest = [min(filter(math.isfinite, losses), default=math.nan) for losses in curves.values()]
    # A chosen network has its own curves above.
    if len(curves) < (1 if training.history is None else 2) or not all(map(math.isfinite, lowest)):
        return None
    marks = _boosting_mark(training)
    # The first epochs lie far above all that matters, and so does a model that is no match.
    ends = sorted([*lowest, *marks.values()])
    top = ends[0] + max(4 * (ends[len(ends) // 2] - ends[0]), NEAR * abs(ends[0]))
    return line_chart(
        {
            name: [(number + 1, loss) for number, loss in enumerate(losses) if loss <= top]
            for name, losses in curves.items()
        },
        x_label="epoch",
        y_label="eval loss",
        y_marks=marks,
        x_whole=True,
        note=f"Above {top:.3g} nothing is drawn.",
    )


def _candidates(training: TrainingReport) -> Html:
    ordered = sorted(
        training.candidates,
        key=lambda item: math.inf if item.eval_loss is None else item.eval_loss,
    )
    boosting = _boosting(training)
    changes = [_relative_difference(item, boosting) if boosting else math.nan for item in ordered]
    # A model that is no match would leave no room to tell the others apart.
    sizes = sorted(abs(change) for change in changes if math.isfinite(change) and change)
    scale = 1.5 * sizes[len(sizes) // 2] if sizes else 1.0
    headers = ["model", f"eval {_loss_name(training)}", *(["against boosting"] if boosting else [])]
    rows: list[list[object]] = []
    for item, change in zip(ordered, changes, strict=True):
        chosen = badge("chosen", "good") if item.chosen else ""
        row: list[object] = [joined([f"{_name(item.model)} ", chosen]), item.eval_loss]
        if boosting is not None:
            text = f"{change:+.2%}"
            bar = joined([signed_bar(change, label=text, scale=scale), f" {text}"])
            row.append("" if item is boosting or not math.isfinite(change) else bar)
        epochs = f" of {item.epochs}" if item.epochs else ""
        settings = ", ".join(f"{name} {_text(value)}" for name, value in item.settings.items())
        epochs = " trees" if item.model == BOOSTING else epochs
        row += [item.parameters or None, f"{item.best_epoch}{epochs}" if item.best_epoch else None]
        row.append(" ".join(filter(None, [settings, item.note])))
        rows.append(row)
    return table([*headers, "parameters", "best epoch", "settings"], rows)


def _add_importances(page: Page, training: TrainingReport) -> None:
    page.add(
        "What the model leans on",
        bar_chart(
            [item.column for item in training.importances],
            {"": [item.rise for item in training.importances]},
            value_label=f"rise of the eval {_loss_name(training)}",
            horizontal=True,
        ),
        "A column's values are dealt out anew among the rows of the eval split: how much the loss "
        "rises. Columns that tell the same stand in for each other, and then both look small.",
    )
    page.add_bare(
        "",
        table(
            ["column", f"rise of the eval {_loss_name(training)}", "spread of the repeats"],
            [[item.column, item.rise, item.spread] for item in training.importances],
        ),
    )


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " x ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _add_epochs(page: Page, history: History) -> None:
    rates = [(epoch.number, epoch.learning_rate) for epoch in history.epochs]
    page.add(
        "Learning rate",
        line_chart(
            {"": rates},
            x_label="epoch",
            y_label="learning rate",
            x_whole=True,
            y_from_zero=True,
            height=120,
        ),
        "At the end of each epoch: it warms up, and falls along a cosine.",
    )
    page.add_bare(
        "Epochs",
        table(
            ["epoch", "train loss", "eval loss", "learning rate", ""],
            [
                [
                    epoch.number,
                    epoch.train_loss,
                    epoch.eval_loss,
                    epoch.learning_rate,
                    badge("kept", "good") if epoch.number == history.best else "",
                ]
                for epoch in history.epochs
            ],
        ),
    )
