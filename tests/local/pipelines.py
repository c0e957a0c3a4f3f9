"""Pipelines that the engine's tests run; each step uses the author's own environment."""

from typing import NamedTuple

from kfp import dsl

IMAGE = "python:3.11"
component = dsl.component(base_image=IMAGE, install_kfp_package=False)


@component
def make(dataset: dsl.Output[dsl.Dataset], text: str = "hello") -> NamedTuple(
    "Outputs", [("size", int), ("even", bool)]
):
    from pathlib import Path

    folder = Path(dataset.path)
    folder.mkdir()
    (folder / "text.txt").write_text(text)
    dataset.metadata["notes"] = [f"wrote {len(text)} letters"]
    return len(text), len(text) % 2 == 0


@component
def measure(dataset: dsl.Input[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> str:
    from pathlib import Path

    text = (Path(dataset.path) / "text.txt").read_text()
    metrics.log_metric("test/letters", float(len(text)))
    return text.upper()


@component
def read_outside(path: str, copy: dsl.Output[dsl.Artifact]) -> str:
    from pathlib import Path

    from plimsoll.storage import provenance as witness

    text = Path(path).read_text()
    Path(copy.path).write_text(text)
    copy.metadata["witnesses"] = [witness.observe(path)]
    return text


@component
def look_nowhere(note: dsl.Output[dsl.Artifact]) -> str:
    from pathlib import Path

    Path(note.path).write_text("nothing outside")
    note.metadata["witnesses"] = []
    return "nothing outside"


@component
def clock() -> float:
    import time

    return time.time()


@component
def echo(text: str) -> str:
    return text


@component
def add(a: int, b: int = 1) -> int:
    return a + b


@component
def boom(text: str):
    print("about to fail")
    raise ValueError(f"no such thing: {text}")


@component
def fails_oddly(how: str):
    import os
    import signal
    import sys
    import traceback

    class OddError(Exception):
        pass

    if how == "own":
        raise OddError("a class of its own")
    if how == "colours":
        raise ValueError("\x1b[31mred\x1b[0m\nand [/more]")
    if how == "long":
        sys.stdout.write("x" * (1 << 20))
        raise ValueError("after noise")
    try:
        raise ValueError("caught")
    except ValueError:
        traceback.print_exc()
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(3)


@component
def leaves_a_child() -> int:
    import subprocess

    return subprocess.Popen(["sleep", "60"]).pid


@component
def no_number() -> float:
    return float("nan")


@component
def double(x: float) -> float:
    return 2 * x


@component
def refuse():
    from plimsoll.errors import DataError

    raise DataError("the data is bad", cause="3 of 4 rows", choices=["a", "b"], hint="mend it")


@component
def gate():
    from plimsoll.errors import GateError

    raise GateError("column 'x' drifted", cause="0.4 > 0.1")


@component
def killed():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@component
def forgets(dataset: dsl.Output[dsl.Dataset]):
    print("nothing is written")


@component
def fills_the_disk():
    from pathlib import Path

    Path("/dev/full").write_text("x")


@component
def judge(good: bool) -> NamedTuple("Outputs", [("blessed", bool), ("reason", str)]):
    return good, "" if good else "auc 0.4 < 0.6"


@component
def naps(seconds: float) -> str:
    import time

    print("asleep", flush=True)
    time.sleep(seconds)
    return "rested"


@dsl.component(base_image=IMAGE, packages_to_install=["six"])
def installs() -> str:
    return "installed"


@dsl.component(base_image="example.org/other:1", install_kfp_package=False)
def foreign() -> str:
    return "never"


@dsl.container_component
def container():
    return dsl.ContainerSpec(image="alpine", command=["echo", "hello"])


@dsl.pipeline(name="two-steps", description="Makes a text and measures it.")
def two_steps(text: str = "hello", times: int = 1):
    """Makes a text and measures it.

    Args:
        text: What to write.
        times: Not used.
    """
    made = make(text=text)
    measure(dataset=made.outputs["dataset"])


@dsl.pipeline(name="branches")
def branches(text: str = "hell"):
    made = make(text=text)
    with dsl.If(made.outputs["even"] == True):  # noqa: E712 - KFP's own spelling
        echo(text="even")
    with dsl.Else():
        echo(text="odd")


@dsl.pipeline(name="quoted")
def quoted(text: str = "it's"):
    said = echo(text=text)
    with dsl.If(said.output == "x"):
        add(a=1)
    with dsl.Else():
        add(a=2)


@dsl.pipeline(name="loops")
def loops():
    with dsl.ParallelFor([1, 2, 3]) as item:
        added = add(a=item)
        add(a=added.output, b=10)


@dsl.pipeline(name="inner")
def inner(text: str) -> str:
    made = make(text=text)
    return measure(dataset=made.outputs["dataset"]).outputs["Output"]


@dsl.pipeline(name="nested")
def nested():
    first = inner(text="one")
    second = inner(text="three")
    echo(text=first.output)
    echo(text=second.output)


@component
def links(dataset: dsl.Output[dsl.Dataset], text: str = "linked"):
    import tempfile
    from pathlib import Path

    elsewhere = Path(tempfile.mkdtemp())
    (elsewhere / "text.txt").write_text(text)
    Path(dataset.path).symlink_to(elsewhere)


@dsl.pipeline(name="linked")
def linked():
    measure(dataset=links().outputs["dataset"])


@dsl.pipeline(name="of-an-artifact")
def of_an_artifact(dataset: dsl.Input[dsl.Dataset]) -> str:
    return measure(dataset=dataset).outputs["Output"]


@dsl.pipeline(name="artifact-alone")
def artifact_alone():
    echo(text=of_an_artifact(dataset=make(text="alone").outputs["dataset"]).output)


@dsl.pipeline(name="imported")
def imported(path: str):
    found = dsl.importer(artifact_uri=path, artifact_class=dsl.Dataset, reimport=False)
    measure(dataset=found.output)


@dsl.pipeline(name="outside")
def outside(path: str):
    read = read_outside(path=path).set_caching_options(False)
    echo(text=read.outputs["Output"])
    look_nowhere().set_caching_options(False)
    clock().set_caching_options(False)


@dsl.pipeline(name="echo")
def named_as_its_step(said: str):
    echo(text=said)


@dsl.pipeline(name="fails-late")
def fails_late(text: str = "x"):
    made = make(text=text)
    boom(text=text).after(made)


@dsl.pipeline(name="gated")
def gated(good: bool = False):
    judged = judge(good=good)
    echo(text=judged.outputs["reason"])


@dsl.pipeline(name="slow")
def slow(seconds: float = 60.0):
    made = make(text="first")
    naps(seconds=seconds).after(made)


@dsl.pipeline(name="slow-loop")
def slow_loop(seconds: float = 60.0):
    with dsl.ParallelFor([1, 2, 3]) as item:
        naps(seconds=seconds).set_env_variable("ITEM", "x")
        add(a=item)


@dsl.pipeline(name="no-number-in-loop")
def no_number_in_loop():
    with dsl.ParallelFor([1, 2]):
        double(x=no_number().output)


@dsl.pipeline(name="letters")
def letters(n: int = 1, x: float = 1.5):
    add(a=n)
    double(x=x)


@dsl.pipeline(name="in-loop")
def fails_in_loop():
    with dsl.ParallelFor(["a", "b"]) as item:
        boom(text=item)
