"""The training pipeline on small data, through every environment, as a user runs it."""

import json
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from end_to_end import made_data
from local.commands import START, VARIABLES, command

pytestmark = pytest.mark.slow
QUICK = ("--train-config", '{"model": "mlp", "epochs": 20, "trees": 50}')
STEPS = ["ingest", "validate", "transform", "train", "evaluate", "infra-validate", "push"]


def train(data, label, out, *words):
    ran = command(
        *("run", "training", "--data", str(data), "--label", label, "--out", str(out)),
        *("--json", *QUICK, *words),
    )
    return ran, json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """An unbroken run that other tests look at."""
    folder = tmp_path_factory.mktemp("first")
    data = made_data.hires(folder / "hires.csv")
    ran, record = train(data, "late", folder / "runs")
    assert ran.returncode == 0, ran.stderr
    return folder, data, record


def test_a_csv_and_a_label_become_a_pushed_model(first):
    _, _, record = first

    assert list(record["steps"]) == STEPS
    assert all(step["state"] == "succeeded" for step in record["steps"].values())
    assert record["status"] == "succeeded"
    assert record["pushed"] is True
    assert set(record["metrics"]) == {"train", "eval", "test"}
    assert 0.6 < record["metrics"]["test"]["auc"] <= 1
    assert set(record["baseline_metrics"]) == {"eval", "test"}
    model = Path(record["model_path"])
    assert model.name == record["model_version"]
    champion = json.loads((model.parent / "champion.json").read_text())
    assert champion["version"] == record["model_version"]
    assert (model.parent / "inferenceservice.yaml").is_file()
    report = Path(record["report"]).read_text()
    assert report.count("<iframe") >= 3


def test_what_was_inferred_is_said(first):
    _, _, record = first

    notes = " ".join(note for step in record["steps"].values() for note in step["notes"])
    assert "binary" in notes
    assert "'yes'" in notes or "yes" in notes


def test_the_same_run_again_is_all_cached(first):
    folder, data, record = first

    ran, again = train(data, "late", folder / "runs")

    assert ran.returncode == 0
    assert [name for name, step in again["steps"].items() if not step["cached"]] == []
    assert again["model_version"] == record["model_version"]
    assert again["metrics"] == record["metrics"]


def test_a_removed_model_is_pushed_again(first):
    folder, data, record = first
    shutil.rmtree(record["model_path"])

    _, again = train(data, "late", folder / "runs")

    assert [name for name, step in again["steps"].items() if not step["cached"]] == ["push"]
    assert Path(again["model_path"]).is_dir()


def test_another_place_gives_the_same_version(first, tmp_path):
    _, data, record = first
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / data.name).write_bytes(data.read_bytes())

    _, again = train(moved / data.name, "late", tmp_path / "runs")

    assert again["model_version"] == record["model_version"]


def test_three_classes_from_a_semicolon_file(tmp_path):
    ran, record = train(made_data.flowers(tmp_path / "flowers.csv"), "kind", tmp_path / "runs")

    assert ran.returncode == 0, ran.stderr
    assert record["metrics"]["test"]["accuracy"] > 0.8


def test_a_number_to_predict(tmp_path):
    ran, record = train(made_data.prices(tmp_path / "prices.csv"), "price", tmp_path / "runs")

    assert ran.returncode == 0, ran.stderr
    assert record["metrics"]["test"]["r2"] > 0.5


def test_a_model_past_its_line_is_not_pushed(first, tmp_path):
    folder, data, _ = first
    # What comes before the gate is the same as in the first run.
    shutil.copytree(folder / "runs" / "cache", tmp_path / "runs" / "cache")
    problem = tmp_path / "problem.yaml"
    problem.write_text("label: late\nthresholds: {auc: {min: 0.999}}\n")

    ran = command(
        *("run", "training", "--data", str(data), "--problem", str(problem)),
        *("--out", str(tmp_path / "runs"), "--json", *QUICK),
    )
    record = json.loads(ran.stdout.splitlines()[-1])

    assert ran.returncode == 1
    assert (record["status"], record["pushed"]) == ("stopped", False)
    assert record["model_path"] is None
    assert "auc" in record["reason"]
    assert "0.999" in record["reason"]
    assert not list((tmp_path / "runs" / "models").glob("*/champion.json"))


@pytest.mark.parametrize(
    ("content", "label", "said"),
    [
        (None, "y", "nothing.csv"),
        (b"", "y", "empty"),
        (b"a,y\n", "y", "header"),
        (b"a,y\n1,2\n", "z", "'z'"),
        (b"a,y,a\n1,2,3\n", "y", "'a'"),
        (b"a,y\n1,0\n2,1,5\n", "y", "line 3"),
        (b"a,y\n" + b"1,0\n" * 40, "y", "one"),
    ],
    ids=["missing", "empty", "header", "label", "duplicate", "ragged", "one-class"],
)
def test_bad_data_is_refused_in_words(tmp_path, content, label, said):
    path = tmp_path / "nothing.csv"
    if content is not None:
        path.write_bytes(content)

    ran, record = train(path, label, tmp_path / "runs")

    assert ran.returncode in (1, 2)
    assert said in ran.stderr
    assert "next:" in ran.stderr or "did you mean" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert record["pushed"] is False
    assert not (tmp_path / "runs" / "models").exists()


def test_private_values_are_nowhere(tmp_path):
    secret = "Zebra-7731-confidential"
    data = made_data.hires(tmp_path / "hires.csv")
    lines = data.read_text().splitlines()
    data.write_text(
        "\n".join(
            [lines[0] + ",name"] + [f"{line},{secret}{n}" for n, line in enumerate(lines[1:])]
        )
    )
    problem = tmp_path / "problem.yaml"
    problem.write_text("label: late\nprivate: [name]\n")

    ran = command(
        *("run", "training", "--data", str(data), "--problem", str(problem)),
        *("--out", str(tmp_path / "runs")),
    )

    assert ran.returncode == 0, ran.stderr
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert len(files) > 50
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert secret not in ran.stdout + ran.stderr


def test_a_pushed_model_answers_requests(first):
    _, _, record = first
    served = subprocess.Popen(
        [*START, "serve", str(Path(record["model_path"]).parent), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=VARIABLES,
    )
    try:
        url = next(word for line in served.stdout for word in line.split() if ":predict" in word)
        body = {
            "instances": [
                {
                    "station": "harbour",
                    "taken": "2024-05-01T09:15:00",
                    "km": 2.0,
                    "rain mm": 1.0,
                    "member": None,
                    "comment": "never seen",
                }
            ]
        }
        request = urllib.request.Request(
            url.strip("'\""), json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            [prediction] = json.load(answer)["predictions"]
    finally:
        served.send_signal(signal.SIGTERM)
        code = served.wait()

    assert prediction["label"] in ("yes", "no")
    assert 0 <= prediction["probability"] <= 1
    assert code == 0


def test_the_compiled_pipeline_is_what_the_source_compiles_to(tmp_path):
    assert command("compile", "--to", str(tmp_path)).returncode == 0

    golden = Path(__file__).resolve().parents[2] / "pipelines" / "compiled" / "training.yaml"
    assert normalised(tmp_path / "training.yaml") == normalised(golden), "run: make compile"


def normalised(path: Path) -> str:
    """Leaves out what differs between versions of kfp and of the images."""
    kept = []
    for line in path.read_text().splitlines():
        if "sdkVersion" in line or "kfp==" in line:
            continue
        kept.append("image: *" if line.strip().startswith("image:") else line)
    return "\n".join(kept)
