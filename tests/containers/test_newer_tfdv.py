"""The newer TFDV gives the same results, in the image that has it: `make newer` builds it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = "plimsoll/data:local-glibc2.39"
TOOLS = Path(os.environ.get("CACHE", ROOT / ".cache")) / "newer-test-tools"
DOCKER = os.environ.get("DOCKER") or ("docker" if shutil.which("docker") else "podman")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def image() -> str:
    if not shutil.which(DOCKER) or not (TOOLS / ".whole").exists():
        pytest.skip(f"{DOCKER} or {TOOLS.name} is not there; try: make newer")
    found = subprocess.run([DOCKER, "image", "inspect", IMAGE], capture_output=True)
    if found.returncode:
        pytest.skip(f"{DOCKER} has no image {IMAGE}; try: make newer")
    started = subprocess.run([DOCKER, "run", "--rm", IMAGE, "true"], capture_output=True, text=True)
    if started.returncode:
        pytest.skip(f"{DOCKER} starts no containers here: {started.stderr.strip()}")
    return IMAGE


def test_its_statistics_and_anomalies_are_the_golden_ones(image):
    command = [sys.executable, "tests/run.py", "--tools", TOOLS, "--only", "data"]
    ended = subprocess.run(
        [*command, "--image", image, "--", "-k", "golden"], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "data     passed" in ended.stdout


def test_it_is_the_newer_tfdv_on_the_newer_c_library(image):
    code = (
        "import importlib.metadata as found, platform\n"
        "print(found.version('tensorflow-data-validation'), platform.libc_ver()[1])"
    )
    told = subprocess.run(
        [DOCKER, "run", "--rm", image, "python3", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert told[0] == "1.21.0"
    assert tuple(int(part) for part in told[1].split(".")) >= (2, 39)
