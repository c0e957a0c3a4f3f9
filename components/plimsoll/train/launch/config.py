"""Where a training runs: here, or as a TrainJob on a cluster."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError, nearest

NAME = "launcher config"
LAUNCHERS = ("local", "trainjob")
CLAIM, BUCKET = "pvc://", "gs://"
GPU = "nvidia.com/gpu"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[-._a-zA-Z0-9]{1,253}")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?")
_CLAIM = re.compile(r"pvc://[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(/[^/\0]+)*/?")
_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^/\0]+)*/?")
_SECRETIVE = re.compile(
    r"secret|passw|token(?!i)|credential|api_?key|access_?key|private_?key", re.IGNORECASE
)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")


@dataclass(frozen=True, kw_only=True)
class LauncherConfig:
    """What ``trainjob`` asks the cluster for; ``local`` needs nothing of it."""

    storage: str = ""
    """What every node and this process can read and write: ``pvc://CLAIM/folder``, a claim of a
    volume (ReadWriteMany) that is mounted here and there at ``mount_path``, or
    ``gs://BUCKET/folder``, which nodes mount below /gcs by the Cloud Storage FUSE driver."""
    mount_path: str = "/mnt/plimsoll"
    """Where the claim is mounted, in this process's container too."""
    nodes: int = 1
    """Machines."""
    processes: int = 0
    """Processes a node; 0: one for each GPU in ``resources``, or one."""
    resources: Mapping[str, str | int] = field(default_factory=dict)
    """Of each node, asked for and allowed: ``{"cpu": 8, "memory": "32Gi", "nvidia.com/gpu": 4}``;
    empty: what the runtime says."""
    shared_memory: str = "2Gi"
    """Size of each node's /dev/shm, in memory; empty: what the cluster gives, mostly 64 MiB."""
    image: str = ""
    """Empty: the image of the role train of this version."""
    runtime: str = "torch-distributed"
    """A TrainingRuntime of the namespace or a ClusterTrainingRuntime, for torch."""
    namespace: str = ""
    """Empty: the one that this process's pod, or the kubeconfig, is in."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of each node; nothing secret, for whoever may read the job reads them."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables whose values the cluster keeps: ``{"WANDB_API_KEY": "SECRET/KEY"}``."""
    service_account: str = ""
    """Of the nodes' pods; empty: the runtime's."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels of the machines that may be taken: ``{"cloud.google.com/gke-accelerator": ...}``."""
    start_minutes: float = 60.0
    """Longest time until all nodes run, above 0; past it the job is cancelled."""
    time_limit_minutes: float = 1440.0
    """Longest time of the whole job, above 0; past it the job is cancelled."""
    poll_seconds: float = 5.0
    """How often state and logs are asked for, above 0."""
    unreachable_minutes: float = 15.0
    """How long the cluster's API may not answer before the job is left to itself, above 0."""
    keep: bool = False
    """Whether a job that is done, and its folder in the storage, stay; failed ones do."""

    def __post_init__(self) -> None:
        for name in ("env", "secrets", "node_selector", "resources"):
            object.__setattr__(self, name, _mapping(name, getattr(self, name)))
        check_whole(NAME, "nodes", self.nodes, 1)
        check_whole(NAME, "processes", self.processes, 0)
        for name in _TEXTS:
            if not isinstance(getattr(self, name), str):
                raise ConfigError(f"{NAME}: {name} must be text", cause=_is(getattr(self, name)))
        for name in (
            "start_minutes",
            "time_limit_minutes",
            "poll_seconds",
            "unreachable_minutes",
        ):
            _check_above_zero(name, getattr(self, name))
        if not isinstance(self.keep, bool):
            raise ConfigError(f"{NAME}: keep must be true or false", cause=_is(self.keep))
        for name in ("runtime", "namespace", "service_account"):
            value = getattr(self, name)
            _check(name, value, _NAME.fullmatch(value) or not value, "a name of Kubernetes")
        _check("runtime", self.runtime, self.runtime, "the name of a runtime")
        self._check_storage()
        self._check_resources()
        self._check_variables()

    @property
    def claim(self) -> str:
        """The name of the claim, or nothing where the storage is a bucket."""
        text = self.storage.removeprefix(CLAIM)
        return text.partition("/")[0] if self.storage.startswith(CLAIM) else ""

    @property
    def bucket(self) -> str:
        """The name of the bucket, or nothing where the storage is a claim."""
        text = self.storage.removeprefix(BUCKET)
        return text.partition("/")[0] if self.storage.startswith(BUCKET) else ""

    @property
    def folder(self) -> str:
        """The folder in the storage, without slashes around it; empty: its root."""
        return self.storage.partition("://")[2].partition("/")[2].strip("/")

    def processes_a_node(self) -> int:
        """Returns how many processes each node runs."""
        gpus = [int(count) for name, count in self.resources.items() if is_accelerator(name)]
        return self.processes or max(1, sum(gpus))

    def to_dict(self) -> dict[str, Any]:
        """Returns the config as JSON values."""
        return dataclasses.asdict(self)

    def _check_storage(self) -> None:
        _check(
            "mount_path",
            self.mount_path,
            self.mount_path.startswith("/")
            and self.mount_path.strip("/")
            and ".." not in self.mount_path.split("/"),
            "an absolute path",
        )
        good = _CLAIM.fullmatch(self.storage) or _BUCKET.fullmatch(self.storage)
        if self.storage and not (good and ".." not in self.storage.split("/")):
            raise ConfigError(
                f"{NAME}: storage is {self.storage!r}",
                choices=("pvc://CLAIM", "pvc://CLAIM/folder", "gs://BUCKET/folder"),
            )

    def _check_resources(self) -> None:
        for name, value in self.resources.items():
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
            good = whole or bool(_QUANTITY.fullmatch(str(value)))
            if is_accelerator(name):
                good = str(value).isdigit()
            _check(f"resources: {name}", value, good, "a quantity, as 4, 500m or 16Gi")
        if self.shared_memory:
            _check(
                "shared_memory",
                self.shared_memory,
                _QUANTITY.fullmatch(self.shared_memory),
                "a quantity, as 2Gi",
            )

    def _check_variables(self) -> None:
        for name in (*self.env, *self.secrets):
            _check("a variable", name, _VARIABLE.fullmatch(name), "letters, digits and _")
        for name, value in self.node_selector.items():
            _check(f"node_selector: {name}", value, isinstance(value, str), "text")
        for name, value in self.env.items():
            _check(f"env: {name}", value, isinstance(value, str), "text")
            if looks_secret(name, value):
                # The value is not told: errors are printed and kept.
                raise ConfigError(
                    f"{NAME}: env: {name} looks like a secret",
                    cause="whoever may read the job could read it",
                    hint=f'keep it in the cluster: {{"secrets": {{"{name}": "SECRET/KEY"}}}}',
                )
        for name, value in self.secrets.items():
            if not _SECRET.fullmatch(str(value)):
                raise ConfigError(
                    f"{NAME}: secrets: {name} must name a secret of the cluster and its key",
                    cause="it is not of the form SECRET/KEY",
                    hint=f'write {{"{name}": "SECRET/KEY"}}, not the value itself',
                )
        twice = sorted(set(self.env) & set(self.secrets))
        if twice:
            raise ConfigError(f"{NAME}: {', '.join(twice)} stands in env and in secrets")


_TEXTS = (
    "storage",
    "mount_path",
    "shared_memory",
    "image",
    "runtime",
    "namespace",
    "service_account",
)


def parse(text: str) -> LauncherConfig:
    """Reads a config from JSON text; empty text is the default.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    return from_json(LauncherConfig, text, NAME)


def check_launcher(launcher: str) -> None:
    """Refuses a launcher that there is not.

    Raises:
        ConfigError: if there is none of that name.
    """
    if launcher not in LAUNCHERS:
        raise ConfigError(
            f"there is no launcher {launcher!r}",
            cause=nearest(launcher, LAUNCHERS),
            choices=LAUNCHERS,
        )


def looks_secret(name: str, value: str) -> bool:
    """Says if a variable looks like one that holds a secret, by its name or its value."""
    return bool(_SECRETIVE.search(name) or _PASSWORD.search(value))


def is_accelerator(resource: str) -> bool:
    """Says if a resource's name is that of a GPU or of a part of one."""
    return resource in (GPU, "gpu", "amd.com/gpu") or resource.startswith("nvidia.com/mig-")


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{NAME}: {name} must be an object of names and values")
    return dict(value)


def _check(name: str, value: Any, good: Any, wanted: str) -> None:
    if not good:
        raise ConfigError(f"{NAME}: {name} must be {wanted}", cause=_is(value))


def _check_above_zero(name: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    _check(name, value, number and 0 < value < float("inf"), "a number above 0")


def _is(value: Any) -> str:
    return f"it is {value!r}"
