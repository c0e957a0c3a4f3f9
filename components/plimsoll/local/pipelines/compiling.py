"""Compiles pipelines to YAML, with image digests put in for a release."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from plimsoll import shipped
from plimsoll.accelerators import Machine
from plimsoll.errors import UsageError
from plimsoll.images import image, role_of
from plimsoll.local.pipelines import library
from plimsoll.local.pipelines.graph import parse
from plimsoll.local.pipelines.machines import on_machine, trains
from plimsoll.storage.files import write_text

_DIGEST = re.compile(r"^[\w.\-/:]+@sha256:[0-9a-f]{64}$")


def compile_all(
    pipelines: Sequence[str],
    to: str | None = None,
    images: str | None = None,
    machine: Machine | None = None,
) -> list[Path]:
    """Compiles pipelines and writes each as ``<name>.yaml``.

    Args:
        pipelines: ``file.py`` (the function of the file's name) or ``file.py:function``; empty
            for every pipeline of the checkout.
        to: The folder to write to; by default the checkout's ``pipelines/compiled``.
        images: A JSON file of role -> image reference by digest; every role in use must be there.
        machine: What the steps that train run on; None: what the pipeline says.

    Returns:
        The files written.

    Raises:
        UsageError: if a pipeline does not compile, an image has no digest, or a machine is given
            where no step trains.
    """
    target = Path(to) if to else shipped.folder("pipelines")
    digests = _digests(Path(images)) if images else None
    written = []
    for name in pipelines or _of_checkout():
        path, _, function = name.partition(":")
        compiled = library.find(f"{path}:{function or Path(path).stem}")
        text = compiled.text if digests is None else pinned(compiled.text, digests)
        # Of all pipelines those that train are meant; one that is named has to.
        if machine is not None and (pipelines or trains(text)):
            text = on_machine(text, machine)
        file = target / f"{compiled.name}.yaml"
        write_text(file, text)
        written.append(file)
    return written


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """Returns a compiled pipeline with each role's image replaced by its digest.

    Raises:
        UsageError: if a role in use has no digest.
    """
    for reference in sorted(parse(text, "the compiled pipeline").images()):
        role = role_of(reference)
        if role is None:
            if not _DIGEST.match(reference):
                raise UsageError(f"the image {reference!r} is not pinned by a digest")
            continue
        if role not in digests:
            raise UsageError(
                f"there is no digest for the role {role!r}",
                cause=f"the pipeline uses {reference}",
                choices=sorted(digests),
            )
        text = text.replace(f"image: {image(role)}", f"image: {digests[role]}")
    return text


def _digests(path: Path) -> dict[str, str]:
    try:
        digests = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON", cause=str(error)) from error
    for role, reference in digests.items():
        if not _DIGEST.match(str(reference)):
            raise UsageError(
                f"the image of the role {role!r} is not pinned by a digest",
                cause=f"it is {reference!r}",
                hint="write repository/name@sha256:...",
            )
    return dict(digests)


def _of_checkout() -> list[str]:
    """Returns every pipeline of the checkout, as ``file.py:function``."""
    folder = shipped.CHECKOUT / "pipelines"
    return [f"{path}:{name}" for path in sorted(folder.glob("*.py")) for name in _pipelines(path)]


def _pipelines(path: Path) -> list[str]:
    """Returns the functions of a file that are decorated with ``@dsl.pipeline(...)``."""
    return [
        item.name
        for item in ast.parse(path.read_text("utf-8")).body
        if isinstance(item, ast.FunctionDef)
        and any(ast.unparse(made).startswith("dsl.pipeline(") for made in item.decorator_list)
    ]
