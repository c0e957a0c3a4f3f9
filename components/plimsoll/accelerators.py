"""The machine that a step runs on: accelerators, /dev/shm, a shared volume, which nodes.

For a pipeline's author: ``on_accelerators(train(...), "nvidia.com/gpu", 2)``. What Kubernetes
alone knows is written into the step's platform configuration, in the form of kfp-kubernetes,
which need not be installed.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from plimsoll.configuration.fields import Matches, Positive, Says
from plimsoll.configuration.validation import validated
from plimsoll.errors import UsageError

GPU = "nvidia.com/gpu"
SHARED_MEMORY = "2Gi"
MOUNT_PATH = "/mnt/plimsoll"
_VOLUME = "plimsoll-shm"
_KIND = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?(/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_MEMORY = r"[1-9][0-9]*(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?"
_CPU = r"[0-9]+(\.[0-9]+)?|[1-9][0-9]*m"
_CLAIM = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"


@validated("the step's machine")
@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a step's container is given."""

    kind: Annotated[str, Matches(_KIND), Says("a name as nvidia.com/gpu or NVIDIA_L4")] = ""
    """A resource of Kubernetes (``nvidia.com/gpu``), or a type of Vertex AI (``NVIDIA_L4``); empty:
    no accelerator."""
    count: Positive = 1
    """How many of them, at least 1."""
    shared_memory: Annotated[str, Matches(_MEMORY), Says("a size as 2Gi")] = ""
    """Size of /dev/shm, kept in memory; empty: what the cluster gives, mostly 64 MiB, which is too
    little for processes that hand each other tensors."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels of the machines that may be taken; GKE tells kinds of GPUs apart by
    ``cloud.google.com/gke-accelerator`` alone."""
    claim: Annotated[str, Matches(_CLAIM), Says("the name of a PersistentVolumeClaim")] = ""
    """A claim of a volume that is mounted at ``mount_path``; empty: none is."""
    mount_path: Annotated[str, Matches("/+[^/].*", empty=False), Says("an absolute path")] = (
        MOUNT_PATH
    )
    """Where the claim is mounted."""

    def platform(self) -> dict[str, Any]:
        """Returns the step's configuration for Kubernetes, as kfp-kubernetes writes it."""
        made: dict[str, Any] = {}
        if self.shared_memory:
            made["emptyDirMounts"] = [
                {
                    "volumeName": _VOLUME,
                    "mountPath": "/dev/shm",  # noqa: S108 - where processes share memory
                    "medium": "Memory",
                    "sizeLimit": self.shared_memory,
                }
            ]
        if self.node_selector:
            made["nodeSelector"] = {"labels": dict(self.node_selector)}
        if self.claim:
            parameter = {"runtimeValue": {"constant": self.claim}}
            made["pvcMount"] = [
                {
                    "mountPath": self.mount_path,
                    "constant": self.claim,
                    "pvcNameParameter": parameter,
                }
            ]
        return made

    def accelerator(self) -> dict[str, str]:
        """Returns the accelerator as a compiled container has it."""
        count = str(self.count)
        return {
            "type": self.kind,
            "count": count,
            "resourceType": self.kind,
            "resourceCount": count,
        }


def on_accelerators(
    task: Any,
    kind: str = GPU,
    count: int = 1,
    *,
    shared_memory: str = SHARED_MEMORY,
    cpu: str = "",
    memory: str = "",
    node_selector: Mapping[str, str] | None = None,
) -> Any:
    """Runs a step of a pipeline on accelerators.

    Args:
        task: The step: what ``train(...)`` returns in a pipeline.
        kind: A resource of Kubernetes, or a type of Vertex AI.
        count: How many.
        shared_memory: Size of /dev/shm; empty: what the cluster gives.
        cpu: Cores, asked for and allowed: ``8``, ``500m``; empty: none are asked for.
        memory: Memory, asked for and allowed: ``32Gi``; empty: none is asked for.
        node_selector: Labels of the machines that may be taken.

    Returns:
        The step.

    Raises:
        UsageError: if a value does not hold.
    """
    if not kind:
        raise UsageError("on_accelerators needs a kind", hint="for example nvidia.com/gpu")
    _check("cpu", cpu, _CPU, "a number of cores, as 8 or 500m")
    _check("memory", memory, _MEMORY, "a size as 32Gi")
    machine = Machine(
        kind=kind, count=count, shared_memory=shared_memory, node_selector=node_selector or {}
    )
    task.set_accelerator_type(kind).set_accelerator_limit(count)
    if cpu:
        task.set_cpu_request(cpu).set_cpu_limit(cpu)
    if memory:
        task.set_memory_request(memory).set_memory_limit(memory)
    return _configured(task, machine)


def on_shared_storage(task: Any, claim: str, mount_path: str = MOUNT_PATH) -> Any:
    """Mounts a claim in a step, as the launcher ``trainjob`` needs it for ``pvc://CLAIM``.

    Args:
        task: The step.
        claim: The name of a PersistentVolumeClaim that many machines may write (ReadWriteMany).
        mount_path: Where it is mounted; the same as in the launcher's config.

    Returns:
        The step.

    Raises:
        UsageError: if a value does not hold.
    """
    return _configured(task, Machine(claim=claim, mount_path=mount_path))


def joined(config: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a step's configuration with another put into it; volumes come together by place."""
    result = dict(config)
    for name, value in added.items():
        if isinstance(value, list):
            paths = {item["mountPath"] for item in value}
            before = [item for item in result.get(name, ()) if item["mountPath"] not in paths]
            result[name] = [*before, *value]
        elif name == "nodeSelector":
            labels = {**result.get(name, {}).get("labels", {}), **value["labels"]}
            result[name] = {"labels": labels}
        else:
            result[name] = value
    return result


def _configured(task: Any, machine: Machine) -> Any:
    added = machine.platform()
    if added:
        task.platform_config["kubernetes"] = joined(
            task.platform_config.get("kubernetes", {}), added
        )
    return task


def machine_from(
    accelerator: str = "",
    count: int = 1,
    shared_memory: str | None = None,
    node_selector: tuple[str, ...] = (),
    claim: str = "",
) -> Machine | None:
    """Returns the machine that words of a command line ask for, or None if they ask for nothing.

    Args:
        accelerator: Its kind.
        count: How many.
        shared_memory: Size of /dev/shm; None: 2Gi with an accelerator.
        node_selector: Labels as ``KEY=VALUE``.
        claim: ``CLAIM`` or ``CLAIM:/MOUNT/PATH``.

    Raises:
        UsageError: if a value does not hold.
    """
    name, _, path = claim.partition(":")
    labels = dict(_label(text) for text in node_selector)
    default = SHARED_MEMORY if accelerator else ""
    machine = Machine(
        kind=accelerator,
        count=count,
        shared_memory=default if shared_memory is None else shared_memory,
        node_selector=labels,
        claim=name,
        mount_path=path or MOUNT_PATH,
    )
    if count != 1 and not accelerator:
        raise UsageError(
            "a number of accelerators needs their kind", hint="add --accelerator nvidia.com/gpu"
        )
    requested = machine != dataclasses.replace(Machine(), mount_path=machine.mount_path)
    return machine if requested else None


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"the label {text!r} is no KEY=VALUE")
    return key, value


def _check(what: str, value: Any, form: str, expected: str) -> None:
    if not isinstance(value, str) or (value and not re.fullmatch(form, value)):
        raise UsageError(f"{what} must be {expected}", cause=f"it is {value!r}")
