"""The TrainJob as the Kubeflow SDK renders it: kept beside, for test_trainjob_crd.py to check."""

import json
from pathlib import Path, PurePosixPath

import pytest

from plimsoll.train.launch import trainjob_spec as trainjob_form
from plimsoll.train.launch.cluster import Cluster
from plimsoll.train.launch.config import LauncherConfig
from train.launch import kubernetes_double

pytest.importorskip("kubeflow.trainer", reason="the Kubeflow SDK is not in this environment")

KEPT = Path(__file__).parent / "trainjobs"
MARKS = trainjob_form.Fingerprints(training="0" * 64, job="1" * 64)
CONFIGS = {
    "least": LauncherConfig(storage="pvc://runs", image="registry/plimsoll/train:1"),
    "claim": LauncherConfig(
        storage="pvc://runs/team/flights",
        mount_path="/data",
        nodes=4,
        resources={"cpu": 8, "memory": "32Gi", "nvidia.com/gpu": 2},
        shared_memory="8Gi",
        image="registry/plimsoll/train@sha256:" + "0" * 64,
        env={"NCCL_DEBUG": "WARN"},
        secrets={"WANDB_API_KEY": "wandb/key", "MLFLOW_TRACKING_PASSWORD": "mlflow/password"},
        service_account="trains",
        node_selector={"cloud.google.com/gke-accelerator": "nvidia-l4"},
        time_limit_minutes=90,
    ),
    "bucket": LauncherConfig(
        storage="gs://acme-runs/flights",
        nodes=2,
        shared_memory="",
        image="registry/plimsoll/train:1",
        service_account="reads-buckets",
    ),
}


def rendered(tmp_path, monkeypatch, config):
    for name in trainjob_form.PASSED_ON:
        monkeypatch.delenv(name, raising=False)
    with kubernetes_double.served(tmp_path) as (_, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        job_file = PurePosixPath("/data/jobs/job.json")
        sent = []
        asked = trainjob_form.train_arguments(config, MARKS, job_file)
        change = asked["change"]
        asked["change"] = lambda body: sent.append(change(body)) or sent[0]
        assert Cluster().create(**asked)
    # What the server adds on its way is no part of what was sent.
    return json.loads(json.dumps(sent[0]))


@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_as_it_is_kept(name, tmp_path, monkeypatch):
    kept = json.loads((KEPT / f"{name}.json").read_text())
    assert rendered(tmp_path, monkeypatch, CONFIGS[name]) == kept


def test_torchrun_is_told_of_no_machines(tmp_path, monkeypatch):
    """Trainer's runtime tells it how many there are, and which this one is."""
    command = rendered(tmp_path, monkeypatch, CONFIGS["claim"])["spec"]["trainer"]["command"]
    assert command == [
        "python",
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--max-restarts=0",
        "-m",
        "plimsoll.train.worker",
        "/data/jobs/job.json",
    ]
