"""What auto tries, and what models are worth together."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.train.auto import candidates
from plimsoll.train.blending import SMALLEST, blended, loss_of, weights_for
from plimsoll.train.config import TrainConfig
from train import made_examples


def test_boosting_is_tried_first_and_what_is_set_stays(tmp_path: Path) -> None:
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="auto", dropout=0.15, seed=7)
    tried = candidates(examples, config)
    assert tried[0].model == "boosting"
    assert {item.model for item in tried} > {"boosting", "mlp"}
    assert "auto" not in {item.model for item in tried}
    assert all((item.dropout, item.seed) == (0.15, 7) for item in tried)
    assert len(set(tried)) == len(tried)


def test_a_blend_of_two_halves_beats_both() -> None:
    random = np.random.default_rng(0)
    label = random.normal(size=400).astype(np.float32)
    answers = [label + random.normal(0, 1, 400) for _ in range(2)]
    weights = weights_for("regression", label, answers)
    assert sum(weights) == pytest.approx(1)
    assert min(weights) > 0.3
    together = loss_of("regression", label, blended(answers, weights))
    assert together < 0.8 * min(loss_of("regression", label, answer) for answer in answers)


def test_one_model_stands_alone_where_the_other_adds_nothing() -> None:
    label = np.array([0, 1, 1, 0] * 25)
    right = np.where(label[:, None] == [0, 1], 0.9, 0.1)
    assert weights_for("binary", label, [1 - right, right]) == (0.0, 1.0)
    assert weights_for("binary", label, [right, right]) == (1.0, 0.0)
    assert weights_for("binary", label, [right]) == (1.0,)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), models=st.integers(1, 5), classes=st.integers(2, 4))
def test_a_blend_is_never_worse_on_eval_than_the_best_model(
    seed: int, models: int, classes: int
) -> None:
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, 60)
    answers = [random.dirichlet(np.ones(classes), 60) for _ in range(models)]
    weights = weights_for("multiclass", label, answers)
    assert sum(weights) == pytest.approx(1)
    assert all(weight == 0 or weight >= SMALLEST - 1e-9 for weight in weights)
    together = loss_of("multiclass", label, blended(answers, weights))
    alone = min(loss_of("multiclass", label, answer) for answer in answers)
    assert together <= alone + 1e-12
