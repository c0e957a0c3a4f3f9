"""The local engine, on real processes in the author's own environment."""

import json
from pathlib import Path

import pytest

from local import pipelines
from local.commands import PIPELINES, started
from local.test_interrupts import gone
from plimsoll.errors import UsageError
from plimsoll.local import run
from plimsoll.local.engine import failure
from plimsoll.local.record import read_record


def test_a_pipeline_runs_and_its_record_says_what_came_out(tmp_path):
    record = run(pipelines.two_steps, {"text": "plimsoll"}, out=tmp_path)

    assert record.status == "succeeded"
    assert record.steps["make"].outputs == {"size": 8, "even": True}
    assert record.steps["make"].notes == ["wrote 8 letters"]
    assert record.steps["measure"].outputs == {"Output": "PLIMSOLL"}
    assert record.steps["measure"].after == ["make"]
    assert record.metrics == {"test": {"letters": 8.0}}
    written = read_record(Path(record.folder))
    assert written["arguments"] == {"text": "plimsoll", "times": 1}
    assert Path(written["steps"]["make"]["artifacts"]["dataset"]["path"]).is_dir()
    assert Path(record.report).read_text().startswith("<!doctype html>")


def test_nothing_of_kfp_reaches_the_terminal(tmp_path, capfd):
    run(pipelines.two_steps, out=tmp_path)

    printed = capfd.readouterr()
    assert printed.out == ""
    assert [line.split()[1] for line in printed.err.splitlines() if " s" in line] == [
        "make",
        "measure",
    ]


def test_an_unchanged_step_is_not_run_again(tmp_path):
    first = run(pipelines.two_steps, out=tmp_path)
    second = run(pipelines.two_steps, out=tmp_path)
    changed = run(pipelines.two_steps, {"text": "other"}, out=tmp_path)
    forced = run(pipelines.two_steps, out=tmp_path, cache=False)

    assert [step.cached for step in first.steps.values()] == [False, False]
    assert [step.cached for step in second.steps.values()] == [True, True]
    assert second.steps["measure"].outputs == first.steps["measure"].outputs
    assert second.metrics == first.metrics
    own = Path(second.steps["make"].artifacts["dataset"]["path"])
    assert own.is_relative_to(second.folder)
    assert (own / "text.txt").read_text() == "hello"
    assert [step.cached for step in changed.steps.values()] == [False, False]
    assert [step.cached for step in forced.steps.values()] == [False, False]


def test_a_step_is_cached_by_its_inputs_content_wherever_they_came_from(tmp_path):
    run(pipelines.two_steps, {"text": "same"}, out=tmp_path)
    # Another input of make that leaves its output as it was.
    again = run(pipelines.nested, out=tmp_path)
    twice = run(pipelines.nested, out=tmp_path, cache=True)

    assert not again.steps["make"].cached
    assert all(step.cached for step in twice.steps.values())


@pytest.mark.parametrize("harm", ["delete", "truncate", "extra", "entry"])
def test_a_damaged_cache_entry_is_not_used(tmp_path, harm):
    run(pipelines.two_steps, out=tmp_path)
    for kept in (tmp_path / "cache" / "steps").glob("*/outputs/dataset/text.txt"):
        # Unlinked before it is written: the runs share it by hard links.
        if harm == "entry":
            (kept.parents[2] / "entry.json").write_text("{")
        elif harm == "extra":
            (kept.parent / "more.txt").write_text("x")
        else:
            kept.unlink()
            if harm == "truncate":
                kept.write_text("hell")

    again = run(pipelines.two_steps, out=tmp_path)

    assert again.status == "succeeded"
    assert not again.steps["make"].cached
    assert again.steps["measure"].outputs == {"Output": "HELLO"}
    assert run(pipelines.two_steps, out=tmp_path).steps["make"].cached


def test_an_edit_of_an_earlier_runs_artifact_does_not_leak_into_later_runs(tmp_path):
    first = run(pipelines.two_steps, out=tmp_path)
    (Path(first.steps["make"].artifacts["dataset"]["path"]) / "text.txt").write_text("edited")

    second = run(pipelines.two_steps, out=tmp_path)

    assert second.steps["measure"].outputs == {"Output": "HELLO"}


def test_what_a_step_saw_outside_decides_if_it_runs_again(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("one")

    def go():
        return run(pipelines.outside, {"path": str(source)}, out=tmp_path / "runs")

    first, second = go(), go()
    source.touch()
    touched = go()
    source.write_text("two")
    changed = go()

    assert not first.steps["read-outside"].cached
    assert second.steps["read-outside"].cached
    assert second.steps["look-nowhere"].cached, "caching is off, but it says that it saw nothing"
    assert not second.steps["clock"].cached, "caching is off, and nothing says what it saw"
    assert touched.steps["read-outside"].cached, "the content is the same"
    assert not changed.steps["read-outside"].cached
    assert changed.steps["echo"].outputs == {"Output": "two"}


@pytest.mark.parametrize(("text", "said"), [("even", "even"), ("odd", "odd")])
def test_a_condition_on_a_named_output_runs_one_branch(tmp_path, text, said):
    record = run(pipelines.branches, {"text": text}, out=tmp_path)

    ran = [step for name, step in record.steps.items() if name.startswith("echo")]
    assert [step.outputs["Output"] for step in ran if step.state == "succeeded"] == [said]
    assert sorted(step.state for step in ran) == ["skipped", "succeeded"]


def test_a_condition_that_cannot_be_evaluated_fails_the_run(tmp_path):
    record = run(pipelines.quoted, out=tmp_path)

    assert record.status == "failed"
    assert "a branch was left out" in record.reason


def test_loops_and_nested_pipelines_keep_their_outputs_apart(tmp_path):
    looped = run(pipelines.loops, out=tmp_path)
    nested = run(pipelines.nested, out=tmp_path)

    assert looped.status == nested.status == "succeeded"
    values = [s.outputs["Output"] for n, s in looped.steps.items() if n.endswith("add-2")]
    assert sorted(values) == [12, 13, 14]
    said = [s.outputs["Output"] for n, s in nested.steps.items() if n.startswith("echo")]
    assert sorted(said) == ["ONE", "THREE"]


def test_a_folder_behind_a_link_comes_from_the_cache_whole(tmp_path):
    first = run(pipelines.linked, out=tmp_path)
    again = run(pipelines.linked, out=tmp_path)

    assert first.steps["measure"].outputs == {"Output": "LINKED"}
    assert again.steps["links"].cached
    kept = Path(again.steps["links"].artifacts["dataset"]["path"]) / "text.txt"
    assert kept.read_text() == "linked"


def test_a_nested_pipeline_may_be_given_artifacts_alone(tmp_path):
    record = run(pipelines.artifact_alone, out=tmp_path)

    assert record.status == "succeeded"
    assert record.steps["echo"].outputs == {"Output": "ALONE"}


def test_a_pipeline_may_be_named_as_its_only_step(tmp_path):
    record = run(pipelines.named_as_its_step, {"said": "plimsoll"}, out=tmp_path)

    assert record.pipeline == "echo"
    assert record.steps["echo"].outputs == {"Output": "plimsoll"}


def test_an_importer_is_no_step_that_was_not_run(tmp_path):
    (tmp_path / "text.txt").write_text("imported")

    record = run(pipelines.imported, {"path": str(tmp_path)}, out=tmp_path / "runs")

    assert {name: step.state for name, step in record.steps.items()} == {"measure": "succeeded"}
    assert record.steps["measure"].outputs == {"Output": "IMPORTED"}


def test_a_path_is_given_as_its_text(tmp_path):
    record = run(pipelines.two_steps, {"text": Path("a/b")}, out=tmp_path)

    assert record.steps["measure"].outputs == {"Output": "A/B"}


def test_a_failure_shows_the_real_exception(tmp_path):
    record = run(pipelines.fails_late, {"text": "wheel"}, out=tmp_path)

    assert record.status == "failed"
    assert record.reason == "boom: ValueError: no such thing: wheel"
    error = record.steps["boom"].error
    assert error.headline == "ValueError: no such thing: wheel"
    assert "about to fail" in Path(record.steps["boom"].log).read_text()
    assert record.steps["make"].state == "succeeded"
    assert run(pipelines.fails_late, {"text": "wheel"}, out=tmp_path).steps["make"].cached


def test_our_own_errors_come_through_whole(tmp_path):
    record = run(pipelines.refuse, out=tmp_path)

    text = record.steps["refuse"].error.text
    assert text.splitlines() == [
        "the data is bad",
        "  3 of 4 rows",
        "  choices: a, b",
        "  next: mend it",
    ]


@pytest.mark.parametrize(
    ("how", "headline"),
    [
        ("own", "OddError: a class of its own"),
        ("colours", "ValueError: red"),
        ("long", "ValueError: after noise"),
        ("killed", "the step's process was killed by SIGKILL (the machine may be out of memory)"),
        ("exit", "the step's process exited with 3"),
    ],
)
def test_what_ended_a_step_is_told_from_what_its_log_holds_besides(tmp_path, how, headline):
    error = run(pipelines.fails_oddly, {"how": how}, out=tmp_path).steps["fails-oddly"].error

    assert error.headline == headline
    assert "\x1b" not in "".join([error.headline, error.text, *error.log_tail])
    assert max(map(len, error.log_tail)) <= failure.LINE_LETTERS


def test_what_a_step_leaves_running_ends_with_it(tmp_path):
    child = run(pipelines.leaves_a_child, out=tmp_path).steps["leaves-a-child"].outputs["Output"]

    assert gone(child)


def test_a_failure_of_kfp_within_a_loop_fails_the_run(tmp_path):
    record = run(pipelines.no_number_in_loop, out=tmp_path)

    assert record.status == "failed"
    assert "Fail to serialize NaN" in record.reason


def test_a_gate_stops_a_run_which_is_not_a_failure(tmp_path):
    raised = run(pipelines.gate, out=tmp_path)
    judged = run(pipelines.gated, out=tmp_path)
    passed = run(pipelines.gated, {"good": True}, out=tmp_path)

    assert (raised.status, raised.reason) == ("stopped", "gate: column 'x' drifted")
    assert (judged.status, judged.reason) == ("stopped", "judge: auc 0.4 < 0.6")
    assert passed.status == "succeeded"


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (pipelines.killed, "was killed by SIGKILL"),
        (pipelines.forgets, "ended without writing the artifact 'dataset'"),
        (pipelines.installs, "installs packages when it runs: six"),
        (pipelines.foreign, "has no environment here"),
        (pipelines.container, "a container component cannot run"),
        (pipelines.fails_in_loop, "no such thing"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_cannot_end_well_fails_and_says_why(tmp_path, pipeline, said):
    record = run(pipeline, out=tmp_path)

    assert record.status == "failed"
    assert said in record.reason


@pytest.mark.slow
def test_two_runs_at_once_share_a_cache(tmp_path):
    runs = [started("run", f"{PIPELINES}:two_steps", "--out", str(tmp_path)) for _ in range(3)]
    errors = [run.communicate()[1] for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0], errors
    assert not list((tmp_path / "cache" / "steps").glob(".*"))


def test_a_record_is_json_that_every_reader_takes(tmp_path):
    record = run(pipelines.two_steps, out=tmp_path)

    text = (Path(record.folder) / "run.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["format"] == "plimsoll.run/1"


def test_arguments_are_checked_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'text'"):
        run(pipelines.two_steps, {"texd": "x"}, out=tmp_path)
    with pytest.raises(UsageError, match="needs --path"):
        run(pipelines.outside, out=tmp_path)
    with pytest.raises(UsageError, match="neither a pipeline nor a component"):
        run(print, out=tmp_path)
    with pytest.raises(UsageError, match="the input 'text' cannot be"):
        run(pipelines.two_steps, {"text": object()}, out=tmp_path)
    with pytest.raises(UsageError, match="the input 'x' cannot be nan"):
        run(pipelines.letters, {"x": float("nan")}, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_with_what_to_do(tmp_path):
    record = run(pipelines.fills_the_disk, out=tmp_path)

    text = record.steps["fills-the-disk"].error.text
    assert "No space left on device" in text
    assert "next: free space on the disk" in text
