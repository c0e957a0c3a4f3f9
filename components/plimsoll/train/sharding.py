"""A network in several processes: copied (DDP), or cut into shards (FSDP2)."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from plimsoll.train.config import TrainConfig
from plimsoll.train.ranks import World

OWN_GROUP = 1 << 20
"""A layer of so many weights is gathered by itself, so that never all are in memory at once."""


def shared(
    network: nn.Module, config: TrainConfig, world: World, device: torch.device
) -> nn.Module:
    """Returns the module that is called in a step; gradients are means over the processes."""
    if world.size == 1:
        return network
    if config.parallel == "fsdp":
        mesh = init_device_mesh(device.type, (world.size,))
        for child in network.modules():
            own = sum(weight.numel() for weight in child.parameters(recurse=False))
            if child is not network and own >= OWN_GROUP and not _only_holds(child):
                fully_shard(child, mesh=mesh)
        # Gathered weights would outlive a change of the shards between two passes.
        fully_shard(network, mesh=mesh, reshard_after_forward=True)
        return network
    unknown = config.model == "module"
    return DistributedDataParallel(
        network,
        device_ids=[device] if device.type == "cuda" else None,
        # Only a network of the user's own may change its buffers, or leave weights unused.
        broadcast_buffers=unknown,
        find_unused_parameters=unknown,
        gradient_as_bucket_view=True,
    )


def _only_holds(module: nn.Module) -> bool:
    return isinstance(module, nn.ParameterList | nn.ParameterDict | nn.ModuleList)


class Weights:
    """A network's weights as this process holds them: whole, or its shard of each.

    Args:
        network: After it was shared; not the wrapper.
    """

    def __init__(self, network: nn.Module) -> None:
        self.parameters: dict[str, nn.Parameter] = dict(network.named_parameters())
        kept = network.state_dict()
        everything = dict(network.named_buffers())
        self.buffers: dict[str, torch.Tensor] = {
            name: value for name, value in everything.items() if name in kept
        }
        """Those that are saved with the network."""

    @property
    def local(self) -> dict[str, torch.Tensor]:
        """Name -> this process's part of a parameter, in the memory that is learnt in."""
        with torch.no_grad():
            return {name: _local(value) for name, value in self.parameters.items()}

    def whole(self, name: str, part: torch.Tensor) -> torch.Tensor:
        """Returns all of what the processes hold like a parameter, on the processor.

        All processes have to call it, in the same order.

        Args:
            name: The parameter's, or a buffer's.
            part: This process's part.
        """
        like = self.parameters.get(name)
        if isinstance(like, DTensor):
            part = _like(like, part).full_tensor()
        return part.detach().to("cpu", copy=True).contiguous()

    def part(self, name: str, whole: torch.Tensor) -> torch.Tensor:
        """Returns this process's part of a whole tensor, on its device."""
        like = self.parameters.get(name)
        if isinstance(like, DTensor):
            moved = whole.to(like.device)
            cut = distribute_tensor(moved, like.device_mesh, like.placements, src_data_rank=None)
            return cut.to_local().clone()
        held = self.parameters[name] if like is not None else self.buffers[name]
        return whole.to(held.device, copy=True)

    def state_like(self, name: str, part: torch.Tensor) -> torch.Tensor:
        """Returns a part as the optimiser keeps what belongs to a parameter."""
        like = self.parameters[name]
        return _like(like, part) if isinstance(like, DTensor) else part


def local_part(value: torch.Tensor) -> torch.Tensor:
    """Returns this process's part of a tensor, sharing its memory."""
    with torch.no_grad():
        return _local(value)


def _local(value: torch.Tensor) -> torch.Tensor:
    return value.to_local() if isinstance(value, DTensor) else value.detach()


def _like(like: DTensor, part: torch.Tensor) -> DTensor:
    return DTensor.from_local(
        part,
        like.device_mesh,
        like.placements,
        run_check=False,
        shape=like.shape,
        stride=like.stride(),
    )
