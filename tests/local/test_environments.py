"""Environments, built by uv for real, from a lock with one small package."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from plimsoll import shipped
from plimsoll.errors import EnvironmentBuildError, UsageError
from plimsoll.images import ROLES
from plimsoll.local.engine import environments

LOCK = "six==1.17.0\n"
SCRIPT = """
import sys
from plimsoll import shipped
from plimsoll.local.engine import environments
shipped._FOLDERS["images"] = __import__("pathlib").Path(sys.argv[1])
print(environments.ensure("data", lambda line: print(line, flush=True)).python)
"""


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Puts small locks in the place of the roles' own, and the cache into a folder of its own."""
    folder = tmp_path / "images"
    for role in ROLES:
        (folder / role).mkdir(parents=True)
        (folder / role / "requirements.lock").write_text(f"# {role}\n{LOCK}")
    monkeypatch.setitem(shipped._FOLDERS, "images", folder)
    monkeypatch.setenv("PLIMSOLL_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def build(images):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(images)], capture_output=True, text=True
    )


def test_an_environment_has_what_its_lock_says_and_is_built_once(images):
    said = []
    built = environments.ensure("data", said.append)
    version = subprocess.run(
        [built.python, "-c", "import six, sys; print(six.__version__, sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert version == "1.17.0 (3, 11)\n"
    assert len(said) == 2
    assert environments.ensure("data", pytest.fail) == built


def test_another_lock_is_another_environment_and_prune_removes_the_old(images, tmp_path):
    old = environments.ensure("data", lambda _: None)
    (images / "data" / "requirements.lock").write_text(LOCK + "# changed\n")

    new = environments.environment("data")

    assert new.folder != old.folder
    assert not new.ready
    assert environments.prune() == [old.folder]
    assert environments.prune() == []


def test_two_builds_at_once_make_one_whole_environment(images, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda _: build(images), range(2)))

    assert [item.returncode for item in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    assert sum("built the data" in item.stdout for item in ended) == 1
    assert environments.environment("data").ready


def test_a_build_that_is_killed_leaves_nothing_that_looks_whole(images, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(images)], stdout=subprocess.PIPE, text=True
    )
    root = tmp_path / "cache" / "environments"
    while not list(root.glob(".building-data-*/environment/bin")):
        assert process.poll() is None, "the build ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert not environments.environment("data").ready
    assert build(images).returncode == 0
    assert environments.environment("data").ready
    assert not list(root.glob(".building-*"))


def test_an_environment_whose_python_is_gone_is_built_again(images):
    built = environments.ensure("data", lambda _: None)
    built.python.unlink()

    assert environments.ensure("data", lambda _: None).ready


def test_what_cannot_be_installed_is_named(images):
    (images / "data" / "requirements.lock").write_text("six==0.0.0.1\n")

    with pytest.raises(EnvironmentBuildError, match=r"six==0\.0\.0\.1"):
        environments.ensure("data", lambda _: None)
    assert not environments.environment("data").ready


def test_a_cache_that_cannot_be_written_is_named(images, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PLIMSOLL_CACHE_DIR", str(tmp_path / "file" / "cache"))

    with pytest.raises(EnvironmentBuildError, match="PLIMSOLL_CACHE_DIR=/path"):
        environments.ensure("data", lambda _: None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_read_only_cache_serves_what_it_holds(images, tmp_path):
    environments.ensure("data", lambda _: None)
    (tmp_path / "cache" / "environments").chmod(0o555)

    assert environments.ensure("data", pytest.fail).ready
    with pytest.raises(EnvironmentBuildError, match="cannot be written"):
        environments.ensure("train", lambda _: None)


def test_an_unknown_role_lists_the_known():
    with pytest.raises(UsageError, match="did you mean 'train'"):
        environments.environment("trian")


def test_pips_wheel_folders_are_passed_on(monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/one /two")

    assert environments.find_links() == ["--find-links", "/one", "--find-links", "/two"]


def test_uv_is_found():
    assert shutil.which(environments.uv_binary())
