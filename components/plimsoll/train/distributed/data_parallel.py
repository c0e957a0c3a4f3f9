"""A network in several processes: copied (DDP), or cut into shards (FSDP2).

Torch's packages for shards take seconds to import, so that only what has shards imports them.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from plimsoll.train.config import TrainConfig
from plimsoll.train.distributed.process_group import World

OWN_GROUP = 1 << 20
"""A layer of so many weights is gathered by itself, so that never all are in memory at once."""


def parallelized(
    network: nn.Module, config: TrainConfig, world: World, device: torch.device
) -> nn.Module:
    """Returns the module that is called in a step; gradients are means over the processes."""
    if world.size == 1:
        return network
    if config.parallel == "fsdp":
        _fully_shard(network, world, device)
        return network
    own_code = config.model == "module"
    return DistributedDataParallel(
        network,
        device_ids=[device] if device.type == "cuda" else None,
        # Only a network of the user's own may change buffers in a step, or leave weights unused.
        forward_sync_buffers=own_code,
        find_unused_parameters=own_code,
        gradient_as_bucket_view=True,
    )


def _fully_shard(network: nn.Module, world: World, device: torch.device) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (world.size,))
    for child in list(network.modules()):
        own = sum(weight.numel() for weight in child.parameters(recurse=False))
        if child is not network and own >= OWN_GROUP and not _is_container(child):
            fully_shard(child, mesh=mesh)
    # Gathered weights would outlive a change of the shards between two passes.
    fully_shard(network, mesh=mesh, reshard_after_forward=True)


def _is_container(module: nn.Module) -> bool:
    return isinstance(module, nn.ParameterList | nn.ParameterDict | nn.ModuleList)


class ShardedWeights:
    """A network's weights as this process holds them: whole, or its shard of each.

    Args:
        network: After ``parallelized``; not the wrapper.
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
        return {name: local_shard(value) for name, value in self.parameters.items()}

    def gathered(self, name: str, shard: torch.Tensor) -> torch.Tensor:
        """Returns all of what the processes hold like a parameter, on the processor.

        All processes have to call it, in the same order.

        Args:
            name: The parameter's, or a buffer's.
            shard: This process's part.
        """
        like = self.parameters.get(name)
        if like is not None and _is_sharded(like):
            shard = _as_dtensor(like, shard).full_tensor()
        return shard.detach().to("cpu", copy=True).contiguous()

    def shard(self, name: str, whole: torch.Tensor) -> torch.Tensor:
        """Returns this process's part of a whole tensor, on its device."""
        like = self.parameters.get(name)
        if like is not None and _is_sharded(like):
            from torch.distributed.tensor import distribute_tensor

            moved = whole.to(like.device)
            sharded = distribute_tensor(
                moved, like.device_mesh, like.placements, src_data_rank=None
            )
            return local_shard(sharded).clone()
        held = self.parameters[name] if like is not None else self.buffers[name]
        return whole.to(held.device, copy=True)

    def optimizer_state_like(self, name: str, shard: torch.Tensor) -> torch.Tensor:
        """Returns a part as the optimiser keeps what belongs to a parameter."""
        like = self.parameters[name]
        return _as_dtensor(like, shard) if _is_sharded(like) else shard


@torch.no_grad()
def local_shard(value: Any) -> torch.Tensor:
    """Returns this process's part of a tensor, sharing its memory."""
    shard: torch.Tensor = value.to_local() if _is_sharded(value) else value.detach()
    return shard


def _is_sharded(value: torch.Tensor) -> bool:
    return hasattr(value, "placements")


def _as_dtensor(like: Any, shard: torch.Tensor) -> Any:
    from torch.distributed.tensor import DTensor

    return DTensor.from_local(
        shard,
        like.device_mesh,
        like.placements,
        run_check=False,
        shape=like.shape,
        stride=like.stride(),
    )
