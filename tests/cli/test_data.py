"""`plimsoll data`: the versions that runs keep, what they hold, and what differs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.commands import command
from plimsoll.formats.versions import keep
from plimsoll.local.engine import environments
from plimsoll.local.record import Step, new_run
from plimsoll.storage.files import digest_bytes, digest_json, write_json

MAKE = """
import sys
from pathlib import Path
from plimsoll.ingest.core import ingest
rows = int(sys.argv[2])
lines = [f"{'ab'[n % 2]},{n % 50},{n % 3 % 2}" for n in range(rows)]
data = Path(sys.argv[1]) / f"rows-{rows}.csv"
data.write_text("\\n".join(["kind,size,y", *lines]))
ingest(data=str(data), label="y", problem="", folder=Path(sys.argv[1]) / f"dataset-{rows}",
       store=str(Path(sys.argv[1]) / "datasets"))
"""


def unread(folder, content):
    """A dataset artifact whose shard no command reads here."""
    shard = {"path": "train/part.parquet", "rows": 7, "bytes": len(content)}
    shard["sha256"] = digest_bytes(content)
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "part.parquet").write_bytes(content)
    manifest = {
        "format": "plimsoll.dataset/1",
        "id": digest_json(shard),
        "columns": [{"name": "x", "type": "int"}],
        "splits": {"train": [shard], "eval": [], "test": []},
        "problem": {"label": "x"},
        "inferred": [],
        "lineage": {},
    }
    write_json(folder / "manifest.json", manifest)
    return folder


def test_versions_are_listed_with_where_they_came_from(tmp_path):
    runs = tmp_path / "runs"
    for name, moment in (("january", "2026-02-01T00:00:00"), ("february", "2026-03-01T00:00:00")):
        record = {"sources": [{"name": f"{name}.csv", "uri": ""}], "when": moment}
        keep(unread(tmp_path / name, name.encode()), runs / "datasets", record)

    listed = json.loads(command("data", "list", "--json", cwd=tmp_path).stdout)
    table = command("data", "list", cwd=tmp_path).stdout.splitlines()

    assert [version["rows"]["train"] for version in listed] == [7, 7]
    assert [version["ingested"][0]["sources"][0]["name"] for version in listed] == [
        "january.csv",
        "february.csv",
    ]
    assert len(table) == 3
    assert listed[1]["id"][:12] in table[2]
    assert "february.csv" in table[2]


def test_an_empty_store_says_how_to_fill_it(tmp_path):
    listed = command("data", "list", cwd=tmp_path)

    assert listed.returncode == 0
    assert "plimsoll run training" in listed.stdout
    assert json.loads(command("data", "list", "--json", cwd=tmp_path).stdout) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data"], "usage: plimsoll data"),
        (["data", "show"], "required: ID"),
        (["data", "show", "abcd"], "there is no data set 'abcd'"),
        (["data", "diff", "abcd"], "required: ID"),
        (["data", "diff", "abcd", "efgh"], "there is no data set 'abcd'"),
        (["data", "show", "last"], "there are no runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2_before_any_environment_starts(tmp_path, words, said):
    ran = command(*words, cwd=tmp_path, PLIMSOLL_CACHE_DIR="/dev/null/none")

    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_ambiguous_beginning_lists_what_fits(tmp_path):
    store = tmp_path / "runs" / "datasets"
    names = []
    for number in range(40):
        made = unread(tmp_path / f"made-{number}", str(number).encode())
        names.append(keep(made, store, {}).name)
    double = next(letter for letter in "0123456789abcdef" if sum(n[0] == letter for n in names) > 1)

    ran = command("data", "show", double, cwd=tmp_path)

    assert ran.returncode == 2
    assert f"several data sets fit '{double}'" in ran.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of runs with two versions of a data set in its store."""
    folder = tmp_path_factory.mktemp("runs")
    python = environments.ensure("data", print).python
    library = Path(__file__).parents[2] / "components"
    for rows in (300, 400):
        words = [python, "-c", MAKE, folder, str(rows)]
        subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": str(library)})
    return folder


def known(runs):
    return [
        item["id"] for item in json.loads(command("data", "list", "--json", "--out", runs).stdout)
    ]


@pytest.mark.slow
def test_show_prints_columns_and_where_they_came_from(runs):
    first = known(runs)[0]

    found = json.loads(command("data", "show", first[:10], "--json", "--out", runs).stdout)
    shown = command("data", "show", first[:10], "--out", runs)

    assert found["id"] == first
    assert found["ingested"][0]["sources"][0]["name"] == "rows-300.csv"
    assert shown.returncode == 0, shown.stderr
    for text in (first, "predicts  y (binary)", "2 different: a 50.0%, b 50.0%", "rows-300.csv"):
        assert text in shown.stdout


@pytest.mark.slow
def test_a_path_and_a_run_name_a_version_too(runs):
    first = known(runs)[0]
    run = new_run("training", {}, runs)
    artifact = {"type": "system.Dataset", "path": str(runs / "dataset-300"), "metadata": {}}
    run.steps = {"ingest": Step(name="ingest", artifacts={"dataset": artifact})}
    run.write()

    for name in (str(runs / "dataset-300"), "last", run.id, run.folder):
        shown = command("data", "show", name, "--json", "--out", runs)
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["id"] == first


@pytest.mark.slow
def test_diff_prints_what_changed(runs):
    first, second = known(runs)

    differing = command("data", "diff", first, second, "--out", runs)
    same = command("data", "diff", first, first, "--out", runs)

    assert differing.returncode == same.returncode == 0, differing.stderr
    assert first[:12] in differing.stdout
    assert "240" in differing.stdout
    assert "320" in differing.stdout
    assert same.stdout == f"the same content: {first}\n"


@pytest.mark.slow
def test_a_damaged_version_is_refused_once_and_in_json(runs, tmp_path):
    broken = unread(tmp_path / "broken", b"no parquet")
    (broken / "train" / "part.parquet").write_bytes(b"edited")

    ran = command("data", "show", str(broken), "--json", "--out", runs)

    assert ran.returncode == 1
    assert ran.stderr.count("is damaged") == 1
    assert "is damaged" in json.loads(ran.stdout)["error"]
