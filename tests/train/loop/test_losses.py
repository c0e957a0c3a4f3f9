"""The loss of single networks and of ensembles, with rows that only fill up, and by class."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.train.loop.ema import WeightEma
from plimsoll.train.loop.learning_rate import LearningRateSchedule
from plimsoll.train.loop.losses import Loss

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(2, 5))


def drawn(shape, task, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows, members, outputs = shape
    if task == "regression":
        outputs = 1
        target = torch.randn(rows, 1, generator=generator)
    else:
        target = torch.randint(0, outputs, (rows,), generator=generator)
    return torch.randn(rows, members, outputs, generator=generator), target


@given(SHAPES, st.sampled_from(["multiclass", "regression"]), st.booleans())
def test_an_ensembles_loss_is_the_mean_of_its_members(shape, task, weighed):
    answers, target = drawn(shape, task)
    weights = torch.arange(1, shape[2] + 1) / 2 if weighed and task != "regression" else None
    loss = Loss(task, weights)
    members = [loss.training_loss(answers[:, member], target) for member in range(shape[1])]
    assert float(loss.training_loss(answers, target)) == pytest.approx(
        float(sum(members)) / shape[1], rel=1e-5
    )


@given(SHAPES, st.sampled_from(["multiclass", "regression"]), st.integers(0, 5))
def test_rows_that_only_fill_up_count_nothing(shape, task, more):
    answers, target = drawn(shape, task)
    loss = Loss(task)
    filled = torch.cat([answers, torch.randn(more, *answers.shape[1:])])
    targets = torch.cat([target, torch.zeros(more, *target.shape[1:], dtype=target.dtype)])
    real = torch.tensor([1.0] * len(answers) + [0.0] * more)
    assert float(loss.training_loss(filled, targets, real)) == pytest.approx(
        float(loss.training_loss(answers, target)), rel=1e-5, abs=1e-6
    )


@given(SHAPES)
def test_what_is_compared_is_the_loss_of_what_an_ensemble_answers(shape):
    answers, target = drawn(shape, "multiclass")
    chances = answers.double().softmax(-1).mean(1).numpy()
    wanted = -np.log(chances[np.arange(len(target)), target.numpy()]).sum()
    total, count = Loss("multiclass").eval_sums(answers, target).tolist()
    assert (total, count) == (pytest.approx(wanted, rel=1e-9), len(target))


def test_values_are_compared_by_the_ensembles_mean():
    answers, target = drawn((6, 3, 1), "regression")
    wanted = ((answers.mean(1) - target) ** 2).sum()
    total, count = Loss("regression").eval_sums(answers, target).tolist()
    assert (total, count) == (pytest.approx(float(wanted), rel=1e-6), 6)


def test_no_rows_have_no_loss_and_a_gradient_of_nothing():
    answers = torch.zeros(0, 3, requires_grad=True)
    loss = Loss("multiclass").training_loss(answers, torch.zeros(0, dtype=torch.int64))
    loss.backward()
    assert float(loss.detach()) == 0


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_average_follows_a_tensors_share_as_a_number(decay):
    live = [torch.randn(3, 2), torch.randn(4)]
    one, two = WeightEma(live, decay), WeightEma(live, decay)
    for value in live:
        value.mul_(3)
    one.update(0.25)
    two.update(torch.tensor(0.25))
    for first, second, value in zip(one.values, two.values, live, strict=True):
        assert torch.allclose(first, second)
        assert torch.allclose(first, value / 3 + 0.25 * (value - value / 3))


def test_the_average_is_shown_in_the_weights_place_and_they_come_back():
    live = [torch.tensor([1.0, 2.0])]
    averaged = WeightEma(live, 0.9)
    live[0].copy_(torch.tensor([5.0, 6.0]))
    with averaged.applied():
        assert live[0].tolist() == [1, 2]
    assert live[0].tolist() == [5, 6]
    assert averaged.values[0].tolist() == [1, 2]


def test_the_learning_rate_rises_and_falls_to_nothing():
    schedule = LearningRateSchedule(total=100, warm_up=0.1, highest=2.0)
    rates = [schedule.rate(step) for step in range(101)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == pytest.approx(2.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert rates[55] == pytest.approx(1.0)
    assert [schedule.warmed_up(step) for step in (9, 10)] == [False, True]
    assert math.isclose(LearningRateSchedule(total=5, warm_up=0.0, highest=1.0).rate(0), 1.0)
