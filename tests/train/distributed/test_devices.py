"""What a training runs on, as far as any machine can tell."""

import pytest

from plimsoll.train.config import TrainConfig
from plimsoll.train.distributed import devices
from plimsoll.train.distributed.process_group import World

ENOUGH = devices.LEAST_SHARED // 256
"""Weights from which a step of 256 rows is worth several threads."""


@pytest.fixture(autouse=True)
def processors(monkeypatch):
    monkeypatch.setattr(devices, "usable_processors", lambda: 8)


def config(**knobs):
    return TrainConfig(**{"model": "mlp", "batch_size": 256, **knobs})


@pytest.mark.parametrize(
    ("weights", "knobs", "threads"),
    [
        (ENOUGH, {}, 8),
        (ENOUGH - 1, {}, 1),
        (ENOUGH, {"batch_size": 255}, 1),
        (ENOUGH // 8, {"model": "tabm", "members": 8}, 8),
        (ENOUGH // 8, {"members": 8}, 1),
        (1, {"threads": 3}, 3),
        (ENOUGH, {"threads": 1}, 1),
    ],
)
def test_a_small_step_has_one_thread(weights, knobs, threads):
    assert devices.threads_for(config(**knobs), World(), weights) == threads


def test_processes_of_one_machine_share_its_processors_and_the_rows():
    world = World(rank=1, size=2, local_rank=1, local_size=2)
    assert devices.threads_for(config(), world, 2 * ENOUGH) == 4
    assert devices.threads_for(config(), world, 2 * ENOUGH - 1) == 1
