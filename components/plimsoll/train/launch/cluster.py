"""A cluster's TrainJobs and their pods: the Kubeflow SDK, with every request bounded."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ConfigError, EnvironmentBuildError, StepError, nearest
from plimsoll.train.launch.cluster_errors import (
    answer_message,
    api_error,
    cause_chain,
    exceptions,
    translated_errors,
)

GROUP, VERSION, PLURAL = "trainer.kubeflow.org", "v1alpha1", "trainjobs"
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
"""Bounds of one request."""
LOG_BYTES = 4 << 20
"""Most of a log that one request reads."""
NODE = "node"
"""What Trainer calls the container, and the jobs, that train."""
JOBSET_LABEL = "jobset.sigs.k8s.io/jobset-name"
ROLE_LABEL = "jobset.sigs.k8s.io/replicatedjob-name"
INDEX_LABEL = "batch.kubernetes.io/job-completion-index"


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One node's pod."""

    name: str
    index: int
    """The node's number."""
    phase: str
    """``Pending``, ``Running``, ``Succeeded``, ``Failed`` or ``Unknown``."""
    waits_for: str
    """Why it does not run yet, in the cluster's words; empty: it does not say."""
    ended: str = ""
    """Why its container ended, in the cluster's words: ``OOMKilled``; empty: it did not fail."""


@dataclass(frozen=True, kw_only=True)
class TrainJobStatus:
    """A TrainJob as it is now."""

    name: str
    condition: str
    """``Complete``, ``Failed``, or neither yet."""
    message: str
    """What the controller says of the condition."""
    deleting: bool
    annotations: Mapping[str, str]
    pods: tuple[Pod, ...]
    """Of its nodes, each node's newest."""
    metrics: Mapping[str, str]
    """What the training reported to the controller, where the controller takes it."""

    def phase(self, nodes: int) -> str:
        """Returns ``Created``, ``Running``, ``Complete`` or ``Failed``.

        A job runs when all its nodes do; one that was fast may never be seen running.
        """
        if self.condition:
            return self.condition
        up = sum(pod.phase in ("Running", "Succeeded") for pod in self.pods)
        return "Running" if up >= nodes else "Created"


class Cluster:
    """A connection to a cluster.

    Args:
        namespace: Where TrainJobs are made; empty: the one that this process is in.

    Raises:
        EnvironmentBuildError: if the Kubeflow SDK is not installed.
        ConfigError: if nothing says where the cluster is.
        UnreachableError: if it does not answer.
    """

    def __init__(self, namespace: str = "") -> None:
        client, configuration = _configured()
        with client.ApiClient(configuration) as api_client, translated_errors("the cluster"):
            limits = (CONNECT_SECONDS, READ_SECONDS)
            client.VersionApi(api_client).get_code(_request_timeout=limits)
        from kubeflow.common.types import KubernetesBackendConfig
        from kubeflow.trainer import TrainerClient

        # It warns of a version that it cannot read, which is no matter of ours.
        logging.getLogger("kubeflow.trainer").setLevel(logging.ERROR)
        config = KubernetesBackendConfig(
            namespace=namespace or _own_namespace(),
            client_configuration=configuration,
            config_file=os.environ.get("KUBECONFIG"),
        )
        self.sdk = TrainerClient(backend_config=config)
        self._backend = self.sdk.backend
        self.namespace = str(self._backend.namespace)
        _bound(self._backend.core_api.api_client)

    def find(self, name: str) -> TrainJobStatus | None:
        """Returns a TrainJob and its nodes' pods, or None if there is none of that name.

        Raises:
            UnreachableError: if the cluster does not answer.
            StepError: if it refuses.
        """
        with translated_errors(f"TrainJob {name}"):
            try:
                job = self._backend.custom_api.get_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, name
                )
            except exceptions().ApiException as error:
                if error.status == 404:
                    return None
                raise
            selector = f"{JOBSET_LABEL}={name},{ROLE_LABEL}={NODE}"
            pods = self._backend.core_api.list_namespaced_pod(
                self.namespace, label_selector=selector
            )
        return _status_of(job, pods.items)

    def create(self, **arguments: Any) -> bool:
        """Creates a TrainJob by the SDK.

        Args:
            arguments: ``runtime``, ``trainer`` and ``options`` of the SDK's ``train``, and
                ``change``, which takes the TrainJob and returns what is sent.

        Returns:
            False if there is one of that name already.

        Raises:
            ConfigError: if there is no such runtime, or the cluster refuses the job.
            UnreachableError: if the cluster does not answer.
        """
        change: Callable[[dict[str, Any]], dict[str, Any]] = arguments.pop("change")
        api = self._backend.custom_api
        self._backend.custom_api = _BodyChangingApi(api, change)
        try:
            with translated_errors("the TrainJob"):
                self.sdk.train(**arguments)
        except StepError as error:
            status = api_error(error)
            if status is not None and status.status == 409:
                return False
            if status is not None and status.status == 404 and "Runtime" in cause_chain(error):
                raise self._no_runtime(str(arguments["runtime"])) from error
            if status is not None and status.status in (400, 422):
                raise ConfigError(
                    "the cluster refuses the TrainJob", cause=answer_message(status)
                ) from error
            raise
        finally:
            self._backend.custom_api = api
        return True

    def delete(self, name: str) -> None:
        """Deletes a TrainJob, and with it its pods; one that is gone is no error.

        Raises:
            UnreachableError: if the cluster does not answer.
            StepError: if it refuses.
        """
        try:
            with translated_errors(f"TrainJob {name}"):
                self.sdk.delete_job(name)
        except StepError as error:
            status = api_error(error)
            if status is None or status.status != 404:
                raise

    def log(self, pod: str, *, since_seconds: int = 0, last_lines: int = 0) -> str:
        """Returns a part of a node's log, each line after its time.

        Args:
            pod: The pod's name.
            since_seconds: How far back; 0: from the start.
            last_lines: The last lines alone; 0: all of them.

        Raises:
            UnreachableError: if the cluster does not answer.
        """
        wanted: dict[str, Any] = {"timestamps": True, "limit_bytes": LOG_BYTES}
        if since_seconds:
            wanted["since_seconds"] = since_seconds
        if last_lines:
            wanted["tail_lines"] = last_lines
        with translated_errors(f"the log of {pod}"):
            # The client would read a line of JSON as such, and write it otherwise.
            answer = self._backend.core_api.read_namespaced_pod_log(
                pod, self.namespace, container=NODE, _preload_content=False, **wanted
            )
            return bytes(answer.data).decode("utf-8", "replace")

    def _no_runtime(self, name: str) -> ConfigError:
        with translated_errors("the training runtimes"):
            known = sorted(item.name for item in self.sdk.list_runtimes())
        return ConfigError(
            f"there is no training runtime {name!r} in {self.namespace} or in the cluster",
            cause=nearest(name, known),
            choices=known,
            hint='name one: {"runtime": ...}',
        )


class _BodyChangingApi:
    """The SDK's own API, but for what is sent when a TrainJob is created.

    The SDK's container form takes variables as texts alone, so that a reference to a secret has
    to be put in here.
    """

    def __init__(self, api: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._api = api
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def create_namespaced_custom_object(self, *arguments: Any) -> Any:
        """Creates what the change makes of the object."""
        *where, body = arguments
        return self._api.create_namespaced_custom_object(*where, self._change(body))


def _configured() -> tuple[Any, Any]:
    try:
        from kubeflow.common.utils import is_running_in_k8s
        from kubernetes import client, config
    except ImportError as error:
        raise EnvironmentBuildError(
            "the launcher trainjob needs the Kubeflow SDK, which is not installed here",
            hint="use the image of the role train, or pip install 'kubeflow>=0.5,<0.6'",
        ) from error
    configuration = client.Configuration()
    file = os.environ.get("KUBECONFIG")
    try:
        if file or not is_running_in_k8s():
            config.load_kube_config(config_file=file, client_configuration=configuration)
        else:
            config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        raise ConfigError(
            "nothing says where the cluster is",
            cause=str(error).splitlines()[0],
            hint="run on the cluster, or set KUBECONFIG",
        ) from error
    return client, configuration


def _own_namespace() -> str | None:
    """Returns the namespace of a kubeconfig; None: it is that of the pod, which the SDK reads."""
    from kubeflow.common.utils import is_running_in_k8s
    from kubernetes import config

    file = os.environ.get("KUBECONFIG")
    if is_running_in_k8s() and not file:
        return None
    _, current = config.list_kube_config_contexts(config_file=file)
    return str(current["context"].get("namespace") or "default")


def _bound(api_client: Any) -> None:
    """Gives every request of a client its bounds: the SDK sets none, and could wait forever."""
    rest = api_client.rest_client
    request = rest.request

    def bounded(*arguments: Any, **named: Any) -> Any:
        if named.get("_request_timeout") is None:
            named["_request_timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        return request(*arguments, **named)

    rest.request = bounded


def _status_of(job: Mapping[str, Any], pods: Sequence[Any]) -> TrainJobStatus:
    metadata, status = job["metadata"], job.get("status") or {}
    conditions = [
        item
        for item in status.get("conditions") or ()
        if item["status"] == "True" and item["type"] in ("Complete", "Failed")
    ]
    metrics = (status.get("trainerStatus") or {}).get("metrics") or ()
    newest: dict[int, Any] = {}
    for item in sorted(pods, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name)):
        newest[int((item.metadata.labels or {}).get(INDEX_LABEL, 0))] = item
    return TrainJobStatus(
        name=metadata["name"],
        condition=conditions[0]["type"] if conditions else "",
        message=_reason(conditions[0]) if conditions else "",
        deleting="deletionTimestamp" in metadata,
        annotations=metadata.get("annotations") or {},
        pods=tuple(_pod(index, newest[index]) for index in sorted(newest)),
        metrics={str(item["name"]): str(item["value"]) for item in metrics},
    )


def _reason(condition: Mapping[str, Any]) -> str:
    parts = (str(condition.get("reason", "")), str(condition.get("message", "")))
    return ": ".join(part for part in parts if part)


def _pod(index: int, pod: Any) -> Pod:
    return Pod(
        name=pod.metadata.name,
        index=index,
        phase=pod.status.phase or "Unknown",
        waits_for=_waits_for(pod.status),
        ended=_ended(pod.status),
    )


def _ended(status: Any) -> str:
    ends = [
        item.state.terminated
        for item in status.container_statuses or ()
        if item.state is not None and item.state.terminated is not None
    ]
    failed = [end for end in ends if end.exit_code]
    return f"{failed[0].reason or 'Error'}, exit code {failed[0].exit_code}" if failed else ""


def _waits_for(status: Any) -> str:
    waiting = [
        item.state.waiting
        for item in status.container_statuses or ()
        if item.state is not None and item.state.waiting is not None
    ]
    if waiting:
        return ": ".join(filter(None, (waiting[0].reason, waiting[0].message)))
    unmet = [item for item in status.conditions or () if item.status == "False" and item.message]
    return ": ".join(filter(None, (unmet[0].reason, unmet[0].message))) if unmet else ""
