"""`plimsoll schema`, as a user types it."""

import contextlib
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from local.commands import START, VARIABLES, command

ROWS = 300


@pytest.fixture
def place(tmp_path):
    """A folder with data, and other data with a value and a column that are new."""
    for name, kinds, more in (("old", "ab", ""), ("new", "abc", ",extra")):
        lines = [
            f"{kinds[n % len(kinds)]},{n % 50},{n % 3 % 2}" + (f",{n}" if more else "")
            for n in range(ROWS)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"kind,size,y{more}", *lines]))
    return tmp_path


@pytest.mark.slow
def test_infer_check_accept_and_diff(place):
    path = place / "schema.pbtxt"

    inferred = command("schema", "infer", "old.csv", "--label", "y", cwd=place)
    assert inferred.returncode == 0, inferred.stderr
    assert "schema of 3 columns: schema.pbtxt" in inferred.stdout
    path.write_text(path.read_text().replace("feature {", "# ours\nfeature {", 1))
    (place / "before.pbtxt").write_text(path.read_text())

    words = ["new.csv", "schema.pbtxt", "--label", "y"]
    checked = command("schema", "check", *words, "--report", "page.html", cwd=place)
    assert checked.returncode == 1, checked.stderr
    assert "'extra'" in checked.stdout
    assert "'c' (" in checked.stdout
    assert "<html" in (place / "page.html").read_text()
    accepted = command("schema", "accept", *words, cwd=place)
    assert accepted.returncode == 0, accepted.stderr
    assert "+ column 'extra': added" in accepted.stdout
    assert "~ column 'kind': values added: 'c'" in accepted.stdout
    assert "# ours" in path.read_text()
    once = path.stat()
    again = command("schema", "accept", *words, cwd=place)
    assert "nothing to change" in again.stdout
    assert path.stat().st_mtime_ns == once.st_mtime_ns

    differing = command("schema", "diff", "before.pbtxt", "schema.pbtxt", cwd=place)
    same = command("schema", "diff", "schema.pbtxt", "schema.pbtxt", cwd=place)
    assert (differing.returncode, same.returncode) == (1, 0)
    assert "values added: 'c'" in differing.stdout
    assert same.stdout == "nothing differs\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["schema"], "usage: plimsoll schema"),
        (["schema", "infer", "old.csv"], "which column of old.csv is predicted?"),
        (["schema", "infer", "old.csv", "--label", "y", "--to", "new.csv"], "is there already"),
        (["schema", "infer", "nothing"], "there is no data set 'nothing'"),
        (["schema", "check", "old.csv"], "required: SCHEMA"),
        (["schema", "check", "old.csv", "s", "--mode", "w"], "invalid choice: 'w'"),
        (["schema", "check", "old.csv", "s", "--baseline", "last"], "no run in"),
        (["schema", "check", "old.csv", "s", "--label", "y", "--config", "@no"], "cannot be read"),
        (["schema", "diff", "a.pbtxt"], "required: SCHEMA"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2_before_any_environment_starts(place, words, said):
    before = sorted(place.iterdir())

    ran = command(*words, cwd=place, PLIMSOLL_CACHE_DIR="/dev/null/none")

    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize("name", ["infer", "diff", "check", "accept"])
def test_help_needs_no_environment(name):
    helped = command("schema", name, "--help", PLIMSOLL_CACHE_DIR="/dev/null/none")

    assert helped.returncode == 0
    assert f"usage: plimsoll schema {name}" in helped.stdout


@pytest.mark.slow
def test_a_schema_that_does_not_parse_names_line_and_column(place):
    (place / "broken.pbtxt").write_text('feature {\n  name: "kind"\n  tipe: BYTES\n}\n')

    ran = command("schema", "diff", "broken.pbtxt", "broken.pbtxt", "--json", cwd=place)

    assert ran.returncode == 2
    assert ran.stderr.count("line 3, column 3") == 1
    assert "did you mean 'type'?" in ran.stderr
    assert "broken.pbtxt" in json.loads(ran.stdout)["error"]


def children_of(scratch):
    """The processes whose command names something below a scratch folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes()
            # A zombie has no words.
            if str(scratch).encode() in words:
                found.append(path.parent.name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupt_stops_the_process_and_leaves_nothing(place, number):
    temporary = place / "tmp"
    temporary.mkdir()
    words = [*START, "schema", "infer", "old.csv", "--label", "y", "--to", "made.pbtxt"]
    running = subprocess.Popen(
        words,
        cwd=place,
        env={**VARIABLES, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not children_of(temporary):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)

    running.send_signal(number)
    _, said = running.communicate()

    for _ in range(200):
        if not children_of(temporary):
            break
        time.sleep(0.05)
    assert children_of(temporary) == []
    assert not (place / "made.pbtxt").exists()
    if number != signal.SIGKILL:
        assert running.returncode == 1
        assert said.strip().endswith("error: interrupted")
        assert list(temporary.glob(".command-*")) == []


@pytest.mark.slow
def test_a_process_that_dies_is_told_with_its_last_words(place):
    words = ["schema", "infer", "old.csv", "--label", "y", "--to", "made.pbtxt"]
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -v 1500000; exec "$@"', "-", *START, *words],
        cwd=place,
        env=VARIABLES,
        capture_output=True,
        text=True,
    )

    assert limited.returncode == 1
    assert limited.stderr.startswith("error: plimsoll schema infer")
    assert not (place / "made.pbtxt").exists()
