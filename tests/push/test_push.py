"""Pushing: what is pushed when, that it is whole, and that nothing is lost."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plimsoll.errors import ArtifactError, DataError, UsageError
from plimsoll.formats.package import open_package
from plimsoll.push import core
from plimsoll.storage import provenance as witness
from plimsoll.storage.files import digest_tree, write_json
from serving.made_package import make_package

PUSH = (
    "import sys; from pathlib import Path; from plimsoll.push import core;"
    "gates = core.Gates(blessed=True, infra_blessed=True);"
    "print(core.push(Path(sys.argv[1]), sys.argv[2], gates).path)"
)
OPEN = core.Gates(blessed=True, infra_blessed=True)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Three versions of one model."""
    folder = tmp_path_factory.mktemp("packages")
    return [make_package(folder / str(seed), seed=seed) for seed in range(3)]


def pushed(package, destination, gates=OPEN, **options):
    """Pushes a package that every gate let pass."""
    return core.push(package.folder, str(destination), gates, **options)


def champion(destination):
    return json.loads((destination / "arrived_late" / "champion.json").read_text())


def present(*packages):
    """Returns the names that lie in a model's folder after these were pushed."""
    versions = [package.version for package in packages]
    return sorted([*versions, "champion.json", "inferenceservice.yaml"])


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize(
    ("data_passed", "blessed", "infra_blessed", "force"),
    list(itertools.product([False, True], repeat=4)),
)
def test_what_is_pushed(packages, tmp_path, data_passed, blessed, infra_blessed, force):
    gates = core.Gates(data_passed=data_passed, blessed=blessed, infra_blessed=infra_blessed)
    result = pushed(packages[0], tmp_path / "to", gates, force=force)
    every = data_passed and blessed and infra_blessed
    assert result.pushed is (every or force)
    assert result.version == packages[0].version
    assert ("the data gate did not let" in result.reason) is not data_passed
    assert ("evaluation did not bless" in result.reason) is not blessed
    assert ("infra_validate did not bless" in result.reason) is not infra_blessed
    assert any("BY FORCE" in note for note in result.notes) is (force and not every)
    if result.pushed:
        assert open_package(tmp_path / "to" / "arrived_late" / result.version)
        assert champion(tmp_path / "to")["version"] == result.version
    else:
        assert result.path == ""
        assert not (tmp_path / "to").exists()


def test_what_lies_there_afterwards(packages, tmp_path):
    result = pushed(packages[0], tmp_path)
    home = tmp_path / "arrived_late"
    assert result.path == str(home / packages[0].version)
    assert visible(home) == present(packages[0])
    assert digest_tree(home / packages[0].version) == digest_tree(packages[0].folder)
    assert champion(tmp_path) == {"version": packages[0].version, "previous": ""}


def test_the_same_again_changes_nothing(packages, tmp_path):
    pushed(packages[0], tmp_path)
    pushed(packages[1], tmp_path)
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("[!.]*"))}
    result = pushed(packages[1], tmp_path)
    assert result.pushed
    assert "was there already" in result.notes[0]
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("[!.]*"))} == before
    assert champion(tmp_path)["previous"] == packages[0].version


def test_an_older_version_becomes_the_champion_again(packages, tmp_path):
    for package in (packages[0], packages[1], packages[0]):
        pushed(package, tmp_path)
    assert champion(tmp_path) == {
        "version": packages[0].version,
        "previous": packages[1].version,
    }
    text = (tmp_path / "arrived_late" / "inferenceservice.yaml").read_text()
    assert packages[0].version in text
    assert packages[1].version not in text


def test_a_damaged_version_is_replaced(packages, tmp_path):
    result = pushed(packages[0], tmp_path)
    weights = tmp_path / "arrived_late" / result.version / "model" / "weights.safetensors"
    weights.write_bytes(b"half")
    again = pushed(packages[0], tmp_path)
    assert any("damaged" in note for note in again.notes)
    assert open_package(weights.parent.parent).version == packages[0].version


def test_a_file_that_was_added_to_a_version_goes(packages, tmp_path):
    folder = tmp_path / "arrived_late" / pushed(packages[0], tmp_path).version
    (folder / "extra.py").write_text("x")
    pushed(packages[0], tmp_path)
    assert not (folder / "extra.py").exists()


def test_a_damaged_package_is_not_pushed(packages, tmp_path):
    shutil.copytree(packages[0].folder, tmp_path / "package")
    (tmp_path / "package" / "warmup.json").write_text("{}")
    with pytest.raises(ArtifactError, match="was changed after it was made"):
        core.push(tmp_path / "package", str(tmp_path / "to"), OPEN)
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b", "-x", "é", "x" * 64, "a\n"])
def test_a_hostile_name(tmp_path, name):
    made = make_package(tmp_path / "package", name="good")
    manifest = json.loads((made.folder / "manifest.json").read_text())
    manifest["name"] = name
    del manifest["version"]
    from plimsoll.formats import package as format_

    manifest["version"] = format_._version(manifest)
    write_json(made.folder / "manifest.json", manifest)
    with pytest.raises(ArtifactError, match="cannot be a folder's name"):
        core.push(made.folder, str(tmp_path / "to"), OPEN, force=True)
    assert not (tmp_path / "to").exists()
    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize("destination", ["", "  "])
def test_no_destination(packages, destination):
    with pytest.raises(UsageError, match="no destination") as caught:
        pushed(packages[0], destination)
    assert "destination=" in caught.value.hint


@pytest.mark.parametrize("destination", ["gs://bucket/models", "s3://x", "oci://y/z"])
def test_a_destination_of_a_later_version(packages, destination, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        pushed(packages[0], destination)
    assert "not in this version" in caught.value.cause
    assert list(tmp_path.iterdir()) == []


def test_a_file_url_and_a_relative_folder(packages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pushed(packages[0], f"file://{tmp_path}/a").path.startswith(f"{tmp_path}/a/")
    assert pushed(packages[0], "b").path.startswith(f"{tmp_path}/b/")


def test_a_destination_that_is_a_file(packages, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        pushed(packages[0], tmp_path / "file")
    with pytest.raises(DataError, match="cannot be written"):
        pushed(packages[0], tmp_path / "file" / "below")


def test_a_full_disk_leaves_nothing_half_written(packages, tmp_path):
    """A limit on the size of files stands for a disk without room for the weights."""
    pushed(packages[0], tmp_path)
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048));{PUSH}"
    done = subprocess.run(
        [sys.executable, "-c", limited, packages[1].folder, tmp_path],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "plimsoll.errors.DataError: the model cannot be written to" in done.stderr
    assert "next: free some space" in done.stderr
    home = tmp_path / "arrived_late"
    assert visible(home) == present(packages[0])
    assert sorted(path.name for path in home.glob(".*")) == [".push.lock"]
    assert champion(tmp_path)["version"] == packages[0].version


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc is what not even root writes")
def test_a_destination_that_may_not_be_written(packages):
    with pytest.raises(DataError, match="cannot be written") as caught:
        pushed(packages[0], "/proc/models")
    assert "a destination that you may write to" in caught.value.hint


def test_a_champion_pointer_that_cannot_be_read_is_not_thrown_away(packages, tmp_path):
    pushed(packages[0], tmp_path)
    pointer = tmp_path / "arrived_late" / "champion.json"
    pointer.write_text("half {")
    with pytest.raises(ArtifactError, match="the champion before this one would be lost"):
        pushed(packages[1], tmp_path)
    assert pointer.read_text() == "half {"


def test_pushes_at_once_go_one_after_the_other(packages, tmp_path):
    """Each of three versions twice, in six processes; every one is whole, one is champion."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PUSH, package.folder, tmp_path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for package in packages * 2
    ]
    for process, package in zip(processes, packages * 2, strict=True):
        said, errors = process.communicate(timeout=120)
        assert said.strip().endswith(package.version), errors
    home = tmp_path / "arrived_late"
    versions = {package.version for package in packages}
    assert set(visible(home)) == versions | {"champion.json", "inferenceservice.yaml"}
    for version in versions:
        assert open_package(home / version).version == version
    pointer = champion(tmp_path)
    assert pointer["version"] in versions
    assert pointer["previous"] in versions - {pointer["version"]}
    assert pointer["version"] in (home / "inferenceservice.yaml").read_text()
    assert [path.name for path in home.glob(".*")] == [".push.lock"]


def test_a_push_waits_for_the_one_before_it(packages, tmp_path):
    pushed(packages[0], tmp_path)
    second = threading.Thread(target=pushed, args=(packages[1], tmp_path))
    with core._alone(tmp_path / "arrived_late"):
        second.start()
        second.join(0.5)
        assert second.is_alive()
        assert champion(tmp_path)["version"] == packages[0].version
    second.join(60)
    assert champion(tmp_path)["version"] == packages[1].version


def test_a_push_that_was_killed_leaves_no_trace_after_the_next(packages, tmp_path):
    home = tmp_path / "arrived_late"
    slow = PUSH.replace(
        "print(",
        "import shutil, os, signal; usual = shutil.copyfile;"
        "shutil.copyfile = lambda a, b: (usual(a, b),"
        f"os.kill(os.getpid(), {signal.SIGKILL}) if 'weights' in str(b) else None);"
        "print(",
    )
    done = subprocess.run(
        [sys.executable, "-c", slow, packages[0].folder, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == -signal.SIGKILL
    assert visible(home) == []
    assert len(list(home.glob(f".{packages[0].version}.*"))) == 1
    pushed(packages[0], tmp_path)
    assert list(home.glob(f".{packages[0].version}.*")) == []
    assert visible(home) == present(packages[0])


def test_the_provenance_holds_until_what_was_pushed_changes(packages, tmp_path):
    result = pushed(packages[0], tmp_path)
    assert len(result.provenance) == 2
    assert all(map(witness.is_unchanged, result.provenance))
    pushed(packages[1], tmp_path)
    assert [witness.is_unchanged(item) for item in result.provenance] == [True, False]
    shutil.rmtree(result.path)
    assert [witness.is_unchanged(item) for item in result.provenance] == [False, False]


def test_the_record_and_its_metadata(packages, tmp_path):
    result = pushed(packages[0], tmp_path / "to")
    metadata = core.write_record(tmp_path / "record", result)
    record = json.loads((tmp_path / "record" / "pushed.json").read_text())
    assert record == {
        "pushed": True,
        "reason": "every gate let it pass",
        "version": packages[0].version,
        "path": result.path,
    }
    assert metadata["witnesses"] == list(result.provenance)
    assert metadata["notes"]
    json.dumps(metadata)

    gates = core.Gates(blessed=False, infra_blessed=True)
    refused = pushed(packages[0], tmp_path / "to", gates)
    metadata = core.write_record(tmp_path / "record", refused)
    assert "witnesses" not in metadata
    assert metadata["notes"] == [refused.reason]
    assert json.loads((tmp_path / "record" / "pushed.json").read_text())["pushed"] is False
