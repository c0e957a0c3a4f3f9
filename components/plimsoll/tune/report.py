"""The report of a search: how it went, what mattered, and all trials."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plimsoll.formats.examples import Examples
from plimsoll.pictures.charts import (
    badge,
    bar_chart,
    cards,
    facts,
    grid,
    line_chart,
    scatter_chart,
    table,
)
from plimsoll.pictures.markup import Html
from plimsoll.pictures.page import Page
from plimsoll.tune.config import MARKS
from plimsoll.tune.search import Finished
from plimsoll.tune.space import Knob, text_of

if TYPE_CHECKING:
    from plimsoll.tune.model import Asked, Found

MOST_CURVES = 6
MOST_SLICES = 4
TONES = {"complete": "good", "pruned": "dull", "failed": "bad"}
NO_NUMBER = float("nan")
Point = tuple[float, float]


def page(source: Examples, found: Found, asked: Asked) -> Page:
    """Returns the page of a search."""
    name = "error (RMSE)" if source.task == "regression" else "log loss"
    made = Page(
        f"Tuning: {source.problem.label}",
        f"{len(found.trials)} trainings for {source.task} on {source.rows['train']:,} rows, "
        "judged by their loss on the eval split. The test split was not looked at.",
    )
    made.add_bare("", cards(_cards(found, name)))
    made.add(
        "How the search went",
        _history(found, name),
        "Each dot is a trial; the line is the best so far. A pruned trial stands where it was "
        "stopped, which is not where it would have ended; far worse ones are drawn at the edge.",
    )
    curves = _curves(found)
    if curves:
        made.add(
            "How the best trials went",
            line_chart(
                curves,
                x_label="share of the epochs allowed, %",
                y_label=f"eval {name}",
                y_domain=_domain([loss for points in curves.values() for _, loss in points]),
            ),
            "The loss on eval along the way. Boosting is not listened to on its way.",
        )
    _add_importances(made, found, asked, name)
    made.add("The best config", facts(_facts(found, asked)))
    made.add_bare("Trials", _table(found, asked, name), "The best first.")
    return made


def _cards(found: Found, name: str) -> list[tuple[str, object, object]]:
    counts, first = found.counts(), found.trials[0]
    told: list[tuple[str, object, object]] = [
        (f"best eval {name}", found.chosen.eval_loss, f"trial {found.chosen.number}"),
        ("trials", len(found.trials), f"{counts['pruned']} pruned, {counts['failed']} failed"),
    ]
    if first.state == "complete" and first.number != found.chosen.number:
        told.append((f"first eval {name}", first.eval_loss, "trial 0"))
    return told


def _history(found: Found, name: str) -> Html:
    best = math.inf
    line: list[Point] = []
    dots: dict[str, list[Point]] = {"complete": [], "pruned": []}
    for trial in found.trials:
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
    losses = [trial.eval_loss for trial in found.trials if trial.eval_loss is not None]
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


def _curves(found: Found) -> dict[str, list[Point]]:
    listened = [item for item in found.trials if item.state == "complete" and item.losses]
    listened.sort(key=lambda item: (item.eval_loss, item.number))
    return {
        f"trial {item.number}": [
            (100 * mark / MARKS, loss) for mark, loss in sorted(item.losses.items())
        ]
        for item in listened[:MOST_CURVES]
    }


def _add_importances(made: Page, found: Found, asked: Asked, name: str) -> None:
    shares = sorted(found.importances.items(), key=lambda item: (-item[1], item[0]))
    if not shares:
        return
    made.add(
        "What mattered",
        bar_chart(
            [knob for knob, _ in shares],
            {"": [share for _, share in shares]},
            value_label="importance",
            horizontal=True,
        ),
        "Each knob's share in what sets the better trials apart from the rest (PED-ANOVA). "
        "It holds for this space and these trials: with few of them, take it as a hint.",
    )
    knobs = {knob.name: knob for knob in asked.space.knobs}
    slices = [
        part
        for knob, _ in shares
        if knob in knobs and not knobs[knob].choices
        if (part := _slice(found, knobs[knob], name))
    ]
    if slices:
        made.add("Knob by knob", grid(*slices[:MOST_SLICES]))


def _slice(found: Found, knob: Knob, name: str) -> Html:
    # All models in each of the charts, so that each has one colour.
    groups: dict[str, list[Point]] = {}
    for item in found.trials:
        if item.state == "complete" and item.eval_loss is not None:
            group = groups.setdefault(str(item.values.get("model", "")), [])
            if knob.name in item.values:
                value = float(item.values[knob.name])
                group.append((math.log10(value) if knob.log else value, item.eval_loss))
    if not any(groups.values()):
        return Html()
    label = f"{knob.name}, power of ten" if knob.log else knob.name
    return scatter_chart(groups, x_label=label, y_label=f"eval {name}", title=knob.name)


def _facts(found: Found, asked: Asked) -> dict[str, object]:
    config: dict[str, Any] = json.loads(found.best)
    drawn = [knob.name for knob in asked.space.knobs if knob.name in found.chosen.values]
    order = [*drawn, *(name for name in config if name not in drawn)]
    base = asked.space.base.to_dict()
    return {
        name: _cell(config[name])
        for name in order
        if name in drawn or config[name] != base[name] or name == "model"
    }


def _table(found: Found, asked: Asked, name: str) -> Html:
    def goodness(item: Finished) -> tuple[object, ...]:
        place = list(TONES).index(item.state)
        return place, item.eval_loss if item.eval_loss is not None else math.inf, item.number

    knobs = [knob.name for knob in asked.space.knobs]
    rows = [
        [
            item.number,
            badge(item.state, TONES[item.state]),
            item.eval_loss,
            *(_cell(item.values.get(knob)) for knob in knobs),
            item.epochs or None,
            item.why.split("\n", 1)[0],
        ]
        for item in sorted(found.trials, key=goodness)
    ]
    return table(["trial", "", f"eval {name}", *knobs, "epochs", "why"], rows)


def _cell(value: Any) -> object:
    return value if value is None or isinstance(value, int | float) else text_of(value)
