"""What a compiled pipeline says, before it runs."""

from functools import cache

import pytest

from local import pipelines
from plimsoll.errors import UsageError
from plimsoll.local.engine import code
from plimsoll.local.pipelines import graph, library, orchestrable


def compiled(function):
    return library.compile_function(function)


def test_inputs_carry_type_default_and_description():
    inputs = compiled(pipelines.two_steps).inputs()

    assert inputs["text"].description == "What to write."
    assert (inputs["times"].kind, inputs["times"].default) == ("NUMBER_INTEGER", 1)
    assert compiled(pipelines.outside).inputs()["path"].required


def test_steps_follow_what_they_wait_for_through_loops_and_branches():
    steps = compiled(pipelines.branches).steps()
    assert next(iter(steps)) == "make"
    assert all(step.after == ["make"] for name, step in steps.items() if name != "make")

    looped = compiled(pipelines.loops).steps()
    first, second = sorted(looped)
    assert looped[second].after == [first]


def test_steps_that_switch_caching_off_are_known():
    assert compiled(pipelines.outside).uncached() == {"read-outside", "look-nowhere", "clock"}


@pytest.mark.parametrize("text", ["", "[1]", "a: 1", "{", "root: {}\n"])
def test_what_is_no_compiled_pipeline_is_refused(text):
    with pytest.raises(UsageError, match=r"some\.yaml is not"):
        graph.parse(text, "some.yaml")


def test_two_tasks_never_share_a_components_folder():
    task = {"componentRef": {"name": "comp-make"}}
    spec = {
        "root": {"dag": {"tasks": {"one": dict(task), "two": dict(task)}}},
        "components": {"comp-make": {"executorLabel": "exec-make"}},
    }
    own = orchestrable.runnable(spec)

    names = [item["componentRef"]["name"] for item in own["root"]["dag"]["tasks"].values()]
    assert names == ["comp-make", "comp-make-use-2"]
    assert set(own["components"]) == set(names)


def test_a_step_depends_on_the_code_that_it_reaches_and_no_other():
    source = "def step():\n    from plimsoll.images import image\n"
    reached = code.digest_reached_from(source)

    assert reached != code.digest_reached_from("def step():\n    import json\n")
    assert reached == code.digest_reached_from(
        "def step():\n    from plimsoll.images import ROLES\n"
    )
    assert reached != code.digest_reached_from("def step():\n    from plimsoll.push import core\n")


def test_data_beside_a_module_goes_with_it(tmp_path):
    root = code.staged(tmp_path)
    sheet = root / "plimsoll" / "pictures" / "page.css"
    assert sheet.read_bytes() == code.contents()["plimsoll.pictures/page.css"]
    charts = "def step():\n    from plimsoll.pictures import charts\n"
    before = code.digest_reached_from(charts)
    push = "def step():\n    from plimsoll.push import core\n"
    other = code.digest_reached_from(push)
    try:
        code.contents()["plimsoll.pictures/page.css"] += b"\n"
        code.digest_reached_from.cache_clear()
        assert code.digest_reached_from(charts) != before
        assert code.digest_reached_from(push) == other
    finally:
        code.reread()


def test_an_edit_in_the_middle_of_a_run_comes_too_late_for_it(tmp_path, monkeypatch):
    module = tmp_path / "edited.py"
    module.write_text("VALUE = 1\n")
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    monkeypatch.setattr(code, "sources", cache(lambda: {"plimsoll.edited": module}))
    source = "def step():\n    from plimsoll import edited\n"
    code.reread()
    before = code.digest()
    module.write_text("VALUE = 2\n")

    staged = code.staged(tmp_path / "code") / "plimsoll" / "edited.py"
    key = code.digest_reached_from(source)
    code.reread()

    assert staged.read_text() == "VALUE = 1\n"
    assert code.digest() != before
    assert code.digest_reached_from(source) != key
    code.reread()
