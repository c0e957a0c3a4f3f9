"""The pipeline that a run ran, kept with it where the library does not have it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.errors import UsageError
from plimsoll.local.pipelines import library, variants
from plimsoll.local.pipelines.graph import Compiled
from plimsoll.storage.files import write_text

KEPT = "pipeline.yaml"


def keep(pipeline: Compiled, folder: Path) -> None:
    """Writes a pipeline into a run's folder, unless it is one of the library."""
    if not variants.ours(pipeline):
        write_text(folder / KEPT, pipeline.text)


def of_run(record: Mapping[str, Any]) -> Compiled:
    """Returns the pipeline of a run: the one kept with it, else the library's of its name.

    Raises:
        UsageError: if there is neither.
    """
    kept = Path(record["folder"]) / KEPT
    if kept.is_file():
        return library.find(str(kept))
    if record["pipeline"] in library.names():
        return library.find(record["pipeline"])
    raise UsageError(
        f"the pipeline of {record['id']} was not kept",
        cause=f"{kept} is not there, and the library has no pipeline {record['pipeline']!r}",
        hint="run it anew, as it was run: plimsoll run FILE.py:FUNCTION ...",
    )
