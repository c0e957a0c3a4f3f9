"""`plimsoll cache prune`: what no run shows goes, and nothing else."""

import json
import os
import time

import pytest

from local.commands import command
from plimsoll.local.engine.cache import StepCache
from plimsoll.storage.files import write_json

DAY = 86_400


def ran(out, name, key, content=b"x" * 1000):
    """A run of one step that is in the cache."""
    folder = out / name / "step"
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(content)
    write_json(out / name / "run.json", {"id": name})
    StepCache(out / "cache" / "steps").put(key, folder, ())
    return out / name


def removed(folder):
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def pruned(out, *options):
    asked = command("cache", "prune", "--out", str(out), "--json", *options)
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout)


def keys(out):
    return {path.name for path in (out / "cache" / "steps").iterdir()}


def aged(path, days):
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def test_steps_of_runs_that_are_gone_go(tmp_path):
    ran(tmp_path, "kept", "a")
    removed(ran(tmp_path, "gone", "b", b"y" * 5000))

    found = pruned(tmp_path)

    assert keys(tmp_path) == {"a"}
    assert found["removed"] == 1
    assert 5000 <= found["bytes"] < 7000
    assert pruned(tmp_path) == {"removed": 0, "bytes": 0}


def test_a_step_that_a_later_run_took_stays(tmp_path):
    first = ran(tmp_path, "first", "a")
    cache = StepCache(tmp_path / "cache" / "steps")
    second = tmp_path / "second"
    write_json(second / "run.json", {"id": "second"})
    assert cache.take(cache.find("a", only_with_provenance=False), second / "step")
    removed(first)

    assert pruned(tmp_path)["removed"] == 0
    assert keys(tmp_path) == {"a"}
    removed(second)
    assert pruned(tmp_path)["removed"] == 1


def test_days_remove_what_is_old_and_free_what_is_not_shared(tmp_path):
    ran(tmp_path, "old", "a", b"z" * 100_000)
    ran(tmp_path, "new", "b")
    aged(tmp_path / "cache" / "steps" / "a" / "entry.json", 3)

    found = pruned(tmp_path, "--days", "2")

    assert keys(tmp_path) == {"b"}
    # The run still has the file.
    assert found["bytes"] < 10_000
    assert (tmp_path / "old" / "step" / "data").read_bytes() == b"z" * 100_000


def test_what_killed_runs_left_goes_once_it_is_old(tmp_path):
    for name in ("cache/steps/.storing-x", "cache/.command-y", "datasets/.abc.z"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "part").write_bytes(b"x" * 10)

    assert pruned(tmp_path)["removed"] == 0
    for name in ("cache/steps/.storing-x", "cache/.command-y", "datasets/.abc.z"):
        aged(tmp_path / name, 2)
    assert pruned(tmp_path) == {"removed": 3, "bytes": 30}


def test_a_damaged_entry_goes(tmp_path):
    ran(tmp_path, "kept", "a")
    (tmp_path / "cache" / "steps" / "a" / "entry.json").write_text("{")

    assert pruned(tmp_path)["removed"] == 1


@pytest.mark.parametrize("days", ["-1", "x"])
def test_days_are_counted_from_0(tmp_path, days):
    asked = command("cache", "prune", "--out", str(tmp_path), "--days", days)

    assert asked.returncode == 2
    assert "--days" in asked.stderr


def test_where_there_is_nothing_nothing_is_removed(tmp_path):
    asked = command("cache", "prune", "--out", str(tmp_path / "none"))

    assert asked.stdout == "nothing to remove\n"
