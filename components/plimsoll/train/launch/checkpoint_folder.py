"""Where a step that is killed and run again finds its checkpoints."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from plimsoll.storage.locks import lock


@contextlib.contextmanager
def locked_checkpoint_folder(root: Path | None, name: str) -> Iterator[Path | None]:
    """Gives a step its folder of checkpoints, to one process at a time; removes it at the end.

    A second run of the same step, at the same time, takes no checkpoints: it ends in the same
    model, and two that write into one folder would get in each other's way.

    Args:
        root: The folder that outlives steps; None: no checkpoints are taken.
        name: What the step is known by.
    """
    if root is None:
        yield None
        return
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("a") as stream:
        try:
            alone = lock(stream, 0)
        except OSError:
            alone = False
        if not alone:
            yield None
            return
        folder = root / name
        folder.mkdir(exist_ok=True)
        yield folder
        shutil.rmtree(folder)
        Path(stream.name).unlink()
