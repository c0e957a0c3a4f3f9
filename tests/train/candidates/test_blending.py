"""What models weigh in a blend: by eval where it can tell them apart, else about the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.train.candidates.blending import SMALLEST, blend_weights, blended, loss_of


def answers(label, noise, seed):
    """Answers that are right but for noise."""
    random = np.random.default_rng(seed)
    return label + noise * random.normal(size=len(label))


def test_few_rows_give_models_that_are_about_as_good_about_the_same():
    label = np.random.default_rng(0).normal(size=30)
    given = [answers(label, 0.5, seed) for seed in range(4)]
    weights = blend_weights("regression", label, given)
    assert min(weights) > 0.15


def test_many_rows_leave_the_weights_to_eval():
    label = np.random.default_rng(0).normal(size=50_000)
    given = [answers(label, noise, seed) for seed, noise in enumerate((0.1, 0.5, 0.5))]
    weights = blend_weights("regression", label, given)
    assert weights[0] > 0.85


def test_a_model_that_is_clearly_worse_has_no_share_however_few_the_rows():
    label = np.random.default_rng(0).normal(size=60)
    given = [answers(label, 0.2, 0), answers(label, 0.2, 1), answers(label, 5.0, 2)]
    assert blend_weights("regression", label, given)[2] == 0


def test_a_blend_of_two_halves_beats_both():
    random = np.random.default_rng(0)
    label = random.normal(size=400).astype(np.float32)
    answers = [label + random.normal(0, 1, 400) for _ in range(2)]
    weights = blend_weights("regression", label, answers)
    assert sum(weights) == pytest.approx(1)
    assert min(weights) > 0.3
    together = loss_of("regression", label, blended(answers, weights))
    assert together < 0.8 * min(loss_of("regression", label, answer) for answer in answers)


def test_one_model_stands_alone_where_the_other_adds_nothing():
    label = np.array([0, 1, 1, 0] * 25)
    right = np.where(label[:, None] == [0, 1], 0.9, 0.1)
    assert blend_weights("binary", label, [1 - right, right]) == (0.0, 1.0)
    assert blend_weights("binary", label, [right]) == (1.0,)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), models=st.integers(1, 5), classes=st.integers(2, 4))
def test_a_blend_is_no_worse_on_eval_than_its_members_by_their_weights(
    seed: int, models: int, classes: int
):
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, 60)
    answers = [random.dirichlet(np.ones(classes), 60) for _ in range(models)]
    weights = blend_weights("multiclass", label, answers)
    assert sum(weights) == pytest.approx(1)
    assert all(weight == 0 or weight >= SMALLEST / 2 for weight in weights)
    together = loss_of("multiclass", label, blended(answers, weights))
    alone = [loss_of("multiclass", label, answer) for answer in answers]
    assert together <= np.dot(weights, alone) + 1e-12
