"""`plimsoll features`, as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.commands import command
from plimsoll.cli.tables.features import print_checks, print_row
from plimsoll.local.engine import environments
from plimsoll.quantities import duration

TESTS = Path(__file__).parents[1]
MAKE = """
import sys
from pathlib import Path
from commands.made_repository import made_repository, materialised
materialised(made_repository(Path(sys.argv[1])))
"""
ROW = {"station": "park", "bicycle": 7, "kilometres": 12.5, "hired": "2025-07-01T10:30:00Z"}


def written(folder, text="project: bicycles\n"):
    """A folder that is a repository as far as the author's side can see."""
    folder.mkdir()
    (folder / "feature_store.yaml").write_text(text)
    return folder


def test_help_names_every_action():
    helped = command("features", "--help")

    assert helped.returncode == 0
    for name in ("list", "show", "check"):
        assert f"\n    {name} " in helped.stdout


@pytest.mark.parametrize("action", ["list", "show", "check"])
def test_help_loads_no_heavy_package(action):
    asked = f"""
import contextlib, sys
from plimsoll.cli import main
with contextlib.suppress(SystemExit):
    main(["features", "{action}", "--help"])
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.splitlines()[-1].split())

    assert "plimsoll" in loaded
    assert loaded & {"feast", "kfp", "numpy", "pandas", "pyarrow", "rich", "yaml"} == set()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["features"], "usage: plimsoll features"),
        (["features", "show", "late_v1"], "required: --row"),
        (["features", "list"], "there is no feature repository feature_repo"),
        (["features", "check", "--repo", "bicicles"], "did you mean 'bicycles'?"),
        (["features", "list", "--repo", "empty"], "it holds no feature_store.yaml"),
        (["features", "show", "v", "--repo", "bicycles", "--row", "{"], "--row is no JSON"),
        (["features", "show", "v", "--repo", "bicycles", "--row", "[1]"], "must be a JSON object"),
        (["features", "show", "v", "--repo", "bicycles", "--row", "{}"], "must be a JSON object"),
        (
            ["features", "show", "v", "--repo", "bicycles", "--row", '{"a": NaN}'],
            "NaN is no",
        ),
        (["features", "show", "v", "--repo", "bicycles", "--row", '{"a": [1]}'], "'a' is not one"),
        (["features", "show", "v", "--repo", "bicycles", "--row", "@none"], "none cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2_before_any_environment_starts(tmp_path, words, said):
    written(tmp_path / "bicycles")
    (tmp_path / "empty").mkdir()

    ran = command(*words, cwd=tmp_path, PLIMSOLL_CACHE_DIR="/dev/null/none")

    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (59, "59 s"),
        (60, "1 min"),
        (7500, "2 h 5 min"),
        (-90, "-1 min 30 s"),
        (86_400, "1 d"),
        (400_000_000, "4,629 d 15 h"),
    ],
)
def test_a_length_of_time_is_told_in_its_greatest_units(seconds, said):
    assert duration(seconds) == said


def feature(name, then, now, status, view="weather", ttl=7200.0):
    moment = "2025-07-01T10:00:00+00:00"
    return {
        "name": name,
        "view": view,
        "type": "FLOAT",
        "ttl_seconds": ttl,
        "then": {"value": then, "event_time": moment, "age_seconds": 60.0, "status": "present"},
        "now": {"value": now, "event_time": moment, "age_seconds": 7500.0, "status": status},
    }


def test_a_row_is_printed_view_by_view_with_its_verdicts(capsys, monkeypatch):
    # A pipe or a file, in which no line may be folded.
    monkeypatch.delenv("COLUMNS", raising=False)
    print_row(
        {
            "repo": "bicycles",
            "project": "bicycles",
            "service": "late_v1",
            "row": {"station": "[red]park", "dry": True, "note": None},
            "at": "2025-07-01T10:01:00+00:00",
            "now": "2025-07-01T12:05:00+00:00",
            "features": [
                feature("temperature", 21.123456789, None, "stale"),
                feature("gears", 3, 3, "fresh", view="facts", ttl=None),
            ],
            "notes": ["a note"],
            "trouble": "the online store is down",
        }
    )

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["row", "station", "[red]park,", "dry", "true,", "note", "-"] in lines
    assert ["weather,", "TTL", "2", "h"] in lines
    assert ["facts"] in lines
    told = [line for line in lines if line[0] in ("temperature", "gears")]
    of = ["2025-07-01", "10:00:00"]
    late = ["2", "h", "5", "min", "stale"]
    assert told[0] == ["temperature", "21.1235", *of, "-", *of, *late]
    assert told[1][-1] == "fresh"
    assert ["a", "note"] in lines
    assert lines[-1] == ["the", "online", "store", "is", "down"]


def test_checks_are_printed_with_what_to_do(capsys):
    check = {"name": "registry", "level": "error", "said": "none", "hint": "feast apply"}
    fine = {"name": "definitions", "level": "ok", "said": "3 views", "hint": ""}
    print_checks({"repo": "r", "project": "p", "checks": [fine, check]})

    out = capsys.readouterr().out
    assert "✓ definitions: 3 views" in out
    assert "✗ registry: none\n      next: feast apply" in out
    assert "2 checks: 1 failed, 0 warnings" in out


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Materialised up to 11 o'clock."""
    folder = tmp_path_factory.mktemp("bicycles")
    python = environments.ensure("features", print).python
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent / "components")])
    words = [python, "-c", MAKE, folder / "repo"]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": paths})
    return folder / "repo"


@pytest.mark.slow
def test_a_repository_is_listed_and_checked(repository):
    listed = command("features", "list", "--repo", "repo", cwd=repository.parent)
    checked = command("features", "check", "--repo", "repo", "--json", cwd=repository.parent)

    assert listed.returncode == 0, listed.stderr
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert ["late_v1", "5", "weather,", "facts,", "ride"] in lines
    assert ["weather", "station", "2", "h", "2", "weather_file"] in lines
    assert checked.returncode == 0, checked.stderr
    assert {item["level"] for item in json.loads(checked.stdout)["checks"]} == {"ok"}
    # What is asked about is not changed, and nothing is left behind.
    assert sorted(path.name for path in repository.parent.iterdir()) == ["repo"]


@pytest.mark.slow
def test_a_row_is_shown_as_of_then_and_now(repository):
    words = ["features", "show", "late_v1", "--repo", str(repository), "--row", json.dumps(ROW)]
    words += ["--now", "2025-07-01T11:00:00Z"]

    shown, told = command(*words), json.loads(command(*words, "--json").stdout)

    assert shown.returncode == 0, shown.stderr
    told = {item["name"]: item for item in told["features"]}
    assert told["temperature"]["then"]["value"] == told["temperature"]["now"]["value"] == 21.0
    assert told["temperature"]["now"]["age_seconds"] == 3600
    (line,) = [line for line in shown.stdout.splitlines() if "temperature" in line]
    assert line.split() == [
        *("temperature", "21", "2025-07-01", "10:00:00"),
        *("21", "2025-07-01", "10:00:00", "1", "h", "fresh"),
    ]


@pytest.mark.slow
def test_what_cannot_be_asked_exits_with_2_and_what_fails_with_1(repository, tmp_path):
    words = ["features", "show", "late_v2", "--repo", str(repository), "--row", json.dumps(ROW)]
    unknown = command(*words, "--json")
    gone = command("features", "check", "--repo", str(written(tmp_path / "bicycles")))

    assert unknown.returncode == 2
    assert "did you mean 'late_v1'?" in unknown.stderr
    assert "late_v2" in json.loads(unknown.stdout)["error"]
    assert "Traceback" not in unknown.stderr + gone.stderr
    assert gone.returncode == 2, gone.stdout

    (repository / "data" / "registry.db").rename(tmp_path / "registry.db")
    try:
        missing = command("features", "check", "--repo", str(repository))
    finally:
        (tmp_path / "registry.db").rename(repository / "data" / "registry.db")
    assert missing.returncode == 1
    assert "✗ registry: nothing was ever applied to it" in missing.stdout


@pytest.mark.slow
def test_a_repository_gets_the_variables_that_its_configuration_names(repository):
    path = repository / "feature_store.yaml"
    text = path.read_text()
    path.write_text(text.replace("data/online.db", "${ONLINE_OF_BICYCLES}"))
    words = ("features", "check", "--repo", str(repository), "--json")
    try:
        told = json.loads(command(*words, ONLINE_OF_BICYCLES="data/online.db").stdout)
        lost = command(*words)
    finally:
        path.write_text(text)

    assert {item["level"] for item in told["checks"]} == {"ok"}
    assert lost.returncode == 1
