"""The flights with their feature store, on a month of them: trained, materialised, asked."""

import csv
import json
import math
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from local.commands import command, started

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / "examples" / "flights"
FIRST_OF_FEBRUARY = "2013-02-01"
STEPS = [
    "ingest", "features", "validate", "transform", "train", "evaluate", "infra-validate", "push",
]  # fmt: skip
AT = "2013-01-30T12:00:00"
QUESTION = ["origin", "dest", "carrier", "tailnum", "time_hour", "sched_dep_time"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as a user has it: a month of flights, the repository, and what it reads."""
    folder = tmp_path_factory.mktemp("flights")
    (folder / "data").mkdir()
    rows = january(folder / "data" / "flights.csv")
    for name in ("weather.csv", "planes.csv", "airports.csv"):
        shutil.copyfile(FLIGHTS / "data" / name, folder / "data" / name)
    ignore = shutil.ignore_patterns("data", "__pycache__")
    shutil.copytree(ROOT / "feature_repo", folder / "feature_repo", ignore=ignore)
    python = command("env", "path", "features").stdout.strip()
    made = subprocess.run(
        [
            *(python, ROOT / "feature_repo" / "make_sources.py"),
            *("--data", folder / "data", "--to", folder / "feature_repo" / "data"),
        ],
        env={"PYTHONPATH": str(ROOT / "components"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    problem = (FLIGHTS / "problem.yaml").read_text()
    problem = problem.replace("2013-10-01", "2013-01-23").replace("2013-11-16", "2013-01-28")
    (folder / "problem.yaml").write_text(problem)
    return folder, rows


def january(path):
    """Writes the flights of one airport in January, and returns them."""
    with (FLIGHTS / "data" / "flights.csv").open(newline="") as stream:
        reader = csv.DictReader(stream)
        rows = [
            row for row in reader if row["time_hour"] < FIRST_OF_FEBRUARY and row["origin"] == "JFK"
        ]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def train(folder, *words):
    return command(
        *("run", "training", "--json", "--data", "data/flights.csv", "--problem", "problem.yaml"),
        *("--train_config", '{"model": "mlp", "epochs": 2}', *words),
        cwd=folder,
    )


@pytest.fixture(scope="module")
def trained(place):
    ran = train(place[0])
    assert ran.returncode == 0, ran.stderr + ran.stdout[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_the_problem_brings_the_step_that_joins(trained):
    assert trained["pipeline"] == "training-with-features"
    assert list(trained["steps"]) == STEPS
    assert trained["pushed"] is True
    assert trained["next"][0].endswith("--features feature_repo")
    notes = " ".join(trained["steps"]["features"]["notes"])
    assert "flights_late_v1" in notes


def test_the_model_carries_the_plan(trained):
    model = Path(trained["model_path"])
    plan = json.loads((model / "features" / "plan.json").read_text())
    assert plan["service"] == "flights_late_v1"
    lineage = json.loads((model / "lineage.json").read_text())
    assert plan["registry_sha256"] in json.dumps(lineage)


def test_the_same_run_again_is_all_cached_until_a_table_changes(place, trained):
    folder, _ = place
    again = json.loads(train(folder).stdout.splitlines()[-1])
    assert [name for name, step in again["steps"].items() if not step["cached"]] == []

    views = folder / "feature_repo" / "views.py"
    text = views.read_text()
    views.write_text(text + "\n# looked at again\n")
    try:
        changed = json.loads(train(folder).stdout.splitlines()[-1])
    finally:
        views.write_text(text)
    assert changed["steps"]["ingest"]["cached"]
    assert not changed["steps"]["features"]["cached"]
    assert changed["model_version"] == trained["model_version"]


def asked(url, row):
    body = json.dumps({"instances": [row]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["predictions"][0]["probability"]


def test_a_server_looks_up_what_training_joined(place, trained):
    folder, rows = place
    ran = command("run", "features", "--repo", "feature_repo", "--until", AT, cwd=folder)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    flights = [row for row in rows if row["time_hour"].startswith(AT[:13])][:3]
    assert flights
    model = str(Path(trained["model_path"]).parent)
    server = started("serve", model, "--features", str(folder / "feature_repo"), "--port", "0")
    try:
        url = server.stdout.readline().split()[-1]
        assert url.startswith("http://"), server.stderr.read()
        for flight in flights:
            then = features_then(folder, flight)
            given = question(trained, flight)
            assert asked(url, given) == pytest.approx(asked(url, {**given, **then}), abs=1e-9)
        without = {**question(trained, flights[0]), **dict.fromkeys(then)}
        assert asked(url, without) != pytest.approx(asked(url, given), abs=1e-6)
    finally:
        server.terminate()
        server.wait(30)


def features_then(folder, flight):
    """Returns a flight's features as of its time, from the offline store."""
    row = {name: typed(flight[name], "int" if "sched" in name else "") for name in QUESTION}
    ran = command(
        *("features", "show", "flights_late_v1", "--repo", "feature_repo", "--json"),
        *("--row", json.dumps(row)),
        cwd=folder,
    )
    assert ran.returncode == 0, ran.stderr
    return {item["name"]: item["then"]["value"] for item in json.loads(ran.stdout)["features"]}


def question(record, flight):
    """Returns what a client knows of a flight: the columns that the model takes, less features."""
    model = Path(record["model_path"])
    plan = json.loads((model / "features" / "plan.json").read_text())
    looked_up = {
        feature["column"]
        for view in (*plan["views"], *plan["on_demand"])
        for feature in view["features"]
    }
    inputs = json.loads((model / "manifest.json").read_text())["inputs"]
    types = {item["name"]: item["type"] for item in inputs if item["name"] not in looked_up}
    return {name: typed(flight[name], kind) for name, kind in types.items()}


def typed(text, kind):
    if text == "":
        return None
    if kind in ("int", "float"):
        number = float(text)
        return int(number) if kind == "int" and math.isfinite(number) else number
    return text
