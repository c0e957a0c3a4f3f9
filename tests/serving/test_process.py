"""The server as a process: what it refuses to start from, and how it stops."""

import json
import shutil
import signal
import socket
import subprocess

import pytest

from plimsoll.formats.package import open_package
from plimsoll.storage.files import write_json
from serving.conftest import COMMAND, serving
from serving.made_package import INSTANCES, make_package


def refused(*options: object) -> tuple[int, str]:
    """Returns the exit status and stderr of a server that must not start."""
    done = subprocess.run(
        [*COMMAND, *map(str, options)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.fixture
def pushed(packages, tmp_path):
    """A destination with one model, two versions of it, the second the champion."""
    home = tmp_path / "served" / "arrived_late"
    versions = [
        open_package(packages["binary"]),
        make_package(tmp_path / "other", task="binary", seed=1),
    ]
    for package in versions:
        shutil.copytree(package.folder, home / package.version)
    write_json(home / "champion.json", {"version": versions[1].version, "previous": ""})
    return home, versions


def test_every_file_of_the_package_is_verified(packages, tmp_path):
    for name in open_package(packages["binary"]).files:
        folder = tmp_path / name.replace("/", "-")
        shutil.copytree(packages["binary"], folder)
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)
        status, said = refused("--model-dir", folder, "--port", 0)
        assert status == 1
        assert "was changed after it was made" in said
        assert name in said


def test_a_folder_that_is_not_there(tmp_path):
    status, said = refused("--model-dir", tmp_path / "nowhere")
    assert status == 2
    assert "does not exist" in said
    assert "next: " in said


def test_a_file_an_empty_folder_and_a_folder_of_two_models(packages, tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    assert refused("--model-dir", file)[0] == 2
    (tmp_path / "empty").mkdir()
    status, said = refused("--model-dir", tmp_path / "empty")
    assert (status, "there is no model in" in said) == (2, True)
    for name in ("a", "b"):
        shutil.copytree(packages["binary"], tmp_path / "two" / name)
    status, said = refused("--model-dir", tmp_path / "two")
    assert (status, "choices: a, b" in said) == (2, True)


@pytest.mark.parametrize(
    "pointer", ['{"version": "../.."}', '{"version": "0123456789abcdef"}', "[]", "half {"]
)
def test_a_champion_that_leads_nowhere(pushed, pointer):
    home, _ = pushed
    (home / "champion.json").write_text(pointer)
    status, said = refused("--model-dir", home)
    assert status == 1
    assert "champion" in said


@pytest.mark.parametrize(
    "options", [["--port", "70000"], ["--port", "x"], ["--name", "../x"], ["--max-rows", "0"], []]
)
def test_wrong_usage(packages, options):
    where = ["--model-dir", packages["binary"]] if options else []
    assert refused(*where, *options)[0] == 2


def test_a_port_that_is_taken(packages):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = refused("--model-dir", packages["binary"], "--port", port)
    assert status == 1
    assert f"the port {port} is taken" in said
    assert f"--port {port + 1}" in said


def test_an_address_that_is_not_ours(packages):
    status, said = refused("--model-dir", packages["binary"], "--host", "192.0.2.1", "--port", 0)
    assert status == 2
    assert "cannot listen on 192.0.2.1" in said


@pytest.mark.parametrize("depth", ["version", "name", "destination"])
def test_the_champion_is_found_from_each_folder(pushed, tmp_path, depth):
    home, (_, champion) = pushed
    where = {"version": home / champion.version, "name": home, "destination": home.parent}[depth]
    with serving(where, tmp_path / "log", "--name", "flights") as server:
        _, answers = champion.warmup()
        status, content = server.ask(INSTANCES, name="flights")
        assert (status, content["predictions"]) == (200, answers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(packages, tmp_path, number):
    with serving(packages["binary"], tmp_path / "log") as server:
        assert server.ask(INSTANCES)[0] == 200
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
    assert (tmp_path / "log").read_text() == ""


def test_a_signal_while_it_starts_stops_it_cleanly(packages, tmp_path):
    command = [*COMMAND, "--model-dir", packages["binary"], "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")


def test_a_fault_of_the_server_gives_nothing_away(packages, tmp_path):
    """A package whose network does not fit its transform: whole, and yet it cannot answer."""
    script = tmp_path / "broken.py"
    script.write_text(
        "import sys\n"
        "from plimsoll.serving.model import predictor\n"
        "from plimsoll.serving.__main__ import main\n"
        "def fail(self, rows):\n"
        "    if len(rows) == 1:\n"
        "        raise ValueError(f'a private value: {rows}')\n"
        "predictor.Predictor.predict_rows = fail\n"
        "sys.exit(main())\n"
    )
    from serving import conftest

    usual = list(conftest.COMMAND)
    conftest.COMMAND[:] = [usual[0], str(script)]
    try:
        with serving(packages["binary"], tmp_path / "log") as server:
            status, content = server.ask([{"carrier": "secret"}])
    finally:
        conftest.COMMAND[:] = usual
    log = (tmp_path / "log").read_text()
    assert status == 500
    assert "secret" not in json.dumps(content) + log
    assert "ValueError while answering" in log
    assert "in _v1" in log
