"""What a training runs on: the device, its memory, its threads, its numbers' precision."""

import os
import shutil
from pathlib import Path

import torch

from plimsoll.errors import ConfigError
from plimsoll.train.config import TrainConfig
from plimsoll.train.distributed.process_group import World

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
CGROUP_MEMORY = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"))
HOST_MEMORY = Path("/proc/meminfo")
SHARE_FOR_ROWS = 0.5
"""Share of the free memory that rows may take; the rest is for weights and what steps need."""
LEAST_SHARED = 1 << 24
"""Products of a row's number and a weight in a step's forward pass from which several threads pay:
below them two were slower than one, by 5 to 70 percent on idle cores and up to 20 times on busy
ones."""
COMPILERS = ("cc", "gcc", "clang")


def select_device(world: World) -> torch.device:
    """Makes processors deterministic, and returns the device."""
    if torch.cuda.is_available():
        device = torch.device("cuda", world.local_rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
        torch.use_deterministic_algorithms(True)
        # Every tensor is written before it is read: to fill them first only costs time.
        torch.utils.deterministic.fill_uninitialized_memory = False
    return device


def threads_for(config: TrainConfig, world: World, weights: int) -> int:
    """Returns how many threads this process works with.

    Args:
        config: Of it count ``threads``, ``batch_size``, ``model`` and ``members``.
        world: The processes.
        weights: Numbers that the network learns; the members of an ensemble share them.
    """
    if config.threads:
        return config.threads
    rows = -(-config.batch_size // world.size)
    members = config.members if config.model == "tabm" else 1
    if rows * weights * members < LEAST_SHARED:
        return 1
    return max(1, usable_processors() // world.local_size)


def usable_processors() -> int:
    """Returns how many processors this process may use: its affinity and its container's limit."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = CGROUP_LIMIT.read_text("utf-8").split()
        allowed = min(allowed or 1, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        # No container, or one without a limit.
        pass
    return allowed or 1


def describe_device(device: torch.device, world: World) -> str:
    """Says what is trained on: ``2 GPUs (NVIDIA H100)``, ``4 threads``, ``2 x 1 threads``."""
    if device.type == "cuda":
        counted = "GPU" if world.size == 1 else f"{world.size} GPUs"
        return f"{counted} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    of_each = f"{threads} thread{'s' if threads > 1 else ''}"
    return of_each if world.size == 1 else f"{world.size} processes of {of_each}"


def memory_for_rows(device: torch.device, world: World) -> int:
    """Returns the bytes of rows that this process may keep on the device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * SHARE_FOR_ROWS)
    return int(_free_host_memory() * SHARE_FOR_ROWS) // world.local_size


def uses_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Returns whether matrix products are computed in bfloat16."""
    if config.precision == "auto":
        return device.type == "cuda" and bool(
            torch.cuda.is_bf16_supported(including_emulation=False)
        )
    return config.precision == "bfloat16"


def uses_compile(config: TrainConfig) -> bool:
    """Returns whether the network is compiled, which needs a compiler of C.

    Raises:
        ConfigError: if it has to be and there is no compiler.
    """
    if config.compile != "always":
        return False
    if not (os.environ.get("CC") or any(map(shutil.which, COMPILERS))):
        raise ConfigError(
            "train config: compile is 'always', and there is no compiler of C here",
            cause=f"none of {', '.join(COMPILERS)} is on the PATH",
            hint='install one in the image, or: {"compile": "auto"}',
        )
    return True


def uses_cuda_graph(config: TrainConfig, device: torch.device, world: World) -> bool:
    """Returns whether the step is captured as one CUDA graph: small networks wait for launches.

    A network of the user's own may do what a graph cannot hold: it is captured by
    ``compile: always`` alone.
    """
    wanted = config.compile == "always" or (config.compile == "auto" and config.model != "module")
    return device.type == "cuda" and world.size == 1 and wanted


def memory_in_use(device: torch.device) -> int:
    """Returns the bytes that tensors take on a GPU; 0 on a processor."""
    return int(torch.cuda.memory_allocated(device)) if device.type == "cuda" else 0


def utilisation(device: torch.device) -> float:
    """Returns the share of the time in which a GPU computed, 0 to 1; 0 where none is measured."""
    if device.type != "cuda":
        return 0.0
    try:
        return float(torch.cuda.utilization(device)) / 100
    except (ImportError, RuntimeError):
        # NVIDIA's management library is not in every image; the figure is shown, not used.
        return 0.0


def _free_host_memory() -> int:
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = HOST_MEMORY.read_text("utf-8").splitlines()
        known = dict(line.split(":", 1) for line in lines if ":" in line)
        free = int(known["MemAvailable"].split()[0]) * 1024
        most, used = (path.read_text("utf-8").strip() for path in CGROUP_MEMORY)
        free = min(free, max(0, int(most) - int(used)))
    except (OSError, KeyError, ValueError):
        # No container, or one without a limit: the machine's memory holds.
        pass
    return free
