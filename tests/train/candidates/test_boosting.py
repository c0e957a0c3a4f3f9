"""Gradient boosting on examples of every shape: learns, stops early, is the same every time."""

import numpy as np
import pytest

from plimsoll.errors import DataError
from plimsoll.models.boosting import save_boosting
from plimsoll.models.model import open_model
from plimsoll.train.candidates.boosting import MOST_FREQUENT, fit_boosting
from plimsoll.train.config import TrainConfig
from train import made_examples, odd_examples

QUICK = TrainConfig(model="boosting", trees=12, threads=1)


class Rows:
    def __init__(self, examples, split="eval"):
        self.numeric = examples.numeric(split)
        self.categorical = examples.categorical(split)


@pytest.mark.parametrize("named", odd_examples.SHAPES)
def test_every_shape_is_learnt_and_comes_back_the_same(named, tmp_path):
    examples = odd_examples.write(tmp_path / "x", **odd_examples.SHAPES[named])
    boosted = fit_boosting(examples, QUICK, ("eval", "test"))
    save_boosting(tmp_path, boosted.model)

    model = open_model(tmp_path, threads=1)

    assert (model.family, model.task) == ("boosting", examples.task)
    assert model.widths == tuple(item.width for item in examples.categorical_outputs)
    answers = model.predict(Rows(examples))
    assert np.array_equal(answers, boosted.predictions["eval"])
    assert np.isfinite(answers).all()
    if examples.task != "regression":
        assert answers.shape == (examples.rows["eval"], len(examples.classes))
        assert answers.sum(axis=1) == pytest.approx(1)
    if named not in ("constants", "a thousand classes"):
        assert boosted.losses["train"][-1] < boosted.losses["train"][0]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_same_trees_come_of_any_number_of_threads(task, tmp_path):
    examples = made_examples.write(tmp_path / "x", task, rows=1000)
    one, two = (
        fit_boosting(examples, TrainConfig(trees=12, threads=threads), ()).model.text
        for threads in (1, 2)
    )
    assert one == two


def test_it_stops_where_the_eval_loss_was_lowest(tmp_path):
    examples = made_examples.write(tmp_path / "x", rows=400)
    boosted = fit_boosting(examples, TrainConfig(trees=400, threads=1), ("eval",))
    losses = boosted.losses["eval"]
    assert boosted.trees < len(losses) < boosted.planned
    assert losses[boosted.trees - 1] == min(losses)
    answers = boosted.predictions["eval"]
    given = np.take_along_axis(answers, np.array(examples.label("eval"))[:, None], axis=1)
    assert -np.log(given).mean() == pytest.approx(min(losses))


def test_a_class_that_train_lacks_is_answered_all_the_same(tmp_path):
    examples = odd_examples.write(tmp_path / "x", numeric=2, outputs=(), classes=40, rows=30)
    assert len(np.unique(examples.label("train"))) < 40
    answers = fit_boosting(examples, QUICK, ("eval",)).predictions["eval"]
    assert answers.shape == (10, 40)
    assert np.isfinite(answers).all()


def test_of_lists_the_frequent_values_have_columns(tmp_path):
    examples = odd_examples.write(tmp_path / "x", numeric=0, outputs=((500, 3), (6, 2)))
    (many, few) = fit_boosting(examples, QUICK, ()).model.config.frequent
    counts = np.bincount(examples.categorical("train")[:, :3].ravel(), minlength=500)
    counts[0] = 0
    assert len(many) == MOST_FREQUENT
    assert counts[list(many)].min() >= np.sort(counts)[-MOST_FREQUENT]
    assert few == (1, 2, 3, 4, 5)


def test_balanced_classes_raise_the_rare_one(tmp_path):
    examples = made_examples.write(tmp_path / "x", "binary")
    rare = int(np.argmin(np.bincount(examples.label("train"))))
    plain, balanced = (
        fit_boosting(examples, TrainConfig(trees=12, threads=1, class_weights=weights), ("eval",))
        for weights in ("none", "balanced")
    )
    means = [made.predictions["eval"][:, rare].mean() for made in (plain, balanced)]
    assert means[1] > means[0]


def test_what_cannot_be_learnt_from_is_refused(tmp_path):
    with pytest.raises(DataError, match="no input column"):
        fit_boosting(odd_examples.write(tmp_path / "none", numeric=0, outputs=()), QUICK, ())
    with pytest.raises(DataError, match="one class only"):
        fit_boosting(
            odd_examples.write(tmp_path / "one", numeric=1, outputs=(), classes=1), QUICK, ()
        )
