"""Samples a second of a training: ours against the bare step and a plain DataLoader loop.

The bare step takes one batch that lies on the device again and again: forward, backward, clip,
fused AdamW. Ours draws its batches, averages its weights, evaluates (few rows) and tells how it
goes. They take turns in one process, and the medians of their ratios are shown, on the clock and
in the processor's time, which other programs on the machine disturb less. On a GPU, where the
environment has one, more rows and larger batches are taken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import in_role
from plimsoll.local.engine import environments

PROGRAM = "training_steps"
LINE = 0.9
LINE_ON_GPU = 20.0


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the rates, their ratios beside the lines they keep, and two processes against one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    asked = parser.parse_args(arguments)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        told = in_role.told(PROGRAM, "train", folder, str(asked.rounds))
        _print(told)
        scaling(Path(folder))


def _print(told: dict[str, Any]) -> None:
    print(
        f"\na network of {told['weights']:,} weights, {told['rows']:,} rows, {told['batch']:,} a "
        f"step, on {told['place']}"
    )
    print(f"{'':<28}{'samples/s':>14}{'of the bare':>13}{'CPU time':>10}")
    rows = [
        ("the bare step on one batch", told["bare"], 1.0, 1.0, ""),
        (
            "ours, rows resident",
            told["ours"],
            told["ours_of_bare"],
            told["ours_of_bare_busy"],
            f"line: {LINE}",
        ),
        (
            "ours, rows streamed",
            told["streamed"],
            told["streamed_of_bare"],
            told["streamed_of_bare_busy"],
            "line: none set",
        ),
        (
            "a DataLoader loop",
            told["loader"],
            told["ours_of_bare"] / told["ours_of_loader"],
            told["ours_of_bare_busy"] / told["ours_of_loader_busy"],
            "",
        ),
    ]
    for name, rate, share, busy, line in rows:
        print(f"{name:<28}{rate:>14,.0f}{share:>12.2f}x{busy:>9.2f}x  {line}")
    line = f"  line: {LINE_ON_GPU:.0f}x" if "memory" in told else ""
    print(f"ours against the DataLoader: {told['ours_of_loader']:.1f}x{line}")
    if "memory" in told:
        print(
            f"{told['share_of_peak']:.1%} of the GPU's peak in bfloat16, "
            f"{told['memory'] / 2**30:.2f} GiB at most"
        )


def scaling(folder: Path) -> None:
    """Prints what two processes of one thread gain over one: each thread is a core's."""
    rates = [_alone(folder, processes) for processes in (1, 2)]
    print(
        f"\n1 process of 1 thread: {rates[0]:,.0f} samples/s; 2 processes (DDP, gloo): "
        f"{rates[1]:,.0f}, {rates[1] / rates[0]:.2f}x"
    )


def _alone(folder: Path, processes: int) -> float:
    python = str(environments.ensure("train", print).python)
    program = [str(in_role.CONTENDERS / f"{PROGRAM}.py"), str(folder), "1", "alone"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    ran = subprocess.run(
        [python, *torchrun, *program],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=in_role.SECONDS_AT_MOST,
        env={
            **os.environ,
            "PYTHONPATH": str(in_role.ROOT / "components"),
            "OMP_WAIT_POLICY": "PASSIVE",
            "OMP_NUM_THREADS": "1",
        },
    )
    told = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    return float(told[-1]["ours"])


if __name__ == "__main__":
    main(sys.argv[1:])
