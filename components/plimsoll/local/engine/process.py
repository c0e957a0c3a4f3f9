"""A step's own process: its command, its environment variables, its end."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from plimsoll.errors import StepError
from plimsoll.processes import die_with_parent

GRACE_SECONDS = 10.0
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "LD_LIBRARY_PATH",
)
_PASSED_ON_PREFIXES = (
    "AWS_",
    "CLOUDSDK_",
    "CUDA_",
    "GOOGLE_",
    "HTTP_",
    "HTTPS_",
    "KUBECONFIG",
    "KUBERNETES_",
    "MKL_",
    "MLFLOW_",
    "NO_PROXY",
    "NVIDIA_",
    "OMP_",
    "PLIMSOLL_",
    "REQUESTS_",
    "SSL_",
    "STORAGE_",
    "WANDB_",
    "XDG_",
    "http_",
    "https_",
    "no_proxy",
)


@dataclass(frozen=True, kw_only=True)
class Component:
    """What a lightweight component's command holds."""

    source: str
    """The Python source of its function."""
    arguments: tuple[str, ...]
    """What kfp's executor is given: the executor input and the function's name."""

    def command(self, python: Path, source_file: Path) -> list[str]:
        """Writes the source into a file; returns the command that runs the function there."""
        source_file.parent.mkdir(parents=True, exist_ok=True)
        source_file.write_text(self.source, "utf-8")
        module = ["-m", "kfp.dsl.executor_main", "--component_module_path", str(source_file)]
        return [str(python), *module, *self.arguments]

    @property
    def executor_input(self) -> str:
        """The executor input, JSON."""
        return self.arguments[self.arguments.index("--executor_input") + 1]

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.arguments[self.arguments.index("--function_to_execute") + 1]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended."""

    code: int
    """The exit status; below 0, the signal that killed it."""
    seconds: float
    """How long it ran."""
    peak_memory: int
    """Its greatest resident memory, in bytes."""


def parse_command(command: Sequence[str]) -> Component:
    """Finds the component's source and arguments in the command that kfp compiled.

    Raises:
        StepError: if the command is not that of a lightweight Python component.
    """
    for index, part in enumerate(command[:-1]):
        if "kfp.dsl.executor_main" in part:
            return Component(source=command[index + 1], arguments=tuple(command[index + 2 :]))
    raise StepError(
        "the step is not a lightweight Python component", cause=f"its command: {command[:3]}"
    )


def installs_packages(command: Sequence[str]) -> list[str]:
    """Returns what a command would install with pip when it runs; kfp itself is left out."""
    wanted = [
        word
        for part in command
        for line in part.split("&&")
        if "-m pip install" in line
        for word in re.findall(r"'([^']+)'", line)
    ]
    return [word for word in wanted if not word.startswith(("-", "kfp==", "typing-extensions"))]


class Processes:
    """The processes of one run's steps, which an interrupt stops together.

    An interrupt reaches the main thread alone, while a loop's steps are waited for in others.
    """

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._stopping = False

    def run(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Ended:
        """Runs a command in its own process and session, with all it prints in ``log``.

        The process dies with this one, however that ends; on an interrupt it is asked to stop
        first. What it started itself and left behind ends with it, as it would in a container.
        """
        begun = time.monotonic()
        with log.open("wb") as stream, self._started(command, environment, stream) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return Ended(
            code=process.returncode,
            seconds=time.monotonic() - begun,
            peak_memory=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        )

    def stop(self) -> None:
        """Asks all processes to stop, kills those that do not, and lets no other start.

        Called again, it kills at once.
        """
        number = signal.SIGKILL if self._stopping else signal.SIGTERM
        self._stopping = True
        self._signal_all(number)
        killing = threading.Timer(GRACE_SECONDS, self._signal_all, [signal.SIGKILL])
        killing.daemon = True
        killing.start()

    @contextlib.contextmanager
    def _started(
        self, command: Sequence[str], environment: Mapping[str, str], stream: IO[bytes]
    ) -> Iterator[subprocess.Popen[bytes]]:
        # A new session keeps a terminal's Ctrl-C from reaching the step before this process.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509
        )
        self._groups.add(process.pid)
        try:
            # An interrupt between the start and the line above did not see this process.
            if self._stopping:
                raise KeyboardInterrupt
            yield process
        except BaseException:
            _stop(process)
            raise
        finally:
            self._groups.discard(process.pid)
            _signal_group(process.pid, signal.SIGKILL)

    def _signal_all(self, number: int) -> None:
        for group in tuple(self._groups):
            _signal_group(group, number)


@contextlib.contextmanager
def interrupts_raised(processes: Processes) -> Iterator[None]:
    """Makes Ctrl-C and SIGTERM alike stop processes and raise KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        processes.stop()
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        # A shell has its background jobs ignore Ctrl-C; that is its choice to make.
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def step_environment(
    code: Path, folder: Path, lock: str, declared: Mapping[str, str]
) -> dict[str, str]:
    """Returns a step's environment variables: few of ours, so that results do not depend on them.

    Args:
        code: The import root that holds the library and nothing else.
        folder: The role's environment.
        lock: The digest of the role's lock, which packages record as lineage.
        declared: What the pipeline sets for the step.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    return {
        # Threads that spin while they wait make a busy machine twenty times slower.
        "OMP_WAIT_POLICY": "PASSIVE",
        **kept,
        "PATH": f"{folder / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONPATH": str(code),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "_KFP_RUNTIME": "true",
        "PLIMSOLL_LOCK_SHA256": lock,
        **declared,
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        _signal_group(process.pid, number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        return


def _signal_group(group: int, number: int) -> None:
    # macOS refuses with EPERM where only a zombie is left of the group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
