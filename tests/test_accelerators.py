"""Machines of steps: what is compiled for them, by the author's functions and by the flags."""

import pytest
import yaml
from kfp import compiler, dsl

from plimsoll.accelerators import Machine, joined, machine_from, on_accelerators, on_shared_storage
from plimsoll.components import ingest, train
from plimsoll.errors import UsageError

SHM = {
    "volumeName": "plimsoll-shm",
    "mountPath": "/dev/shm",
    "medium": "Memory",
    "sizeLimit": "2Gi",
}


def compiled(tmp_path, arrange=lambda task: task):
    """Compiles a pipeline of one step that trains, arranged, and returns its documents."""

    @dsl.pipeline(name="trains")
    def trains():
        importer = dsl.importer(
            artifact_uri="gs://bucket/examples", artifact_class=dsl.Dataset, reimport=False
        )
        arrange(train(examples=importer.output))

    path = tmp_path / "trains.yaml"
    compiler.Compiler().compile(trains, str(path))
    return path


def documents(path):
    found = list(yaml.safe_load_all(path.read_text()))
    return found if len(found) == 2 else [*found, {}]


def container(path):
    return documents(path)[0]["deploymentSpec"]["executors"]["exec-train"]["container"]


def platform(path):
    return documents(path)[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"][
        "exec-train"
    ]


def test_an_accelerator_with_shared_memory(tmp_path):
    path = compiled(tmp_path, lambda task: on_accelerators(task, "nvidia.com/gpu", 2))
    assert container(path)["resources"] == {
        "accelerator": {
            "count": "2",
            "resourceCount": "2",
            "resourceType": "nvidia.com/gpu",
            "type": "nvidia.com/gpu",
        }
    }
    assert platform(path) == {"emptyDirMounts": [SHM]}


def test_cores_memory_and_which_machines(tmp_path):
    label = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    path = compiled(
        tmp_path,
        lambda task: on_accelerators(
            task, shared_memory="8Gi", cpu="8", memory="32Gi", node_selector=label
        ),
    )
    resources = container(path)["resources"]
    assert resources["resourceCpuLimit"] == resources["resourceCpuRequest"] == "8"
    assert resources["resourceMemoryLimit"] == resources["resourceMemoryRequest"] == "32Gi"
    assert resources["accelerator"]["count"] == "1"
    assert platform(path) == {
        "emptyDirMounts": [{**SHM, "sizeLimit": "8Gi"}],
        "nodeSelector": {"labels": label},
    }


def test_a_shared_volume_beside_it(tmp_path):
    def arrange(task):
        on_shared_storage(on_accelerators(task), "runs", "/mnt/runs")

    assert platform(compiled(tmp_path, arrange)) == {
        "emptyDirMounts": [SHM],
        "pvcMount": [
            {
                "mountPath": "/mnt/runs",
                "constant": "runs",
                "pvcNameParameter": {"runtimeValue": {"constant": "runs"}},
            }
        ],
    }


def test_as_kfp_kubernetes_writes_it(tmp_path):
    kubernetes = pytest.importorskip("kfp.kubernetes", reason="kfp-kubernetes is not installed")

    def theirs(task):
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(4)
        kubernetes.empty_dir_mount(task, "plimsoll-shm", "/dev/shm", "Memory", "2Gi")
        kubernetes.add_node_selector(task, "a/b", "c")
        kubernetes.mount_pvc(task, "runs", "/mnt/plimsoll")

    def ours(task):
        on_accelerators(task, "nvidia.com/gpu", 4, node_selector={"a/b": "c"})
        on_shared_storage(task, "runs")

    made = compiled(tmp_path, ours)
    text = made.read_text()
    assert text == compiled(tmp_path, theirs).read_text()


def test_what_stood_there_stays():
    before = {
        "emptyDirMounts": [{"volumeName": "x", "mountPath": "/x"}],
        "nodeSelector": {"labels": {"a": "1", "b": "1"}},
        "tolerations": [{"key": "k"}],
    }
    machine = Machine(shared_memory="1Gi", node_selector={"b": "2"})
    made = joined(before, machine.platform())
    assert [item["mountPath"] for item in made["emptyDirMounts"]] == ["/x", "/dev/shm"]
    assert made["nodeSelector"] == {"labels": {"a": "1", "b": "2"}}
    assert made["tolerations"] == before["tolerations"]
    again = joined(made, Machine(shared_memory="3Gi").platform())
    assert [item.get("sizeLimit") for item in again["emptyDirMounts"]] == [None, "3Gi"]


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "two words"},
        {"kind": "a/b/c"},
        {"count": 0},
        {"count": True},
        {"count": "2"},
        {"shared_memory": "a lot"},
        {"shared_memory": "0Gi"},
        {"claim": "Upper"},
        {"claim": "a", "mount_path": "relative"},
    ],
)
def test_what_does_not_hold(broken):
    with pytest.raises(UsageError):
        Machine(**broken)


def test_a_step_needs_a_kind(tmp_path):
    with pytest.raises(UsageError, match="kind"):
        compiled(tmp_path, lambda task: on_accelerators(task, ""))
    with pytest.raises(UsageError, match="cores"):
        compiled(tmp_path, lambda task: on_accelerators(task, cpu="many"))


class TestFlags:
    """What the words of ``plimsoll compile`` ask for."""

    def test_nothing(self):
        assert machine_from() is None

    def test_shared_memory_comes_with_an_accelerator(self):
        assert machine_from("nvidia.com/gpu").shared_memory == "2Gi"
        assert machine_from("nvidia.com/gpu", shared_memory="").shared_memory == ""
        assert machine_from(shared_memory="1Gi") == Machine(shared_memory="1Gi")

    def test_a_claim_and_its_place(self):
        assert machine_from(claim="runs").mount_path == "/mnt/plimsoll"
        assert machine_from(claim="runs:/data") == Machine(claim="runs", mount_path="/data")

    def test_labels(self):
        assert machine_from(node_selector=("a/b=c=d",)).node_selector == {"a/b": "c=d"}
        with pytest.raises(UsageError, match="KEY=VALUE"):
            machine_from(node_selector=("a",))

    def test_a_count_of_nothing(self):
        with pytest.raises(UsageError, match="kind"):
            machine_from(count=2)


def test_the_flags_do_as_the_functions(tmp_path, capsys):
    from plimsoll.cli import main
    from plimsoll.local.pipelines.machines import on_machine

    plain = compiled(tmp_path).read_text()
    by_function = compiled(
        tmp_path,
        lambda task: on_shared_storage(
            on_accelerators(task, "nvidia.com/gpu", 2, node_selector={"a": "b"}), "runs"
        ),
    ).read_text()
    machine = machine_from("nvidia.com/gpu", 2, node_selector=("a=b",), claim="runs")
    assert on_machine(plain, machine) == by_function
    assert on_machine(by_function, machine) == by_function

    source = tmp_path / "trains.py"
    source.write_text(
        "from kfp import dsl\nfrom plimsoll.components import train\n\n"
        "@dsl.pipeline(name='trains')\ndef trains():\n"
        "    found = dsl.importer(artifact_uri='gs://bucket/examples',"
        " artifact_class=dsl.Dataset, reimport=False)\n"
        "    train(examples=found.output)\n"
    )
    flags = ["--accelerator", "nvidia.com/gpu", "--accelerator-count", "2"]
    flags += ["--node-selector", "a=b", "--claim", "runs"]
    assert main(["compile", str(source), "--to", str(tmp_path / "out"), *flags]) == 0
    assert (tmp_path / "out" / "trains.yaml").read_text() == by_function


def test_a_pipeline_without_training(tmp_path, capsys):
    from plimsoll.cli import main
    from plimsoll.local.pipelines.machines import on_machine, trains

    @dsl.pipeline(name="reads")
    def reads():
        ingest(data="x.csv")

    path = tmp_path / "reads.yaml"
    compiler.Compiler().compile(reads, str(path))
    assert not trains(path.read_text())
    with pytest.raises(UsageError, match="no step that trains"):
        on_machine(path.read_text(), Machine(kind="nvidia.com/gpu"))
    assert main(["compile", str(path), "--accelerator", "two words"]) == 2
    assert "nvidia.com/gpu" in capsys.readouterr().err


def test_what_is_compiled_still_runs_here(tmp_path):
    from plimsoll.local.pipelines.graph import parse
    from plimsoll.local.pipelines.machines import on_machine

    text = on_machine(compiled(tmp_path).read_text(), machine_from("nvidia.com/gpu"))
    assert (
        parse(text, "the pipeline").images() == parse(compiled(tmp_path).read_text(), "x").images()
    )
