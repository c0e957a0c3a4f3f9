"""A package in a real server: what passes, what does not, and that no server is left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plimsoll.errors import ConfigError
from plimsoll.formats import package as format_
from plimsoll.infra_validate import core
from plimsoll.infra_validate.server_process import COMMAND
from plimsoll.storage.files import digest_file, read_json, write_json
from serving.made_package import make_package

RUN = (
    "import sys; from pathlib import Path; from plimsoll.infra_validate import core;"
    "print(core.infra_validate(Path(sys.argv[1]), command=sys.argv[2:]).reason)"
)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    return {
        task: make_package(folder, task=task).folder
        for task in ("binary", "multiclass", "regression")
    }


def with_warmup(package: Path, folder: Path, change) -> Path:
    """Returns a whole copy of a package with other warm-up answers."""
    shutil.copytree(package, folder)
    warmup = read_json(folder / "warmup.json")
    change(warmup)
    write_json(folder / "warmup.json", warmup)
    manifest = read_json(folder / "manifest.json")
    manifest["files"]["warmup.json"] = digest_file(folder / "warmup.json")
    del manifest["version"]
    manifest["version"] = format_._version(manifest)
    write_json(folder / "manifest.json", manifest)
    return folder


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_good_package_is_blessed(packages, tmp_path, task):
    verdict = core.infra_validate(packages[task], tries=1)
    assert verdict.blessed, verdict
    assert verdict.reason == "6 requests over HTTP were answered as recorded"
    (done,) = verdict.tries
    assert (done.requests, done.rows, len(done.one_row_ms)) == (6, 12, 4)
    assert done.largest_difference < 1e-6
    metadata = core.write_report(tmp_path / "report.json", verdict)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["blessed"] is True
    assert report["tries"][0]["start_seconds"] > 0
    assert report["tries"][0]["one_row_p50_ms"] > 0
    assert metadata["notes"][0] == "6 requests, 12 rows, over v1 and v2"


def test_an_answer_that_differs_is_not_blessed(packages, tmp_path):
    def change(warmup):
        answer = warmup["answers"][2]
        answer["probabilities"]["true"] += 2e-5

    package = with_warmup(packages["binary"], tmp_path / "package", change)
    verdict = core.infra_validate(package, tries=2)
    assert not verdict.blessed
    assert len(verdict.tries) == 2
    assert "a v1 answer is not the recorded one: row 2: probabilities" in verdict.reason
    report = tmp_path / "report.json"
    core.write_report(report, verdict)
    assert json.loads(report.read_text())["tries"][1]["largest_difference"] == pytest.approx(2e-5)


def test_a_difference_within_the_tolerance_is_blessed(packages, tmp_path):
    def change(warmup):
        warmup["answers"][2]["probabilities"]["true"] += 5e-6

    package = with_warmup(packages["binary"], tmp_path / "package", change)
    assert core.infra_validate(package, tries=1).blessed


def test_another_label_and_a_request_that_is_refused(packages, tmp_path):
    def other_label(warmup):
        warmup["answers"][0]["label"] = "nobody"

    def wrong_type(warmup):
        warmup["instances"][0]["distance"] = "far"

    package = with_warmup(packages["multiclass"], tmp_path / "label", other_label)
    assert "'nobody'" in core.infra_validate(package, tries=1).reason
    package = with_warmup(packages["multiclass"], tmp_path / "type", wrong_type)
    verdict = core.infra_validate(package, tries=1)
    assert not verdict.blessed
    assert "'distance' has a wrong value" in verdict.reason + verdict.tries[0].log


def test_a_package_without_warm_up_requests(packages, tmp_path):
    package = with_warmup(
        packages["binary"],
        tmp_path / "package",
        lambda warmup: warmup.update(instances=[], answers=[]),
    )
    verdict = core.infra_validate(package)
    assert (verdict.blessed, verdict.reason) == (False, "the package has no warm-up requests")


def test_a_damaged_package_is_not_blessed(packages, tmp_path):
    shutil.copytree(packages["binary"], tmp_path / "package")
    (tmp_path / "package" / "model" / "weights.safetensors").write_bytes(b"x")
    verdict = core.infra_validate(tmp_path / "package")
    assert not verdict.blessed
    assert "was changed after it was made" in verdict.reason


def stand_in(tmp_path: Path, text: str) -> list[str]:
    """Returns the command of a server of another kind."""
    (tmp_path / "server.py").write_text(text)
    return [sys.executable, str(tmp_path / "server.py")]


def test_a_server_that_comes_up_at_the_third_try(packages, tmp_path):
    command = stand_in(
        tmp_path,
        "import os, pathlib, sys\n"
        "seen = pathlib.Path(__file__).with_name('seen')\n"
        "count = len(seen.read_text()) if seen.exists() else 0\n"
        "seen.write_text('x' * (count + 1))\n"
        "if count < 2: sys.exit('not yet')\n"
        f"os.execv(sys.executable, {list(COMMAND)!r} + sys.argv[1:])\n",
    )
    verdict = core.infra_validate(packages["binary"], tries=3, command=command)
    assert verdict.blessed, verdict
    assert [done.passed for done in verdict.tries] == [False, False, True]
    assert "passed at try 3" in core.write_report(tmp_path / "r.json", verdict)["notes"]


def test_a_server_that_never_comes_up(packages, tmp_path, capsys):
    command = stand_in(tmp_path, "import sys; sys.exit('no such luck')")
    verdict = core.infra_validate(packages["binary"], tries=2, command=command)
    assert not verdict.blessed
    assert verdict.reason.splitlines() == [
        "2 tries, the last: the server ended with exit status 1 before it was ready",
        "no such luck",
    ]
    core.write_report(tmp_path / "report.json", verdict)
    assert "no such luck" in capsys.readouterr().err


def test_a_server_that_is_not_ready_in_time_is_ended(packages, tmp_path):
    command = stand_in(
        tmp_path,
        "import os, pathlib, time\n"
        "pathlib.Path(__file__).with_name('pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n",
    )
    verdict = core.infra_validate(packages["binary"], tries=1, ready_seconds=2, command=command)
    assert "not ready in time" in verdict.reason
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_a_server_that_answers_nonsense(packages, tmp_path):
    command = stand_in(
        tmp_path,
        "from http.server import BaseHTTPRequestHandler, HTTPServer\n"
        "class Handler(BaseHTTPRequestHandler):\n"
        "    def answer(self):\n"
        "        self.rfile.read(int(self.headers.get('content-length', 0)))\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(b'{}')\n"
        "    do_GET = do_POST = answer\n"
        "server = HTTPServer(('127.0.0.1', 0), Handler)\n"
        "print(f'http://127.0.0.1:{server.server_port}/', flush=True)\n"
        "server.serve_forever()\n",
    )
    verdict = core.infra_validate(packages["binary"], tries=1, command=command)
    assert "the v1 response is malformed: KeyError" in verdict.reason


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_server_outlives_the_one_who_started_it(packages, tmp_path, number):
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent was killed")
    command = stand_in(
        tmp_path,
        "import os, pathlib, sys\n"
        "pathlib.Path(__file__).with_name('pid').write_text(str(os.getpid()))\n"
        f"os.execv(sys.executable, {list(COMMAND)!r} + sys.argv[1:])\n",
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, packages["binary"], *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    pid = tmp_path / "pid"
    until = time.monotonic() + 60
    # Until the interpreter that becomes the server has had time to ask for its parent's death.
    while not (pid.exists() and pid.read_text() and has_imported(int(pid.read_text()))):
        assert time.monotonic() < until
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert is_gone(int(pid.read_text()))


@pytest.mark.parametrize("options", [{"tries": 0}, {"ready_seconds": 0}, {"tries": -1}])
def test_wrong_options(packages, options):
    with pytest.raises(ConfigError, match="a try and time for it"):
        core.infra_validate(packages["binary"], **options)


def has_imported(pid: int) -> bool:
    """Says if a server has come as far as its heavy imports."""
    maps = Path(f"/proc/{pid}/maps")
    try:
        return "numpy" in maps.read_text() if maps.parent.parent.exists() else True
    except OSError:
        return False


def is_gone(pid: int, seconds: float = 20) -> bool:
    """Says if a process has ended, or does within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False
