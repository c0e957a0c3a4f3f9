"""The step as one CUDA graph.

A small network's step is dozens of launches, which take longer to ask for than to run.
"""

from typing import Any

import torch

from plimsoll.train.data.tensors import TensorBatch
from plimsoll.train.loop.train_step import StepParts, TrainStep

WARM_UP_STEPS = 3
"""Steps that are taken one by one before the capture, as CUDA's libraries want it."""


class CudaGraphTrainStep(TrainStep):
    """Takes steps on one GPU, in one process, by replaying a graph.

    Every batch is filled up to the same number of rows.
    """

    def __init__(self, parts: StepParts) -> None:
        super().__init__(parts)
        device = parts.device
        self._rate = self.optimizer.param_groups[0]["lr"]
        self._scale = torch.zeros((), device=device)
        self._share = torch.zeros((), device=device)
        self._real = torch.zeros(parts.config.batch_size, device=device)
        self._rows: TensorBatch | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream = torch.cuda.Stream(device)
        self._taken = 0

    def run(self, batch: TensorBatch, *, rows: int, step: int) -> None:
        """Learns from a batch; see ``TrainStep.run``."""
        self.seed(step)
        self._fill(batch)
        self._rate.fill_(self.parts.schedule.rate(step))
        self._scale.fill_(1 / rows)
        self._share.fill_(self.parts.ema.newest_share(step + 1))
        if self._graph is not None:
            self._graph.replay()
        elif self._taken < WARM_UP_STEPS:
            self._warm_up()
        else:
            self._capture()
        self._taken += 1

    def _fill(self, batch: TensorBatch) -> None:
        size = len(self._real)
        if self._rows is None:
            full = batch.padded(size)
            self._rows = TensorBatch(
                numeric=full.numeric.clone(),
                categorical=full.categorical.clone(),
                target=full.target.clone(),
            )
        self._rows.numeric[: len(batch)].copy_(batch.numeric)
        self._rows.categorical[: len(batch)].copy_(batch.categorical)
        self._rows.target[: len(batch)].copy_(batch.target)
        self._real[: len(batch)].fill_(1)
        self._real[len(batch) :].fill_(0)

    def _warm_up(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._body()
        torch.cuda.current_stream().wait_stream(self._stream)

    def _capture(self) -> None:
        # Gradients that the graph allocates itself stay where it writes them.
        self.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._body()
        self._graph = graph
        graph.replay()

    def _body(self) -> None:
        assert self._rows is not None  # noqa: S101 - filled before
        with self.autocast():
            outputs = self.parts.model(self._rows.numeric, self._rows.categorical)
        loss = self.parts.loss.training_loss(outputs, self._rows.target, self._real)
        self.optimizer.zero_grad(set_to_none=True)
        (loss * self._scale).backward()
        self._clip()
        self.optimizer.step()
        self.parts.ema.update(self._share)
        self.total += loss.detach()

    def _optimizer(self, **options: Any) -> torch.optim.AdamW:
        rate = torch.tensor(self.parts.config.learning_rate, device=self.parts.device)
        return super()._optimizer(lr=rate, capturable=True, **options)
