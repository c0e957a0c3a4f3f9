"""The TrainJob that a training becomes: the SDK's container form, its options, its secrets."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from plimsoll.images import image
from plimsoll.storage.files import digest_file, digest_json, digest_tree
from plimsoll.train.job import Job
from plimsoll.train.launch.cluster import NODE
from plimsoll.train.launch.config import LauncherConfig, looks_secret
from plimsoll.train.launch.torchrun import command

ANNOTATION = "plimsoll/fingerprint"
LABELS = {"app.kubernetes.io/managed-by": "plimsoll", "app.kubernetes.io/component": "train"}
FUSE_DRIVER = "gcsfuse.csi.storage.gke.io"
FUSE_ANNOTATION = {"gke-gcsfuse/volumes": "true"}
FUSE_OPTIONS = "implicit-dirs,rename-dir-limit=10000"
"""Folders are renamed into place, which a bucket without a hierarchy allows only so."""
GCS_ROOT = PurePosixPath("/gcs")
"""Below it lie buckets, as in the containers of Kubeflow Pipelines."""
PASSED_ON = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_NAME",
    "WANDB_PROJECT",
    "WANDB_ENTITY",
    "WANDB_BASE_URL",
    "WANDB_MODE",
)
"""Variables of this process that nodes get too, so that trackers are reached; none is secret."""
_NOT_IN_FINGERPRINT = (
    "start_minutes",
    "time_limit_minutes",
    "poll_seconds",
    "unreachable_minutes",
    "keep",
)
"""Fields of the config that may differ from those which a running job was made with."""


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """What makes two trainings the same."""

    training: str
    """SHA-256 of the examples, the config, the user's network and the first weights."""
    job: str
    """SHA-256 of that and of what the cluster is asked for."""

    @property
    def name(self) -> str:
        """The TrainJob's name: the same training asked for again finds its job again."""
        return f"plimsoll-{self.job[:20]}"


def fingerprints(job: Job, config: LauncherConfig) -> Fingerprints:
    """Returns the digests of a training and of its TrainJob; where it is written is in neither."""
    training = digest_json(
        {
            "examples": digest_file(job.examples / "manifest.json"),
            "config": job.config.to_dict(),
            "module": job.module,
            "start_from": digest_tree(job.start_from) if job.start_from else None,
        }
    )
    requested = {
        name: value for name, value in config.to_dict().items() if name not in _NOT_IN_FINGERPRINT
    }
    return Fingerprints(
        training=training,
        job=digest_json({"training": training, "asked": {**requested, "image": _image(config)}}),
    )


def train_arguments(
    config: LauncherConfig, digests: Fingerprints, job_file: PurePosixPath
) -> dict[str, Any]:
    """Returns the arguments of ``Cluster.create``.

    Args:
        config: What the cluster is asked for.
        digests: The training's fingerprints.
        job_file: The job, as nodes see it.
    """
    from kubeflow.trainer import CustomTrainerContainer
    from kubeflow.trainer import options as sdk

    # The SDK makes floats of numbers, which are no quantities.
    resources = {name: str(value) for name, value in config.resources.items()}
    trainer = CustomTrainerContainer(
        image=_image(config),
        num_nodes=config.nodes,
        resources_per_node=resources or None,
        env={"PYTHONUNBUFFERED": "1", **_passed_on(config), **config.env},
    )
    torchrun = command(config.processes_a_node(), job_file, python="python")
    limit = math.ceil(config.time_limit_minutes * 60)
    return {
        "runtime": config.runtime,
        "trainer": trainer,
        "options": [
            sdk.Name(name=digests.name),
            sdk.Labels(labels=dict(LABELS)),
            sdk.Annotations(annotations={ANNOTATION: digests.job}),
            # It ends at its time even if this process is no longer there to cancel it.
            sdk.ActiveDeadlineSeconds(seconds=limit),
            sdk.TrainerCommand(command=torchrun),
            _patch(sdk, config),
        ],
        "change": lambda body: with_secrets(body, config.secrets),
    }


def with_secrets(body: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Returns a TrainJob whose nodes have variables out of the cluster's secrets."""
    trainer = body["spec"]["trainer"]
    references = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        for variable, reference in sorted(secrets.items())
        for secret, _, key in [reference.partition("/")]
    ]
    changed = {**trainer, "env": [*(trainer.get("env") or ()), *references]}
    return {**body, "spec": {**body["spec"], "trainer": changed}}


def _image(config: LauncherConfig) -> str:
    return config.image or image("train")


def _passed_on(config: LauncherConfig) -> dict[str, str]:
    return {
        name: os.environ[name]
        for name in PASSED_ON
        if os.environ.get(name)
        and name not in config.secrets
        and not looks_secret(name, os.environ[name])
    }


def _patch(sdk: Any, config: LauncherConfig) -> Any:
    """Returns what is changed in the runtime's pods: the storage, /dev/shm, where they run."""
    volumes, mounts = [], []
    if config.shared_memory:
        size = {"medium": "Memory", "sizeLimit": config.shared_memory}
        volumes.append({"name": "plimsoll-shm", "emptyDir": size})
        mounts.append({"name": "plimsoll-shm", "mountPath": "/dev/shm"})  # noqa: S108
    storage = "plimsoll-storage"
    if config.claim:
        claim = {"claimName": config.claim}
        volumes.append({"name": storage, "persistentVolumeClaim": claim})
        mounts.append({"name": storage, "mountPath": config.mount_path})
    if config.bucket:
        attributes = {"bucketName": config.bucket, "mountOptions": FUSE_OPTIONS}
        csi = {"driver": FUSE_DRIVER, "volumeAttributes": attributes}
        volumes.append({"name": storage, "csi": csi})
        mounts.append({"name": storage, "mountPath": str(GCS_ROOT / config.bucket)})
    pods = sdk.PodTemplatePatch(
        metadata={"annotations": dict(FUSE_ANNOTATION)} if config.bucket else None,
        spec=sdk.PodSpecPatch(
            service_account_name=config.service_account or None,
            volumes=volumes or None,
            containers=[sdk.ContainerPatch(name=NODE, volume_mounts=mounts)] if mounts else None,
            node_selector=dict(config.node_selector) or None,
        ),
    )
    jobs = sdk.ReplicatedJobPatch(
        name=NODE, template=sdk.JobTemplatePatch(spec=sdk.JobSpecPatch(template=pods))
    )
    return sdk.RuntimePatch(
        training_runtime_spec=sdk.TrainingRuntimeSpecPatch(
            template=sdk.JobSetTemplatePatch(spec=sdk.JobSetSpecPatch(replicated_jobs=[jobs]))
        )
    )
