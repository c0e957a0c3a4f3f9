"""The report of a search: how it went, what mattered, and all trials."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plimsoll.formats.examples import Examples
from plimsoll.pictures.bars import bar_chart
from plimsoll.pictures.charts import line_chart, scatter_chart
from plimsoll.pictures.markup import Html
from plimsoll.pictures.page import Page
from plimsoll.pictures.tables import badge, cards, facts, grid, table
from plimsoll.tune.config import REPORTS
from plimsoll.tune.search import FinishedTrial
from plimsoll.tune.space import Hyperparameter, text_of

if TYPE_CHECKING:
    from plimsoll.tune.model import TuneRequest, TuneResult

MOST_CURVES = 6
MOST_SLICES = 4
TONES = {"complete": "good", "pruned": "dull", "failed": "bad"}
NO_NUMBER = float("nan")
Point = tuple[float, float]


def page(source: Examples, result: TuneResult, request: TuneRequest) -> Page:
    """Returns the page of a search."""
    name = "error (RMSE)" if source.task == "regression" else "log loss"
    page = Page(
        f"Tuning: {source.problem.label}",
        f"{len(result.trials)} trainings for {source.task} on {source.rows['train']:,} rows, "
        "judged by their loss on the eval split. The test split was not looked at.",
    )
    page.add_bare("", cards(_cards(result, name)))
    page.add(
        "How the search went",
        _history(result, name),
        "Each dot is a trial; the line is the best so far. A pruned trial stands where it was "
        "stopped, which is not where it would have ended; far worse ones are drawn at the edge.",
    )
    curves = _curves(result)
    if curves:
        page.add(
            "How the best trials went",
            line_chart(
                curves,
                x_label="share of the epochs allowed, %",
                y_label=f"eval {name}",
                y_domain=_domain([loss for points in curves.values() for _, loss in points]),
            ),
            "The loss on eval along the way. Boosting is not listened to on its way.",
        )
    _add_importances(page, result, request, name)
    page.add("The best config", facts(_facts(result, request)))
    page.add_bare("Trials", _table(result, request, name), "The best first.")
    return page


def _cards(result: TuneResult, name: str) -> list[tuple[str, object, object]]:
    counts, first = result.counts(), result.trials[0]
    shown: list[tuple[str, object, object]] = [
        (f"best eval {name}", result.chosen.eval_loss, f"trial {result.chosen.number}"),
        ("trials", len(result.trials), f"{counts['pruned']} pruned, {counts['failed']} failed"),
    ]
    if first.state == "complete" and first.number != result.chosen.number:
        shown.append((f"first eval {name}", first.eval_loss, "trial 0"))
    return shown


def _history(result: TuneResult, name: str) -> Html:
    best = math.inf
    line: list[Point] = []
    dots: dict[str, list[Point]] = {"complete": [], "pruned": []}
    for trial in result.trials:
        if trial.eval_loss is None:
            continue
        # A gap after each: dots that no line joins.
        dots[trial.state] += [(trial.number, trial.eval_loss), (trial.number, NO_NUMBER)]
        if trial.state == "complete" and trial.eval_loss < best:
            # A step: the best holds until the trial that is better.
            line += [(float(trial.number), best)] if line else []
            best = trial.eval_loss
        if best < math.inf:
            line.append((float(trial.number), best))
    series = {"best so far": line, **{state: points for state, points in dots.items() if points}}
    losses = [trial.eval_loss for trial in result.trials if trial.eval_loss is not None]
    return line_chart(
        series, x_label="trial", y_label=f"eval {name}", x_whole=True, y_domain=_domain(losses)
    )


def _domain(losses: Sequence[float]) -> Point:
    """Returns ends in which the good trials can be told apart; what is far worse lies at the top.

    Args:
        losses: At least one.
    """
    low = min(losses)
    high = min(max(losses), low + 4 * (statistics.median(losses) - low))
    room = (high - low or abs(low) or 1.0) * 0.06
    return low - room, high + room


def _curves(result: TuneResult) -> dict[str, list[Point]]:
    listened = [item for item in result.trials if item.state == "complete" and item.losses]
    listened.sort(key=lambda item: (item.eval_loss, item.number))
    return {
        f"trial {item.number}": [
            (100 * step / REPORTS, loss) for step, loss in sorted(item.losses.items())
        ]
        for item in listened[:MOST_CURVES]
    }


def _add_importances(page: Page, result: TuneResult, request: TuneRequest, name: str) -> None:
    shares = sorted(result.importances.items(), key=lambda item: (-item[1], item[0]))
    if not shares:
        return
    page.add(
        "What mattered",
        bar_chart(
            [parameter for parameter, _ in shares],
            {"": [share for _, share in shares]},
            value_label="importance",
            horizontal=True,
        ),
        "Each knob's share in what sets the better trials apart from the rest (PED-ANOVA). "
        "It holds for this space and these trials: with few of them, take it as a hint.",
    )
    parameters = {parameter.name: parameter for parameter in request.space.hyperparameters}
    slices = [
        part
        for parameter, _ in shares
        if parameter in parameters and not parameters[parameter].choices
        if (part := _slice(result, parameters[parameter], name))
    ]
    if slices:
        page.add("Knob by knob", grid(*slices[:MOST_SLICES]))


def _slice(result: TuneResult, parameter: Hyperparameter, name: str) -> Html:
    # All models in each of the charts, so that each has one colour.
    groups: dict[str, list[Point]] = {}
    for item in result.trials:
        if item.state == "complete" and item.eval_loss is not None:
            group = groups.setdefault(str(item.values.get("model", "")), [])
            if parameter.name in item.values:
                value = float(item.values[parameter.name])
                group.append((math.log10(value) if parameter.log else value, item.eval_loss))
    if not any(groups.values()):
        return Html()
    label = f"{parameter.name}, power of ten" if parameter.log else parameter.name
    return scatter_chart(groups, x_label=label, y_label=f"eval {name}", title=parameter.name)


def _facts(result: TuneResult, request: TuneRequest) -> dict[str, object]:
    config: dict[str, Any] = json.loads(result.best)
    drawn = [
        parameter.name
        for parameter in request.space.hyperparameters
        if parameter.name in result.chosen.values
    ]
    names = [*drawn, *(name for name in config if name not in drawn)]
    base = request.space.base.to_dict()
    return {
        name: _cell(config[name])
        for name in names
        if name in drawn or config[name] != base[name] or name == "model"
    }


def _table(result: TuneResult, request: TuneRequest, name: str) -> Html:
    def goodness(item: FinishedTrial) -> tuple[object, ...]:
        rank = list(TONES).index(item.state)
        return rank, item.eval_loss if item.eval_loss is not None else math.inf, item.number

    parameters = [parameter.name for parameter in request.space.hyperparameters]
    rows = [
        [
            item.number,
            badge(item.state, TONES[item.state]),
            item.eval_loss,
            *(_cell(item.values.get(parameter)) for parameter in parameters),
            item.epochs or None,
            item.why.split("\n", 1)[0],
        ]
        for item in sorted(result.trials, key=goodness)
    ]
    return table(["trial", "", f"eval {name}", *parameters, "epochs", "why"], rows)


def _cell(value: Any) -> object:
    return value if value is None or isinstance(value, int | float) else text_of(value)
