"""TrainJobs against the Kubernetes API's double: made, followed, found again, cancelled."""

import dataclasses
import json
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plimsoll.errors import ConfigError, DataError, StepError
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job, read_job
from plimsoll.train.launch import cluster as clusters
from plimsoll.train.launch import launcher as launch
from plimsoll.train.launch import shared_storage, trainjob
from plimsoll.train.launch import trainjob_spec as trainjob_form
from plimsoll.train.launch.config import LauncherConfig
from train import made_examples
from train.launch import kubernetes_double
from train.launch.kubernetes_double import Fault

pytest.importorskip("kubeflow.trainer", reason="the Kubeflow SDK is not in this environment")

JOBS = "POST /apis/trainer.kubeflow.org/v1alpha1/namespaces/team/trainjobs"


class KilledError(BaseException):
    """The process ends here, as if it had been killed."""


@pytest.fixture
def job(tmp_path):
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="linear", epochs=2).for_rows(240)
    return Job(
        examples=examples.folder, out=tmp_path / "out", config=config, logs=tmp_path / "logs"
    )


@pytest.fixture
def mount(tmp_path):
    folder = tmp_path / "mount"
    folder.mkdir()
    return folder


@pytest.fixture
def config(mount):
    return LauncherConfig(
        storage="pvc://runs/team",
        mount_path=str(mount),
        nodes=2,
        poll_seconds=0.01,
        resources={"cpu": 4},
    )


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with kubernetes_double.served(tmp_path) as (made, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        made.plan = trains
        yield made


def trains(cluster, name):
    """The controller of a job that goes as it should."""
    cluster.add_pods(name, 2)
    yield
    cluster.set_phase(name, "Running")
    first = cluster.pods_of(name)[0]
    cluster.say(first, "epoch 1")
    yield
    cluster.say(first, '{"json": "as it is"}')
    yield
    ends_well(cluster, name)
    yield


def ends_well(cluster, name):
    write_model(cluster, name)
    cluster.set_phase(name, "Succeeded")
    cluster.set_condition(name, "Complete", "jobset completed successfully")


def write_model(cluster, name):
    """Writes what the nodes of a job would, where the job says."""
    nodes = job_of(cluster, name)
    assert (nodes.examples / "manifest.json").is_file()
    nodes.out.mkdir(parents=True)
    (nodes.out / "history.json").write_text('{"best_epoch": 1}')
    nodes.logs.mkdir(parents=True, exist_ok=True)
    (nodes.logs / "progress.jsonl").write_text('{"epoch": 1}\n')


def job_of(cluster, name):
    """Returns the job as a job's nodes read it."""
    command = cluster.jobs[name]["spec"]["trainer"]["command"]
    return read_job(Path(command[-1]))


def fails(left=None, message="Job failed"):
    """Returns a controller of a job whose second node fails."""

    def plan(cluster, name):
        cluster.add_pods(name, 2, "Running")
        first, second = cluster.pods_of(name)
        cluster.say(first, "waiting for the other")
        for number in range(30):
            cluster.say(second, f"line {number}")
        yield
        if left is not None:
            logs = job_of(cluster, name).logs
            logs.mkdir(parents=True)
            (logs / "error.json").write_text(json.dumps(left))
        ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        container = {"name": "node", "image": "x", "imageID": "", "ready": False}
        statuses = [{**container, "restartCount": 0, "state": ended}]
        cluster.pods[second]["status"] = {"phase": "Failed", "containerStatuses": statuses}
        cluster.set_condition(name, "Failed", message, "JobFailed")
        yield

    return plan


def made(cluster):
    return cluster.requests.count(JOBS)


def deleted(cluster):
    return [line for line in cluster.requests if line.startswith("DELETE")]


def test_it_trains_and_brings_all_back(job, config, cluster, mount, capsys):
    launch.launch(job, "trainjob", config)
    assert json.loads((job.out / "history.json").read_text()) == {"best_epoch": 1}
    assert (job.logs / "progress.jsonl").read_text() == '{"epoch": 1}\n'
    said = capsys.readouterr().out.splitlines()
    (name,) = {line.split()[1].rstrip(":") for line in said if line.startswith("TrainJob")}
    assert said == [
        f"TrainJob {name} in team: made, 2 nodes",
        f"TrainJob {name}: Created",
        f"TrainJob {name}: Running",
        "epoch 1",
        '{"json": "as it is"}',
        f"TrainJob {name}: Complete",
    ]
    assert cluster.jobs == {}
    assert not (mount / "team" / "jobs" / name).exists()


def test_what_is_done_may_stay(job, config, cluster, mount):
    trainjob.run(job, dataclasses.replace(config, keep=True))
    (name,) = cluster.jobs
    assert (mount / "team" / "jobs" / name / "examples" / "manifest.json").is_file()
    assert deleted(cluster) == []
    trainjob.run(job, config)
    assert made(cluster) == 1


def test_what_nodes_are_given(job, config, cluster, mount, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker:5000")
    monkeypatch.setenv("WANDB_PROJECT", "flights")
    config = dataclasses.replace(
        config, keep=True, env={"WANDB_PROJECT": "mine"}, secrets={"WANDB_API_KEY": "wandb/key"}
    )
    trainjob.run(job, config)
    (found,) = cluster.jobs.values()
    trainer = found["spec"]["trainer"]
    assert {item["name"]: item.get("value") or item["valueFrom"] for item in trainer["env"]} == {
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_TRACKING_URI": "http://tracker:5000",
        "WANDB_PROJECT": "mine",
        "WANDB_API_KEY": {"secretKeyRef": {"name": "wandb", "key": "key"}},
    }
    nodes = job_of(cluster, found["metadata"]["name"])
    assert nodes.config == job.config
    below = [nodes.examples, nodes.out, nodes.logs, nodes.checkpoints]
    assert all(path.is_relative_to(mount) for path in below)


def test_a_tracker_with_a_password_is_not_passed_on(job, config, cluster, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hidden@tracker:5000")
    trainjob.run(job, dataclasses.replace(config, keep=True))
    assert "hidden" not in json.dumps(cluster.jobs)


def test_examples_that_nodes_see_are_not_copied(job, config, cluster, mount):
    moved = mount / "artifacts" / "examples"
    moved.parent.mkdir()
    job.examples.rename(moved)
    trainjob.run(dataclasses.replace(job, examples=moved), dataclasses.replace(config, keep=True))
    (name,) = cluster.jobs
    assert job_of(cluster, name).examples == moved
    assert not (mount / "team" / "jobs" / name / "examples").exists()


class TestFoundAgain:
    """After this process was killed."""

    def test_it_follows_its_own_job(self, job, config, cluster, monkeypatch, capsys):
        with monkeypatch.context() as patch:
            patch.setattr(trainjob.time, "sleep", _kill)
            with pytest.raises(KilledError):
                trainjob.run(job, config)
        assert len(cluster.jobs) == 1
        trainjob.run(job, config)
        assert made(cluster) == 1
        assert "found again" in capsys.readouterr().out
        assert (job.out / "history.json").is_file()

    def test_one_that_ended_meanwhile(self, job, config, cluster, monkeypatch):
        def plan(cluster, name):
            cluster.add_pods(name, 2)
            yield
            ends_well(cluster, name)
            yield

        cluster.plan = plan
        with monkeypatch.context() as patch:
            patch.setattr(trainjob.time, "sleep", _kill)
            with pytest.raises(KilledError):
                trainjob.run(job, config)
        trainjob.run(job, config)
        assert made(cluster) == 1

    def test_another_training_is_another_job(self, job, config, cluster):
        kept = dataclasses.replace(config, keep=True)
        trainjob.run(job, kept)
        other = dataclasses.replace(job, config=dataclasses.replace(job.config, seed=1))
        trainjob.run(other, kept)
        trainjob.run(dataclasses.replace(job, out=job.out.with_name("elsewhere")), kept)
        assert len(cluster.jobs) == made(cluster) == 2

    def test_how_it_is_followed_is_no_part_of_it(self, job, config):
        marks = trainjob_form.fingerprints(job, config)
        patient = dataclasses.replace(config, poll_seconds=60, start_minutes=600, keep=True)
        assert trainjob_form.fingerprints(job, patient) == marks
        larger = trainjob_form.fingerprints(job, dataclasses.replace(config, nodes=3))
        assert larger.job != marks.job
        assert larger.training == marks.training

    def test_one_that_failed_is_made_anew(self, job, config, cluster, capsys):
        cluster.plan = fails()
        with pytest.raises(StepError):
            trainjob.run(job, config)
        cluster.plan, cluster.linger = trains, 3
        trainjob.run(job, config)
        assert made(cluster) == 2
        assert "it failed before; it is deleted and made anew" in capsys.readouterr().out

    def test_one_whose_model_is_gone_is_made_anew(self, job, config, cluster, mount, capsys):
        trainjob.run(job, dataclasses.replace(config, keep=True))
        (name,) = cluster.jobs
        shutil.rmtree(mount / "team" / "jobs" / name / "out")
        trainjob.run(job, config)
        assert made(cluster) == 2
        assert "it left nothing" in capsys.readouterr().out

    def test_one_that_another_process_made_at_the_same_time(
        self, job, config, cluster, monkeypatch, capsys
    ):
        find = clusters.Cluster.find
        looks = []

        def late(self, name):
            looks.append(name)
            return None if len(looks) == 1 else find(self, name)

        trainjob_run = dataclasses.replace(config, keep=True)
        trainjob.run(job, trainjob_run)
        monkeypatch.setattr(clusters.Cluster, "find", late)
        trainjob.run(job, config)
        assert made(cluster) == 2
        assert "it is there meanwhile" in capsys.readouterr().out

    def test_a_name_that_is_another_training_s(self, job, config, cluster):
        trainjob.run(job, dataclasses.replace(config, keep=True))
        (found,) = cluster.jobs.values()
        found["metadata"]["annotations"][trainjob_form.ANNOTATION] = "0" * 64
        with pytest.raises(StepError, match="another training's"):
            trainjob.run(job, config)
        assert deleted(cluster) == []


def _kill(seconds):
    raise KilledError


class TestFailed:
    """What is told of a job that failed."""

    def test_the_training_s_own_error_with_the_last_lines(self, job, config, cluster):
        cluster.plan = fails(
            {"kind": "DataError", "headline": "one class alone", "cause": "why", "hint": "do this"}
        )
        with pytest.raises(DataError, match="one class alone") as caught:
            trainjob.run(job, config)
        error = caught.value
        assert error.hint == "do this"
        assert error.cause.splitlines()[:2] == [
            "why",
            "node 1 (OOMKilled, exit code 137) said last:",
        ]
        assert error.cause.splitlines()[-1] == "  line 29"
        assert "line 9\n" not in error.cause

    def test_it_is_told_where_nobody_wants_logs(self, job, config, cluster):
        cluster.plan = fails({"kind": "DataError", "headline": "one class alone"})
        with pytest.raises(DataError, match="one class alone"):
            trainjob.run(dataclasses.replace(job, logs=None), config)

    def test_one_that_left_no_word(self, job, config, cluster):
        cluster.plan = fails(message="pod was evicted")
        with pytest.raises(StepError, match="failed") as caught:
            trainjob.run(job, config)
        assert caught.value.cause.startswith("JobFailed: pod was evicted\nnode 1 (OOM")
        assert "line 29" in caught.value.cause
        assert "kubectl logs -n team" in caught.value.hint
        assert len(cluster.jobs) == 1

    def test_an_error_of_before_is_not_told_again(self, job, config, cluster):
        job.logs.mkdir()
        (job.logs / "error.json").write_text('{"headline": "an old one"}')
        cluster.plan = fails()
        with pytest.raises(StepError) as caught:
            trainjob.run(job, config)
        assert "an old one" not in str(caught.value)

    def test_a_log_that_cannot_be_read(self, job, config, cluster):
        cluster.plan = fails()
        cluster.faults.append(Fault("/log", 500, times=1000))
        with pytest.raises(StepError, match="failed") as caught:
            trainjob.run(job, config)
        assert "cannot be read" in caught.value.cause

    def test_complete_without_a_model(self, job, config, cluster):
        def plan(cluster, name):
            cluster.add_pods(name, 2, "Succeeded")
            cluster.set_condition(name, "Complete", "done")
            yield

        cluster.plan = plan
        with pytest.raises(StepError, match="left no out") as caught:
            trainjob.run(job, config)
        assert "same storage" in caught.value.hint

    def test_deleted_by_someone_else(self, job, config, cluster):
        def plan(cluster, name):
            cluster.add_pods(name, 2, "Running")
            yield
            yield
            cluster._remove(name)
            yield

        cluster.plan = plan
        with pytest.raises(StepError, match="deleted by someone else"):
            trainjob.run(job, config)


class TestEndedFromHere:
    """Cancelled: the job is deleted."""

    @pytest.mark.parametrize(
        ("number", "kind"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
    )
    def test_asked_to_stop(self, job, config, cluster, number, kind):
        before = signal.getsignal(number)

        def plan(cluster, name):
            cluster.add_pods(name, 2, "Running")
            yield
            os.kill(os.getpid(), number)
            yield

        cluster.plan = plan
        with pytest.raises(kind) as caught:
            trainjob.run(job, config)
        if kind is SystemExit:
            assert caught.value.code == 143
        assert cluster.jobs == {}
        assert signal.getsignal(number) is before

    def test_the_api_is_slow_to_delete_it(self, job, config, cluster):
        def plan(cluster, name):
            cluster.faults.append(Fault("DELETE", 503, times=2))
            os.kill(os.getpid(), signal.SIGTERM)
            yield

        cluster.plan = plan
        with pytest.raises(SystemExit):
            trainjob.run(job, config)
        assert cluster.jobs == {}
        assert len(deleted(cluster)) == 3

    def test_it_does_not_start(self, job, config, cluster, capsys):
        reason = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        told = {**reason, "message": "0/3 nodes are available: Insufficient nvidia.com/gpu"}

        def plan(cluster, name):
            cluster.add_pods(name, 2, conditions=[told])
            yield

        cluster.plan = plan
        with pytest.raises(StepError, match="did not start within") as caught:
            trainjob.run(job, dataclasses.replace(config, start_minutes=0.002))
        assert "Insufficient nvidia.com/gpu" in caught.value.cause
        assert "start_minutes" in caught.value.hint
        assert capsys.readouterr().out.count("Insufficient") == 1
        assert cluster.jobs == {}

    def test_its_image_cannot_be_pulled(self, job, config, cluster):
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
        status = {
            "name": "node",
            "image": "x",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": waiting,
        }

        def plan(cluster, name):
            cluster.add_pods(name, 2, containerStatuses=[status])
            yield

        cluster.plan = plan
        with pytest.raises(StepError) as caught:
            trainjob.run(job, dataclasses.replace(config, start_minutes=0.002))
        assert caught.value.cause == "ImagePullBackOff: not found"

    def test_it_takes_too_long(self, job, config, cluster, monkeypatch):
        def plan(cluster, name):
            cluster.add_pods(name, 2, "Running")
            yield

        clock = iter(range(0, 10**9, 100))
        monkeypatch.setattr(trainjob.time, "monotonic", lambda: float(next(clock)))
        cluster.plan = plan
        with pytest.raises(StepError, match="took longer than"):
            trainjob.run(job, dataclasses.replace(config, time_limit_minutes=10))
        assert cluster.jobs == {}


class TestTheApi:
    """What the cluster's API answers, or does not."""

    def test_answers_that_pass_by_themselves(self, job, config, cluster, capsys):
        cluster.faults += [
            Fault("/trainjobs/plimsoll", 503, times=2),
            Fault("/pods", 429),
            Fault("/log", 0),
            Fault("/trainjobs/plimsoll", 0, times=3),
            Fault("POST", 503),
        ]
        trainjob.run(job, config)
        assert (job.out / "history.json").is_file()
        assert capsys.readouterr().out.count("asking again") >= 1

    def test_it_is_silent(self, job, config, cluster, monkeypatch):
        monkeypatch.setattr(clusters, "READ_SECONDS", 0.2)
        cluster.faults.append(Fault("/trainjobs/plimsoll", 200, hang=1.0))
        trainjob.run(job, config)
        assert (job.out / "history.json").is_file()

    def test_it_is_gone_for_long(self, job, config, cluster):
        cluster.faults.append(Fault("/trainjobs/plimsoll", 502, times=10**6))
        with pytest.raises(StepError, match="answered 502") as caught:
            trainjob.run(job, dataclasses.replace(config, unreachable_minutes=0.001))
        assert "left as it is" in caught.value.hint

    def test_there_is_none(self, job, config, tmp_path, monkeypatch):
        path = kubernetes_double.write_kubeconfig(tmp_path, "http://127.0.0.1:9")
        monkeypatch.setenv("KUBECONFIG", str(path))
        with pytest.raises(StepError, match="does not answer") as caught:
            trainjob.run(job, config)
        assert "refused" in caught.value.cause
        assert kubernetes_double.TOKEN not in str(caught.value)

    def test_nothing_says_where_it_is(self, job, config, tmp_path, monkeypatch):
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
        with pytest.raises(ConfigError, match="where the cluster is"):
            trainjob.run(job, config)

    def test_the_account_may_not(self, job, config, cluster):
        cluster.forbidden.append("POST")
        with pytest.raises(StepError, match="403") as caught:
            trainjob.run(job, config)
        assert "trainjobs.trainer.kubeflow.org" in caught.value.hint

    def test_the_account_is_not_known(self, job, config, cluster, monkeypatch):
        monkeypatch.setattr(kubernetes_double, "TOKEN", "another")
        with pytest.raises(StepError, match="401"):
            trainjob.run(job, config)

    def test_there_is_no_such_runtime(self, job, config, cluster):
        cluster.namespaced["mine"] = kubernetes_double.runtime("mine", "TrainingRuntime")
        with pytest.raises(ConfigError, match="no training runtime 'torch-distribute'") as caught:
            trainjob.run(job, dataclasses.replace(config, runtime="torch-distribute"))
        assert caught.value.choices == ("mine", "torch-distributed")
        assert "did you mean 'torch-distributed'?" in caught.value.cause

    def test_the_namespace_s_runtime_comes_first(self, job, config, cluster):
        name = "torch-distributed"
        cluster.namespaced[name] = kubernetes_double.runtime(name, "TrainingRuntime")
        trainjob.run(job, dataclasses.replace(config, keep=True))
        (found,) = cluster.jobs.values()
        assert found["spec"]["runtimeRef"]["kind"] == "TrainingRuntime"

    def test_it_refuses_the_job(self, job, config, cluster):
        cluster.validate = lambda document: ["spec.trainer: odd"]
        with pytest.raises(ConfigError, match="refuses the TrainJob") as caught:
            trainjob.run(job, config)
        assert caught.value.cause == "spec.trainer: odd"


class TestTheLog:
    """Each line of the first node once, in order, however often it is read."""

    def test_lines_of_the_same_time(self, job, config, cluster, capsys):
        def plan(cluster, name):
            cluster.add_pods(name, 2, "Running")
            first = cluster.pods_of(name)[0]
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
            cluster.say(first, "a", f"{now}.1Z")
            cluster.say(first, "b", f"{now}.1Z")
            yield
            yield
            cluster.say(first, "c", f"{now}.1Z")
            yield
            cluster.say(first, "d", f"{now}.12Z")
            yield
            cluster.say(first, "e", f"{now}.123456789Z")
            yield
            ends_well(cluster, name)
            yield

        cluster.plan = plan
        trainjob.run(job, config)
        assert said(capsys) == ["a", "b", "c", "d", "e"]

    def test_a_node_that_was_started_anew(self, job, config, cluster, capsys):
        def plan(cluster, name):
            cluster.add_pods(name, 2, "Running")
            cluster.say(cluster.pods_of(name)[0], "first try")
            yield
            yield
            for pod in cluster.pods_of(name):
                cluster.pods[pod]["status"] = {"phase": "Failed"}
            cluster.version += 1
            cluster.add_pods(name, 2, "Running")
            cluster.say(cluster.pods_of(name)[2], "second try")
            yield
            cluster.say(cluster.pods_of(name)[2], "done")
            ends_well(cluster, name)
            yield

        cluster.plan = plan
        trainjob.run(job, config)
        assert said(capsys) == ["first try", "second try", "done"]

    def test_a_long_one(self, job, config, cluster, capsys, monkeypatch):
        monkeypatch.setattr(clusters, "LOG_BYTES", 1000)
        monkeypatch.setattr("plimsoll.train.launch.node_log.LOG_BYTES", 1000)

        def plan(cluster, name):
            cluster.add_pods(name, 2, "Running")
            for number in range(20):
                cluster.say(cluster.pods_of(name)[0], f"line {number}")
            for _ in range(5):
                yield
            ends_well(cluster, name)
            yield

        cluster.plan = plan
        trainjob.run(job, config)
        assert said(capsys) == [f"line {number}" for number in range(20)]


def said(capsys):
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if not line.startswith("TrainJob")]


class TestStorage:
    """What the nodes and this process share."""

    def test_none_is_named(self, job, cluster):
        with pytest.raises(ConfigError, match="needs storage") as caught:
            trainjob.run(job, LauncherConfig())
        assert caught.value.choices == ("pvc://CLAIM/folder", "gs://BUCKET/folder")

    def test_the_claim_is_not_mounted_here(self, job, config, cluster, tmp_path):
        nowhere = dataclasses.replace(config, mount_path=str(tmp_path / "nowhere"))
        with pytest.raises(ConfigError, match="not mounted here"):
            trainjob.run(job, nowhere)
        assert made(cluster) == 0

    def test_files_that_grow_are_followed(self, tmp_path):
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_text("one\n")
        shared_storage._append_growth(source, target, whole=False)
        source.write_text("one\ntwo\n")
        shared_storage._append_growth(source, target, whole=False)
        assert target.read_text() == "one\ntwo\n"
        source.write_text("new\n")
        shared_storage._append_growth(source, target, whole=False)
        assert target.read_text() == "new\n"

    def test_weights_to_start_from_are_taken_along(self, job, config, cluster, tmp_path):
        start = tmp_path / "start"
        start.mkdir()
        (start / "network.json").write_text("{}")
        (start / "weights.safetensors").write_bytes(b"0")
        trainjob.run(
            dataclasses.replace(job, start_from=start), dataclasses.replace(config, keep=True)
        )
        (name,) = cluster.jobs
        folder = job_of(cluster, name).start_from
        assert (folder / "weights.safetensors").read_bytes() == b"0"


class TestTheDouble:
    """The double keeps the rules that the real API has."""

    def test_versions(self, job, config, cluster):
        from kubernetes import client

        trainjob.run(job, dataclasses.replace(config, keep=True))
        sdk = clusters.Cluster().sdk.backend
        place = ("trainer.kubeflow.org", "v1alpha1", "team", "trainjobs")
        (name,) = cluster.jobs
        read = sdk.custom_api.get_namespaced_custom_object(*place, name)
        old = read["metadata"]["resourceVersion"]
        sdk.custom_api.replace_namespaced_custom_object(*place, name, read)
        read["metadata"]["resourceVersion"] = old
        with pytest.raises(client.ApiException) as caught:
            sdk.custom_api.replace_namespaced_custom_object(*place, name, read)
        assert caught.value.status == 409

    def test_watching(self, job, config, cluster):
        from kubernetes import watch

        trainjob.run(job, config)
        sdk = clusters.Cluster().sdk.backend
        place = ("trainer.kubeflow.org", "v1alpha1", "team", "trainjobs")
        events = watch.Watch().stream(
            sdk.custom_api.list_namespaced_custom_object, *place, timeout_seconds=1
        )
        kinds = [event["type"] for event in events]
        assert (kinds[0], kinds[-1]) == ("ADDED", "DELETED")

    def test_an_end_is_final(self, job, config, cluster):
        trainjob.run(job, dataclasses.replace(config, keep=True))
        (name,) = cluster.jobs
        with pytest.raises(AssertionError, match="is Complete already"):
            cluster.set_condition(name, "Failed", "no")
