"""One locked Python environment a role, built once by uv and kept under the user's cache folder."""

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plimsoll import shipped
from plimsoll.errors import EnvironmentBuildError, UsageError, nearest
from plimsoll.images import ROLES
from plimsoll.processes import die_with_parent
from plimsoll.storage.files import digest_bytes, write_json
from plimsoll.storage.locks import lock

PYTHON = "3.11"
AUTHOR = "author"
READY = "plimsoll-environment.json"
LAST_LINES = 15

Announce = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A role's environment: where it is or will be, and the lock that it is made from."""

    role: str
    """One of ``images.ROLES``."""
    lock: Path
    """The requirements.lock."""
    digest: str
    """SHA-256 of the lock's content and the Python version."""
    folder: Path
    """Where the environment lies once built."""

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Whether the environment is whole."""
        return (self.folder / READY).is_file() and self.python.exists()


def cache_folder() -> Path:
    """Returns where environments lie: ``PLIMSOLL_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("PLIMSOLL_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "plimsoll"


def environment(role: str) -> Environment:
    """Returns a role's environment as the shipped lock defines it, built or not.

    Raises:
        UsageError: if there is no such role.
    """
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}", cause=nearest(role, ROLES), choices=ROLES)
    lock = shipped.folder("images") / role / "requirements.lock"
    digest = digest_bytes(f"python {PYTHON}\n".encode() + lock.read_bytes())
    return Environment(
        role=role,
        lock=lock,
        digest=digest,
        folder=cache_folder() / "environments" / f"{role}-{digest[:16]}",
    )


def ensure(role: str, announce: Announce) -> Environment:
    """Returns a role's environment, building it first where it is missing.

    Args:
        role: One of ``images.ROLES``.
        announce: Called with a line when a build starts, waits or ends.

    Raises:
        EnvironmentBuildError: if it cannot be built.
    """
    if role == AUTHOR:
        return _authors_own()
    target = environment(role)
    if target.ready:
        return target
    with _locked(target, announce):
        # Another process may have built it while this one waited for the lock.
        if not target.ready:
            _build(target, announce)
    return target


def prune() -> list[Path]:
    """Removes environments of other locks and what cut-off builds left; returns what went.

    A folder that a running build holds is left alone.
    """
    root = cache_folder() / "environments"
    current = {environment(role).folder for role in ROLES}
    removed = []
    for path in sorted(root.glob("*")) + sorted(root.glob(".building-*")):
        if path.is_dir() and path not in current and not _being_built(path):
            shutil.rmtree(path)
            removed.append(path)
    return removed


def _authors_own() -> Environment:
    """The environment of this very process, for components that name no role's image."""
    import kfp

    made_of = f"{sys.version} kfp {kfp.__version__} {sys.prefix}"
    return Environment(
        role=AUTHOR, lock=Path(), digest=digest_bytes(made_of.encode()), folder=Path(sys.prefix)
    )


def _build(target: Environment, announce: Announce) -> None:
    """Builds aside and renames, so that a folder with the final name is always whole."""
    started = time.monotonic()
    for leftover in target.folder.parent.glob(f".building-{target.role}-*"):
        # The lock is held, so whoever began this build is gone.
        shutil.rmtree(leftover, ignore_errors=True)
    announce(f"building the {target.role} environment from {target.lock.name} (once)")
    _refuse_unusable(target)
    aside = Path(tempfile.mkdtemp(dir=target.folder.parent, prefix=f".building-{target.role}-"))
    made, log = aside / "environment", aside / "uv.log"
    try:
        # Relocatable, because the folder is renamed once it is whole.
        _uv(["venv", "--quiet", "--relocatable", "--python", PYTHON, str(made)], log, target)
        install = ["pip", "install", "--python", str(made / "bin" / "python")]
        _uv([*install, *find_links(), "--requirement", str(target.lock)], log, target)
        write_json(made / READY, {"role": target.role, "lock": target.digest})
        # What lies there is not whole, such as one whose Python was removed from this machine.
        shutil.rmtree(target.folder, ignore_errors=True)
        made.rename(target.folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    announce(f"built the {target.role} environment in {time.monotonic() - started:.0f} s")


def _refuse_unusable(target: Environment) -> None:
    parent = target.folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise EnvironmentBuildError(
            f"the {target.role} environment is not built, and {parent} cannot be written",
            cause=str(error),
            hint="free the folder, or name another: PLIMSOLL_CACHE_DIR=/path plimsoll env build",
        ) from error


def _uv(arguments: Sequence[str], log: Path, target: Environment) -> None:
    with log.open("ab") as stream:
        finished = subprocess.run(
            [uv_binary(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, "VIRTUAL_ENV": ""},
            preexec_fn=die_with_parent,
        )
    if finished.returncode != 0:
        last = log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
        raise EnvironmentBuildError(
            f"the {target.role} environment could not be built",
            cause="\n".join([f"uv {arguments[0]} exited with {finished.returncode}:", *last]),
            hint=f"mend what uv names, then: plimsoll env build {target.role}",
        )


def uv_binary() -> str:
    """Returns uv's path: the one installed beside this package, else the one on the PATH.

    Raises:
        EnvironmentBuildError: if there is none.
    """
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        path = shutil.which("uv")
    if path is None:
        raise EnvironmentBuildError(
            "uv is not installed, and environments are built with it",
            hint="pip install 'kfp-plimsoll[local]'",
        )
    return path


def find_links() -> list[str]:
    """Returns uv's options for the wheel folders that pip is set up with, or an empty list.

    uv does not read pip's configuration, so a CPU build of torch kept on this machine would be
    passed over for gigabytes of CUDA.
    """
    configured = os.environ.get("PIP_FIND_LINKS") or _pip_setting("global.find-links")
    return [word for link in configured.split() for word in ("--find-links", link)]


def _pip_setting(name: str) -> str:
    for command in ([sys.executable, "-m", "pip"], ["pip"], ["pip3"]):
        if command[0] != sys.executable and shutil.which(command[0]) is None:
            continue
        answer = subprocess.run(
            [*command, "config", "get", name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if "No module named pip" not in answer.stderr:
            return answer.stdout.strip() if answer.returncode == 0 else ""
    return ""


@contextmanager
def _locked(target: Environment, announce: Announce) -> Iterator[None]:
    """Holds the role's build lock; the kernel frees it if this process dies."""
    _refuse_unusable(target)
    with _lock_file(target.role, target.folder.parent).open("w") as stream:
        if not lock(stream, 0):
            announce(f"waiting: another process is building the {target.role} environment")
            lock(stream, math.inf)
        yield


def _being_built(path: Path) -> bool:
    if not path.name.startswith(".building-"):
        return False
    role = path.name.split("-")[1]
    with _lock_file(role, path.parent).open("w") as stream:
        return not lock(stream, 0)


def _lock_file(role: str, parent: Path) -> Path:
    return parent / f".{role}.lock"
