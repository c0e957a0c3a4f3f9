"""The model's numbers in the report: the few that matter large, all of them in a table."""

import math
from collections.abc import Mapping
from typing import Any

from plimsoll.pictures.markup import Html, element, joined
from plimsoll.pictures.scales import finite_number, number_text
from plimsoll.pictures.tables import cards, table

Metrics = Mapping[str, Mapping[str, Any]]

MOST_CARDS = 6
SAME = 5e-5
_BEST_FIRST = ("test", "eval", "train")
_FIRST = ("auc", "rmse", "mae", "r2", "log_loss", "accuracy", "f1", "precision", "recall")
_LOWER_IS_BETTER = ("loss", "error", "rmse", "mse", "mae", "brier", "calibration")
_HIGHER_IS_BETTER = ("auc", "accuracy", "precision", "recall", "f1", "r2", "average_precision")


def metric_cards(metrics: Metrics, baseline: Metrics) -> tuple[str, Html]:
    """Returns the split shown, and its first metrics as cards beside the baseline's.

    Args:
        metrics: Split -> metric -> value.
        baseline: The same of the baseline; may be empty.
    """
    split = next((name for name in (*_BEST_FIRST, *metrics) if metrics.get(name)), "")
    if not split:
        return "", Html()
    values, others = metrics[split], baseline.get(split, {})
    names = sorted(values, key=_rank)[:MOST_CARDS]
    return split, cards(
        [(_title(name), values[name], _beside(name, values, others)) for name in names]
    )


def metrics_table(metrics: Metrics, baseline: Metrics) -> Html:
    """Returns a row a metric and a column a split, the model's before the baseline's."""
    columns = [("", split, values) for split, values in _by_split(metrics) if values]
    columns += [("baseline ", split, values) for split, values in _by_split(baseline) if values]
    names = sorted({name for _, _, values in columns for name in values}, key=_rank)
    if not names:
        return Html()
    rows = []
    for name in names:
        texts = [number_text(values.get(name)) for _, _, values in columns]
        rows.append([name, *(element("span", text) for text in texts)])
    headers = ["metric", *(f"{owner}{split}" for owner, split, _ in columns)]
    return element("div", table(headers, rows, tall=True), class_="metrics")


def _by_split(metrics: Metrics) -> list[tuple[str, Mapping[str, Any]]]:
    known = [split for split in reversed(_BEST_FIRST) if split in metrics]
    return [(split, metrics[split]) for split in (*known, *(s for s in metrics if s not in known))]


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _title(name: str) -> str:
    short = {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1": "F1"}
    words = name.replace("_", " ")
    return short.get(name, words[:1].upper() + words[1:])


def _beside(name: str, values: Mapping[str, Any], others: Mapping[str, Any]) -> Html | str:
    mine, other = finite_number(values[name]), finite_number(others.get(name))
    if mine is None or other is None:
        return ""
    change = mine - other
    if abs(change) < SAME:
        return f"baseline {number_text(other)}"
    digits = 4 if abs(change) < 1 else max(4 - math.ceil(math.log10(abs(change) + 1)), 0)
    text = f"{change:+,.{digits}f}" if abs(change) < 1e9 else f"{change:+.2e}"
    moved = element("span", text, class_=_direction(name, change))
    return joined([f"baseline {number_text(other)} ", moved])


def _direction(name: str, change: float) -> str | None:
    """Says whether a change is to the better, of those metrics where that is known."""
    lower = any(part in name for part in _LOWER_IS_BETTER)
    if not lower and name not in _HIGHER_IS_BETTER:
        return None
    return "down" if (change > 0) == lower else "up"
