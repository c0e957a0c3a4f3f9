"""Starts a training where it shall run: in this process, in several here, or on a cluster."""

from plimsoll.errors import StepError
from plimsoll.train.job import Job
from plimsoll.train.launch.config import LauncherConfig, check_launcher


def launch(job: Job, launcher: str, launcher_config: LauncherConfig | None = None) -> None:
    """Trains, and returns when ``job.out`` is whole.

    ``local`` uses all devices of this machine: in this process if it is one, else by torchrun.
    ``trainjob`` gives the training to Kubeflow Trainer, and waits for it.

    Args:
        job: What to train.
        launcher: ``local`` or ``trainjob``.
        launcher_config: What ``trainjob`` asks the cluster for.

    Raises:
        ConfigError: if there is no such launcher, or its config does not hold.
        PlimsollError: what ended the training.
        SystemExit: with 143 after SIGTERM; a checkpoint was saved.
    """
    check_launcher(launcher)
    if launcher == "trainjob":
        from plimsoll.train.launch import trainjob

        trainjob.run(job, launcher_config or LauncherConfig())
    else:
        _run_here(job)
    if not job.out.is_dir():
        raise StepError("the training ended without a model", cause=f"there is no folder {job.out}")


def local_processes(devices: int) -> int:
    """Returns how many processes this machine trains with: those asked for, one a GPU, or one."""
    if devices:
        return devices
    import torch

    return max(1, int(torch.cuda.device_count()))


def _run_here(job: Job) -> None:
    processes = local_processes(job.config.devices)
    if processes > 1:
        from plimsoll.train.launch import torchrun

        torchrun.run(job, processes)
        return
    from plimsoll.train.loop.loop import run
    from plimsoll.train.telemetry.listeners import listeners_for

    run(job, listeners_for(job))
