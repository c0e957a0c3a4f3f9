"""Which files a model's folder has, by the family of the model."""

from __future__ import annotations

from pathlib import Path

from plimsoll.errors import ArtifactError

NETWORK = "network.json"
BOOSTING = "boosting.json"
MODULE = "module.py"
"""Source of the user's own network: code that runs wherever the model is loaded."""
_FILES = {
    NETWORK: (NETWORK, "weights.safetensors"),
    BOOSTING: (BOOSTING, "trees.txt"),
}


def files_of(folder: Path) -> tuple[str, ...]:
    """Returns the files that a package takes from a model's folder; the first tells the kind.

    Raises:
        ArtifactError: if it is neither a network's folder nor boosting's, or both.
    """
    found = [name for name in _FILES if (folder / name).is_file()]
    if len(found) != 1:
        raise ArtifactError(
            f"{folder} is no model",
            cause=f"it has {' and '.join(found)}" if found else "it has neither of the files",
            choices=tuple(_FILES),
        )
    own = (MODULE,) if found == [NETWORK] and (folder / MODULE).is_file() else ()
    return (*_FILES[found[0]], *own)
