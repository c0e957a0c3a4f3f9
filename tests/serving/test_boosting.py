"""Gradient boosting in a server: the same answers, one by one and at once, and no torch."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plimsoll.formats.package import open_package
from serving.conftest import serving
from serving.made_package import INSTANCES, make_package

TASKS = ("binary", "multiclass", "regression")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boosting")
    return {task: make_package(folder, task=task, boosting=True).folder for task in TASKS}


def test_a_server_gives_the_recorded_answers(folders, tmp_path):
    instances, answers = open_package(folders["multiclass"]).warmup()
    with serving(folders["multiclass"], tmp_path / "log") as server:
        assert server.ask(instances) == (200, {"predictions": answers})
        with ThreadPoolExecutor(4) as pool:
            alone = list(pool.map(lambda row: server.ask([row]), INSTANCES * 3))
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert alone == [(200, {"predictions": [answer]}) for answer in answers * 3]
    # A slim image's only OpenMP library is torch's, and torch itself stays out.
    assert "lib_lightgbm.so" in maps
    assert "libtorch_cpu.so" not in maps


@pytest.mark.parametrize("task", TASKS)
def test_a_package_answers_one_by_one_as_at_once(folders, task):
    code = (
        "import sys; from pathlib import Path; from plimsoll.formats.package import open_package;"
        "from plimsoll.serving.model.predictor import Predictor;"
        f"package = open_package(Path({str(folders[task])!r}));"
        "instances, answers = package.warmup();"
        "model = Predictor(package); assert model.predict_rows(instances) == answers;"
        "assert [model.predict_rows([row])[0] for row in instances] == answers;"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
