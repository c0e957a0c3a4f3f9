"""The training loop on a GPU: it learns, its graph replays, its memory is told, it goes on."""

import dataclasses
import shutil

import pytest
import torch

from plimsoll.errors import ConfigError
from plimsoll.models.network import load_network
from plimsoll.train.config import TrainConfig
from plimsoll.train.distributed import devices
from plimsoll.train.distributed.process_group import World
from plimsoll.train.job import Job
from plimsoll.train.loop import loop
from plimsoll.train.loop.cuda_graph import CudaGraphTrainStep
from plimsoll.train.loop.setup import set_up_training
from plimsoll.train.telemetry.events import Started, Stepped
from train import made_examples

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")

CONFIG = TrainConfig(
    model="mlp", epochs=6, patience=9, batch_size=64, hidden=(64, 32), learning_rate=0.01,
    unknown_rate=0.0, dropout=0.0,
)  # fmt: skip


class Heard:
    def __init__(self):
        self.events = []

    def on_event(self, event):
        self.events.append(event)


def job(tmp_path, config=CONFIG, name="out", task="binary", **changed):
    if not (tmp_path / "examples").exists():
        made_examples.write(tmp_path / "examples", task, rows=1000)
    return Job(examples=tmp_path / "examples", out=tmp_path / name, config=config, **changed)


def losses(history):
    return [epoch.eval_loss for epoch in history.epochs]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("model", ["linear", "mlp", "tabm", "dcn"])
def test_every_family_learns_every_task(tmp_path, model, task):
    heard = Heard()
    history = loop.run(job(tmp_path, dataclasses.replace(CONFIG, model=model), task=task), [heard])
    assert losses(history)[-1] < losses(history)[0]
    assert "GPU" in heard.events[0].place
    assert isinstance(heard.events[0], Started)
    assert all(event.gpu_memory > 0 for event in heard.events if isinstance(event, Stepped))
    load_network(tmp_path / "out")


def test_the_graph_learns_what_single_steps_do(tmp_path):
    exact = dataclasses.replace(CONFIG, precision="float32")
    graph = loop.run(job(tmp_path, exact, name="graph"))
    single = loop.run(job(tmp_path, dataclasses.replace(exact, compile="never"), name="single"))
    assert losses(graph) == pytest.approx(losses(single), rel=1e-2)


def test_a_step_is_captured_and_draws_anew_each_time(tmp_path):
    config = dataclasses.replace(CONFIG, dropout=0.5)
    device = devices.select_device(World())
    setting = set_up_training(job(tmp_path, config), World(), device)
    steps = setting.train_step
    assert isinstance(steps, CudaGraphTrainStep)
    batch = setting.batches.batch(0, 0)
    seen = []
    for step in range(12):
        steps.total.zero_()
        steps.run(batch, rows=len(batch), step=step)
        seen.append(float(steps.total))
    assert len(set(seen)) == 12


@pytest.mark.parametrize("data", ["resident", "streamed"])
def test_it_goes_on_from_a_checkpoint(tmp_path, data):
    config = dataclasses.replace(CONFIG, checkpoint_steps=10, data=data, precision="float32")
    whole = loop.run(job(tmp_path, config, checkpoints=tmp_path / "checkpoints"))
    newest = max((tmp_path / "checkpoints").iterdir())
    shutil.rmtree(newest)
    again = loop.run(job(tmp_path, config, name="again", checkpoints=tmp_path / "checkpoints"))
    assert again.notes
    assert losses(again) == pytest.approx(losses(whole), rel=1e-2)


def test_too_large_a_batch_says_what_fits(tmp_path):
    source = """
import torch

class Own(torch.nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layer = torch.nn.Linear(inputs.numeric, inputs.outputs)

    def forward(self, numeric, categorical):
        if self.training:
            # 4 GiB a row.
            numeric = numeric + torch.zeros(len(numeric), 1 << 30, device=numeric.device)[:, :1]
        return self.layer(numeric)

def build(inputs):
    return Own(inputs)
"""
    config = dataclasses.replace(CONFIG, model="module", batch_size=512, compile="never")
    with pytest.raises(ConfigError, match="out of memory") as caught:
        loop.run(job(tmp_path, config, module=source))
    assert "rows fit" in caught.value.cause
