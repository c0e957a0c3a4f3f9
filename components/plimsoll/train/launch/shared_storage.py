"""The storage that a cluster's nodes share with the process that waits for them.

A TrainJob has one folder in it, of its own name: what the nodes read (``job.json``, ``examples``,
``start_from``) and what they write (``out``, ``logs``). Checkpoints lie beside, in a folder of the
training's fingerprint, so that a job with other machines goes on where the last one stopped.
"""

import dataclasses
import shutil
import tempfile
from pathlib import Path, PurePath, PurePosixPath
from typing import Protocol

from plimsoll.errors import ConfigError, DataError, StepError
from plimsoll.storage import gcs
from plimsoll.storage.files import folder_written_whole, write_bytes
from plimsoll.train.job import Job
from plimsoll.train.launch.config import NAME, LauncherConfig
from plimsoll.train.launch.trainjob_spec import GCS_ROOT, Fingerprints

EXAMPLES, OUT, LOGS, START, CHECKPOINTS = "examples", "out", "logs", "start_from", "checkpoints"
MANIFESTS = {EXAMPLES: "manifest.json", START: "network.json"}
"""The file of each folder that is written last where folders cannot be renamed."""
JOBS = "jobs"


class Storage(Protocol):
    """One TrainJob's folder."""

    nodes: PurePosixPath
    """The folder as nodes see it."""
    checkpoints: PurePosixPath
    """The folder of checkpoints as nodes see it."""

    def put_folder(self, name: str, folder: Path) -> PurePosixPath:
        """Puts a folder there, whole, and returns where nodes see it."""

    def put_file(self, path: Path) -> PurePosixPath:
        """Puts a file there, and returns where nodes see it."""

    def has(self, name: str) -> bool:
        """Says if a folder is there."""

    def fetch(self, name: str, target: Path) -> None:
        """Brings a folder here, whole.

        Raises:
            StepError: if it is not there.
        """

    def mirror(self, name: str, target: Path, *, ended: bool) -> None:
        """Brings what is new in a folder of growing files here, where that is known."""

    def remove(self) -> None:
        """Removes the folder; the checkpoints, too."""


def storage_for(config: LauncherConfig, fingerprints: Fingerprints) -> Storage:
    """Returns the folder of a TrainJob in the storage that a config names.

    Raises:
        ConfigError: if it names none, or the claim is not mounted here.
    """
    if config.claim:
        return _Claim(config, fingerprints)
    if config.bucket:
        return _Bucket(config, fingerprints)
    raise ConfigError(
        f"{NAME}: the launcher trainjob needs storage that all nodes share",
        choices=("pvc://CLAIM/folder", "gs://BUCKET/folder"),
        hint='say where: {"storage": "pvc://CLAIM/folder"}',
    )


def stage(job: Job, storage: Storage) -> PurePosixPath:
    """Puts all that a training needs into the storage, and returns its job as nodes see it."""
    start = storage.put_folder(START, job.start_from) if job.start_from else None
    moved = dataclasses.replace(
        job,
        examples=Path(storage.put_folder(EXAMPLES, job.examples)),
        start_from=Path(start) if start else None,
        out=Path(storage.nodes / OUT),
        logs=Path(storage.nodes / LOGS),
        checkpoints=Path(storage.checkpoints),
    )
    with tempfile.TemporaryDirectory(prefix="plimsoll-job-") as folder:
        return storage.put_file(moved.write(Path(folder)))


class _Claim:
    """A volume that is mounted here and there at the same path."""

    def __init__(self, config: LauncherConfig, fingerprints: Fingerprints) -> None:
        mount = Path(config.mount_path)
        if not mount.is_dir():
            raise ConfigError(
                f"the claim {config.claim} is not mounted here",
                cause=f"there is no folder {mount}",
                hint="compile with --claim, or mount it in this step by on_shared_storage(...); "
                'another path: {"mount_path": ...}',
            )
        root = mount / config.folder
        self._mount = mount
        self._folder = root / JOBS / fingerprints.name
        self._checkpoints = root / CHECKPOINTS / fingerprints.training[:20]
        self.nodes = PurePosixPath(self._folder)
        self.checkpoints = PurePosixPath(self._checkpoints)

    def put_folder(self, name: str, folder: Path) -> PurePosixPath:
        """Copies a folder, unless nodes see it where it is, or it was copied before."""
        if folder.resolve().is_relative_to(self._mount.resolve()):
            return PurePosixPath(folder)
        target = self._folder / name
        if not target.is_dir():
            with folder_written_whole(target, replace=False) as aside:
                shutil.copytree(folder, aside, dirs_exist_ok=True)
        return PurePosixPath(target)

    def put_file(self, path: Path) -> PurePosixPath:
        """Copies a file."""
        write_bytes(self._folder / path.name, path.read_bytes())
        return self.nodes / path.name

    def has(self, name: str) -> bool:
        """Says if a folder is there."""
        return (self._folder / name).is_dir()

    def fetch(self, name: str, target: Path) -> None:
        """Copies a folder here, whole."""
        source = self._folder / name
        if not source.is_dir():
            raise _missing(name, source)
        with folder_written_whole(target) as aside:
            shutil.copytree(source, aside, dirs_exist_ok=True)

    def mirror(self, name: str, target: Path, *, ended: bool) -> None:
        """Adds to the files here what theirs have grown by."""
        source = self._folder / name
        for path in sorted(source.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                _append_growth(path, target / path.relative_to(source), whole=ended)

    def remove(self) -> None:
        """Removes the folder and the checkpoints."""
        for folder in (self._folder, self._checkpoints):
            shutil.rmtree(folder, ignore_errors=True)


class _Bucket:
    """A bucket, which nodes mount, and which is asked over the network from here.

    Nothing in it is removed: that is for the bucket's own rule of how long objects stay.
    """

    def __init__(self, config: LauncherConfig, fingerprints: Fingerprints) -> None:
        root = PurePosixPath(config.bucket) / config.folder
        folder = root / JOBS / fingerprints.name
        self._uri = f"{gcs.SCHEME}{folder}"
        self.nodes = GCS_ROOT / folder
        self.checkpoints = GCS_ROOT / root / CHECKPOINTS / fingerprints.training[:20]

    def put_folder(self, name: str, folder: Path) -> PurePosixPath:
        """Uploads a folder, its manifest last, unless it is there."""
        gcs.write_folder(folder, f"{self._uri}/{name}", MANIFESTS[name])
        return self.nodes / name

    def put_file(self, path: Path) -> PurePosixPath:
        """Uploads a file."""
        bucket, prefix = gcs.split_uri(self._uri)
        gcs.GcsClient().put(path, bucket, f"{prefix}/{path.name}")
        return self.nodes / path.name

    def has(self, name: str) -> bool:
        """Says if anything lies in a folder."""
        bucket, prefix = gcs.split_uri(self._uri)
        return bool(gcs.GcsClient().listed(bucket, f"{prefix}/{name}/", 1))

    def fetch(self, name: str, target: Path) -> None:
        """Downloads a folder, whole."""
        if not self.has(name):
            raise _missing(name, f"{self._uri}/{name}")
        gcs.fetch_folder(f"{self._uri}/{name}", target)

    def mirror(self, name: str, target: Path, *, ended: bool) -> None:
        """Downloads the folder's files at the end; before, a bucket has none of files that grow."""
        if not ended or not self.has(name):
            return
        with tempfile.TemporaryDirectory(prefix="plimsoll-logs-") as aside:
            gcs.fetch_folder(f"{self._uri}/{name}", Path(aside) / name)
            shutil.copytree(Path(aside) / name, target, dirs_exist_ok=True)

    def remove(self) -> None:
        """Leaves all as it is."""


def _append_growth(source: Path, target: Path, *, whole: bool) -> None:
    offset = target.stat().st_size if target.is_file() else 0
    size = source.stat().st_size
    if size < offset or (whole and size != offset):
        offset = 0
    if size == offset:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reader, target.open("ab" if offset else "wb") as writer:
        reader.seek(offset)
        shutil.copyfileobj(reader, writer)


def _missing(name: str, location: PurePath | str) -> DataError | StepError:
    return StepError(
        f"the TrainJob is complete, but left no {name}",
        cause=f"nothing lies at {location}",
        hint="do the nodes mount the same storage as this process?",
    )
