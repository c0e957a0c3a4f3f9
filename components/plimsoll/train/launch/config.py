"""Where a training runs: here, or as a TrainJob on a cluster."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from plimsoll.configuration.fields import AboveZero, Count, Holds, Matches, Positive, Says
from plimsoll.configuration.validation import from_json, validated
from plimsoll.errors import ConfigError, nearest

NAME = "launcher config"
LAUNCHERS = ("local", "trainjob")
CLAIM, BUCKET = "pvc://", "gs://"
GPU = "nvidia.com/gpu"
_SECRETIVE = re.compile(
    r"secret|passw|token(?!i)|credential|api_?key|access_?key|private_?key", re.IGNORECASE
)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")

_NAMED = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"


def _stays_inside(path: str) -> bool:
    return ".." not in path.split("/")


Name = Annotated[str, Matches(_NAMED), Says("a name of Kubernetes")]
Variable = Annotated[
    str, Matches(r"[A-Za-z_][A-Za-z0-9_]*", empty=False), Says("letters, digits and _")
]
Secret = Annotated[
    str,
    Matches(_NAMED + r"/[-._a-zA-Z0-9]{1,253}", empty=False),
    Says(
        "a secret of the cluster and its key",
        cause="it is not of the form SECRET/KEY",
        hint='write {"NAME": "SECRET/KEY"}, not the value itself',
    ),
]
Quantity = Annotated[str, Matches(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?")]
Storage = Annotated[
    str,
    Matches(rf"pvc://{_NAMED}(/[^/]+)*/?|gs://[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9](/[^/]+)*/?"),
    Holds(_stays_inside),
    Says("pvc://CLAIM, pvc://CLAIM/folder or gs://BUCKET/folder"),
]


@validated(NAME)
@dataclass(frozen=True, kw_only=True)
class LauncherConfig:
    """What ``trainjob`` asks the cluster for; ``local`` needs nothing of it."""

    storage: Storage = ""
    """What every node and this process can read and write: ``pvc://CLAIM/folder``, a claim of a
    volume (ReadWriteMany) that is mounted here and there at ``mount_path``, or
    ``gs://BUCKET/folder``, which nodes mount below /gcs by the Cloud Storage FUSE driver."""
    mount_path: Annotated[
        str, Matches("/+[^/].*", empty=False), Holds(_stays_inside), Says("an absolute path")
    ] = "/mnt/plimsoll"
    """Where the claim is mounted, in this process's container too."""
    nodes: Positive = 1
    """Machines."""
    processes: Count = 0
    """Processes a node; 0: one for each GPU in ``resources``, or one."""
    resources: Mapping[str, Annotated[Count | Quantity, Says("a quantity, as 4, 500m or 16Gi")]] = (
        field(default_factory=dict)
    )
    """Of each node, asked for and allowed: ``{"cpu": 8, "memory": "32Gi", "nvidia.com/gpu": 4}``;
    empty: what the runtime says."""
    shared_memory: Annotated[Quantity, Says("a quantity, as 2Gi")] = "2Gi"
    """Size of each node's /dev/shm, in memory; empty: what the cluster gives, mostly 64 MiB."""
    image: str = ""
    """Empty: the image of the role train of this version."""
    runtime: Annotated[str, Matches(_NAMED, empty=False), Says("a name of Kubernetes")] = (
        "torch-distributed"
    )
    """A TrainingRuntime of the namespace or a ClusterTrainingRuntime, for torch."""
    namespace: Name = ""
    """Empty: the one that this process's pod, or the kubeconfig, is in."""
    env: Mapping[Variable, str] = field(default_factory=dict)
    """Variables of each node; nothing secret, for whoever may read the job reads them."""
    secrets: Annotated[Mapping[Variable, Secret], Says("a mapping", cause="it is none")] = field(
        default_factory=dict
    )
    """Variables whose values the cluster keeps: ``{"WANDB_API_KEY": "SECRET/KEY"}``."""
    service_account: Name = ""
    """Of the nodes' pods; empty: the runtime's."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels of the machines that may be taken: ``{"cloud.google.com/gke-accelerator": ...}``."""
    start_minutes: AboveZero = 60.0
    """Longest time until all nodes run, above 0; past it the job is cancelled."""
    time_limit_minutes: AboveZero = 1440.0
    """Longest time of the whole job, above 0; past it the job is cancelled."""
    poll_seconds: AboveZero = 5.0
    """How often state and logs are asked for, above 0."""
    unreachable_minutes: AboveZero = 15.0
    """How long the cluster's API may not answer before the job is left to itself, above 0."""
    keep: bool = False
    """Whether a job that is done, and its folder in the storage, stay; failed ones do."""

    def __post_init__(self) -> None:
        for name, value in self.resources.items():
            if is_accelerator(name) and not str(value).isdigit():
                raise ConfigError(
                    f"{NAME}: resources: {name} must be a whole number", cause=f"it is {value!r}"
                )
        for name, value in self.env.items():
            if looks_secret(name, value):
                # The value is not told: errors are printed and kept.
                raise ConfigError(
                    f"{NAME}: env: {name} looks like a secret",
                    cause="whoever may read the job could read it",
                    hint=f'keep it in the cluster: {{"secrets": {{"{name}": "SECRET/KEY"}}}}',
                )
        twice = sorted(set(self.env) & set(self.secrets))
        if twice:
            raise ConfigError(f"{NAME}: {', '.join(twice)} stands in env and in secrets")

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


parse = partial(from_json, LauncherConfig)
"""Reads a config from JSON text; empty text is the default."""


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
