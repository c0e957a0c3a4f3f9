"""The same search on a cluster: a Katib Experiment (kubeflow.org/v1beta1) of a search space.

Each trial is a Job, or a TrainJob of one node, that runs ``plimsoll.tune.trial`` and prints its
loss on eval at every report of its way, behind the time of day, as Katib's collector reads it.
"""

import dataclasses
import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ArtifactError, ConfigError, UsageError, nearest
from plimsoll.images import image
from plimsoll.storage.files import canonical_json
from plimsoll.train import config as train_configs
from plimsoll.train.launch.config import BUCKET, CLAIM, LauncherConfig
from plimsoll.tune.config import FIRST_TRIALS, METRIC, TuneConfig, warm_up_reports
from plimsoll.tune.space import Hyperparameter, Space, value_of

API = "kubeflow.org/v1beta1"
KINDS = ("job", "trainjob")
TRAINJOB_API = "trainer.kubeflow.org/v1alpha1"
CONTAINERS = {"job": "trial", "trainjob": "node"}
"""Kind -> the name of its container; a TrainJob's runtime names it."""
MODULE = "plimsoll.tune.trial"
ANNOTATION = "plimsoll/train-config"
MANAGER = "plimsoll.dev/katib"
BUCKETS = "/gcs"
AT_A_TIME = 3
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """What an Experiment is made for."""

    name: str
    examples: str
    """``gs://BUCKET/folder``, ``pvc://CLAIM/folder``, or a path where ``launcher`` mounts it."""
    kind: str = "job"
    """``job``: a Job of Kubernetes; ``trainjob``: one of Kubeflow Trainer."""
    launcher: LauncherConfig = dataclasses.field(default_factory=LauncherConfig)
    """What each trial's pod asks the cluster for."""
    module: str = ""
    """``package.module:function`` of the user's own network, which the image has."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            cause = nearest(self.kind, KINDS)
            raise ConfigError(f"katib: kind is {self.kind!r}", cause=cause, choices=KINDS)
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"katib: the name {self.name!r} is none that the cluster takes",
                cause="trials add to it: at most 40 small letters, digits and -",
            )
        if self.launcher.nodes != 1:
            raise ConfigError(
                "katib: a trial runs on one node",
                cause=f"launcher config: nodes is {self.launcher.nodes}",
                hint="leave nodes out; the best config may be trained on any number of them",
            )
        if "://" in self.module or "\n" in self.module:
            raise ConfigError(
                "katib: the module must be package.module:function",
                hint="bring your network into the image, or tune here: the component tune",
            )


def experiment(space: Space, config: TuneConfig, options: ExperimentOptions) -> dict[str, Any]:
    """Returns the Experiment as JSON values.

    Args:
        space: What is searched; what has no effect on a trial's model does nothing there.
        config: The budget, and how to search.
        options: What it is made for.

    Raises:
        ConfigError: if Katib cannot do what is requested.
    """
    _check(config)
    launcher, examples = _mounted(options)
    metadata: dict[str, Any] = {
        "name": options.name,
        "labels": {"app.kubernetes.io/managed-by": "plimsoll"},
        "annotations": {ANNOTATION: canonical_json(space.base.to_dict())},
    }
    if launcher.namespace:
        metadata["namespace"] = launcher.namespace
    command = _command(space, options, examples)
    trial = _job(launcher, command) if options.kind == "job" else _trainjob(launcher, command)
    spec: dict[str, Any] = {
        "objective": {
            "type": "minimize",
            "objectiveMetricName": METRIC,
            # What is printed last is of the weights that are kept.
            "metricStrategies": [{"name": METRIC, "value": "latest"}],
        },
        "algorithm": _algorithm(config),
        "maxTrialCount": config.trials,
        "parallelTrialCount": config.workers or AT_A_TIME,
        "maxFailedTrialCount": max(AT_A_TIME, config.trials // 3),
        "metricsCollectorSpec": {"collector": {"kind": "StdOut"}},
        "parameters": [_parameter(parameter) for parameter in space.hyperparameters],
        "trialTemplate": {
            "retain": False,
            "primaryContainerName": CONTAINERS[options.kind],
            "trialParameters": [
                {
                    "name": parameter.name,
                    "description": parameter.description(),
                    "reference": parameter.name,
                }
                for parameter in space.hyperparameters
            ],
            "trialSpec": trial,
        },
    }
    if config.pruner == "median":
        spec["earlyStopping"] = _early_stopping(space)
    return {"apiVersion": API, "kind": "Experiment", "metadata": metadata, "spec": spec}


def best_config(experiment: Mapping[str, Any]) -> str:
    """Returns the best trial's TrainConfig, whole, as JSON.

    Args:
        experiment: An Experiment as the cluster gives it: ``kubectl get experiment NAME -o json``.

    Raises:
        ArtifactError: if it is not one that was rendered here, or no trial has ended.
    """
    metadata, status = experiment.get("metadata") or {}, experiment.get("status") or {}
    base = (metadata.get("annotations") or {}).get(ANNOTATION)
    if experiment.get("kind") != "Experiment" or base is None:
        raise ArtifactError(
            "this is no Experiment that `plimsoll katib` rendered",
            cause=f"kind is {experiment.get('kind')!r}, and there is no annotation {ANNOTATION}"
            if base is None
            else f"kind is {experiment.get('kind')!r}",
            hint="kubectl get experiment NAME -o json > experiment.json",
        )
    best = (status.get("currentOptimalTrial") or {}).get("parameterAssignments") or []
    if not best:
        raise ArtifactError("no trial of the Experiment has come to its end yet")
    values = {item["name"]: value_of(item["name"], str(item["value"])) for item in best}
    config = dataclasses.replace(train_configs.parse(base), **values)
    return canonical_json(config.to_dict())


def _check(config: TuneConfig) -> None:
    if config.seconds:
        raise ConfigError(
            "katib: there is no budget by seconds there",
            cause=f"tune config: seconds is {config.seconds:g}",
            hint='give it by trials: {"trials": 30}; a trial is limited by time_limit_minutes',
        )
    if config.pruner == "hyperband":
        raise ConfigError(
            "katib: trials are pruned by the median there, or not at all",
            cause="tune config: pruner is 'hyperband'",
            choices=("median", "none"),
        )


def _mounted(options: ExperimentOptions) -> tuple[LauncherConfig, str]:
    """Returns the launcher config and the examples' path as the trial's pod sees it."""
    launcher, examples = options.launcher, options.examples
    if examples.startswith(CLAIM):
        claim, _, folder = examples.removeprefix(CLAIM).partition("/")
        if launcher.storage and launcher.claim != claim:
            raise ConfigError(
                f"katib: the examples lie on the claim {claim!r}, the launcher config has another",
                cause=f"storage is {launcher.storage!r}",
            )
        launcher = dataclasses.replace(launcher, storage=f"{CLAIM}{claim}")
        return launcher, f"{launcher.mount_path.rstrip('/')}/{folder}"
    if examples.startswith(BUCKET):
        return launcher, examples
    roots = [launcher.mount_path] if launcher.claim else []
    roots += [f"{BUCKETS}/{launcher.bucket}"] if launcher.bucket else []
    if not any(examples.startswith(f"{root.rstrip('/')}/") for root in roots):
        raise UsageError(
            f"katib: no trial could read the examples {examples}",
            cause=f"mounted are: {', '.join(roots) or 'no folders'}",
            hint="name them as pvc://CLAIM/folder or gs://BUCKET/folder",
        )
    return launcher, examples


def _command(space: Space, options: ExperimentOptions, examples: str) -> list[str]:
    # Katib makes one line for sh of a trial's command, and quotes nothing: so it is one here.
    arguments = ["python", "-m", MODULE, "--examples", examples]
    arguments += ["--config", canonical_json(space.base.to_dict())]
    arguments += ["--module", options.module] if options.module else []
    line = " ".join(shlex.quote(argument) for argument in arguments)
    drawn = [
        f"--set '{parameter.name}=${{trialParameters.{parameter.name}}}'"
        for parameter in space.hyperparameters
    ]
    return ["sh", "-c", " ".join([line, *drawn])]


def _parameter(parameter: Hyperparameter) -> dict[str, Any]:
    if parameter.choices:
        feasible: dict[str, Any] = {"list": list(parameter.texts())}
        return {"name": parameter.name, "parameterType": "categorical", "feasibleSpace": feasible}
    feasible = {"min": json.dumps(parameter.low), "max": json.dumps(parameter.high)}
    feasible["distribution"] = "logUniform" if parameter.log else "uniform"
    step = parameter.step or (1 if parameter.whole and not parameter.log else 0)
    if step:
        feasible["step"] = json.dumps(step)
    kind = "int" if parameter.whole else "double"
    return {"name": parameter.name, "parameterType": kind, "feasibleSpace": feasible}


def _algorithm(config: TuneConfig) -> dict[str, Any]:
    startup = {"n_startup_trials": config.random_trials} if config.sampler == "tpe" else {}
    settings = {**startup, "random_state": config.seed}
    return {
        "algorithmName": "multivariate-tpe" if config.sampler == "tpe" else "random",
        "algorithmSettings": _named_values(settings),
    }


def _early_stopping(space: Space) -> dict[str, Any]:
    rising = warm_up_reports(space.base.warm_up)
    settings = {"min_trials_required": FIRST_TRIALS, "start_step": rising}
    return {
        "algorithmName": "medianstop",
        "algorithmSettings": _named_values(settings),
    }


def _named_values(values: Mapping[str, object]) -> list[dict[str, Any]]:
    return [{"name": name, "value": str(value)} for name, value in values.items()]


def _job(launcher: LauncherConfig, command: list[str]) -> dict[str, Any]:
    volumes, mounts = _volumes(launcher)
    container = {"name": CONTAINERS["job"], **_program(launcher, command), "volumeMounts": mounts}
    if launcher.resources:
        container["resources"] = _resources(launcher)
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": math.ceil(launcher.time_limit_minutes * 60),
            "template": _template(launcher, pod),
        },
    }


def _trainjob(launcher: LauncherConfig, command: list[str]) -> dict[str, Any]:
    volumes, mounts = _volumes(launcher)
    name = CONTAINERS["trainjob"]
    trainer = {**_program(launcher, command), "numNodes": 1}
    if launcher.resources:
        trainer["resourcesPerNode"] = _resources(launcher)
    pod = {"volumes": volumes, "containers": [{"name": name, "volumeMounts": mounts}]}
    jobs = [{"name": name, "template": {"spec": {"template": _template(launcher, pod)}}}]
    patch = {"template": {"spec": {"replicatedJobs": jobs}}}
    return {
        "apiVersion": TRAINJOB_API,
        "kind": "TrainJob",
        "spec": {
            "runtimeRef": {"name": launcher.runtime},
            "activeDeadlineSeconds": math.ceil(launcher.time_limit_minutes * 60),
            "trainer": trainer,
            "runtimePatches": [{"manager": MANAGER, "trainingRuntimeSpec": patch}],
        },
    }


def _program(launcher: LauncherConfig, command: list[str]) -> dict[str, Any]:
    image_name = launcher.image or image("train")
    return {"image": image_name, "command": command, "env": _env(launcher)}


def _template(launcher: LauncherConfig, pod: dict[str, Any]) -> dict[str, Any]:
    """Returns the pod's template, with what it asks of the cluster: where it runs, its buckets."""
    if launcher.service_account:
        pod["serviceAccountName"] = launcher.service_account
    if launcher.node_selector:
        pod["nodeSelector"] = dict(launcher.node_selector)
    annotations = {"gke-gcsfuse/volumes": "true"}
    return {"spec": pod, **({"metadata": {"annotations": annotations}} if launcher.bucket else {})}


def _resources(launcher: LauncherConfig) -> dict[str, Any]:
    return {
        kind: {name: str(value) for name, value in launcher.resources.items()}
        for kind in ("requests", "limits")
    }


def _env(launcher: LauncherConfig) -> list[dict[str, Any]]:
    values = {"PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE", **launcher.env}
    variables = _named_values(values)
    for name, reference in sorted(launcher.secrets.items()):
        secret, _, key = reference.partition("/")
        source = {"secretKeyRef": {"name": secret, "key": key}}
        variables.append({"name": name, "valueFrom": source})
    return variables


def _volumes(launcher: LauncherConfig) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    if launcher.shared_memory:
        size = {"medium": "Memory", "sizeLimit": launcher.shared_memory}
        volumes.append({"name": "shared-memory", "emptyDir": size})
        mounts.append({"name": "shared-memory", "mountPath": "/dev/shm"})  # noqa: S108
    if launcher.claim:
        claim = {"claimName": launcher.claim, "readOnly": True}
        volumes.append({"name": "storage", "persistentVolumeClaim": claim})
        mounts.append({"name": "storage", "mountPath": launcher.mount_path, "readOnly": True})
    if launcher.bucket:
        attributes = {"bucketName": launcher.bucket, "mountOptions": "implicit-dirs"}
        csi = {"driver": "gcsfuse.csi.storage.gke.io", "readOnly": True}
        volumes.append({"name": "storage", "csi": {**csi, "volumeAttributes": attributes}})
        mount = f"{BUCKETS}/{launcher.bucket}"
        mounts.append({"name": "storage", "mountPath": mount, "readOnly": True})
    return volumes, mounts
