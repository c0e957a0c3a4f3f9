"""The processes that train one network together, and what they say to each other.

Without torchrun there is one, and everything here is free. Small things go between processes as
numbers and JSON, never as pickles, over gloo on the processors; gradients go over the device's
own backend.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from plimsoll.errors import StepError

LONGEST_WAIT = timedelta(minutes=5)
"""How long a process waits for the others before it gives up."""
LOST = ("gloo", "nccl", "connection", "timed out", "timeout", "store", "peer", "rendezvous")


@dataclass(frozen=True, kw_only=True)
class World:
    """This process among those that train together."""

    rank: int = 0
    """From 0; the first one reports, writes and decides."""
    size: int = 1
    """Processes on all machines."""
    local_rank: int = 0
    """Its rank on its own machine."""
    local_size: int = 1
    """Processes on its own machine."""

    @property
    def first(self) -> bool:
        """Whether this process reports, writes and decides."""
        return self.rank == 0

    def all_reduce(self, *values: float) -> list[float]:
        """Returns the sum over all processes of each value."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(numbers)
        return [float(number) for number in numbers]

    def all_gather(self, value: float) -> list[float]:
        """Returns the value of every process, by rank."""
        values = [0.0] * self.size
        values[self.rank] = value
        return self.all_reduce(*values)

    def broadcast(self, value: Any) -> Any:
        """Returns the first process's value, which must be JSON, in all of them."""
        if self.size == 1:
            return value
        text = json.dumps(value).encode() if self.first else b""
        length = torch.tensor([len(text)])
        distributed.broadcast(length, src=0)
        data = torch.frombuffer(bytearray(text.ljust(int(length[0]))), dtype=torch.uint8)
        distributed.broadcast(data, src=0)
        return json.loads(bytes(data.tolist()))


@contextmanager
def join_process_group() -> Iterator[World]:
    """Joins the other processes, if the environment's variables of torchrun say that there are.

    Raises:
        StepError: if they are not there in time.
    """
    world = _world_from_environment()
    if world.size == 1:
        yield world
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        with lost_process_errors(world):
            distributed.init_process_group(backend, timeout=LONGEST_WAIT)
        yield world
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


@contextmanager
def lost_process_errors(world: World) -> Iterator[None]:
    """Says of what torch raises within the block if it is another process's end.

    Raises:
        StepError: if another process ended, or does not answer while this one needs it.
    """
    try:
        yield
    except RuntimeError as error:
        if world.size == 1 or not _is_lost_process(error):
            raise
        raise LostProcessError(
            "another process of the training ended, or does not answer",
            cause=f"process {world.rank} of {world.size}: {str(error).splitlines()[0]}",
            hint="see what the other processes printed; the newest checkpoint is gone on from",
        ) from error


class LostProcessError(StepError):
    """Another process of the training is gone; its own error says why."""


def _world_from_environment() -> World:
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if not all(name in os.environ for name in names):
        return World()
    rank, size, local_rank, local_size = (int(os.environ[name]) for name in names)
    return World(rank=rank, size=size, local_rank=local_rank, local_size=local_size)


def _is_lost_process(error: RuntimeError) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return False
    text = str(error).casefold()
    return isinstance(error, distributed.DistError) or any(word in text for word in LOST)
