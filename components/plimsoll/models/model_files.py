"""Which files a model's folder has, by the family of the model."""

from pathlib import Path

from plimsoll.errors import ArtifactError

NETWORK = "network.json"
BOOSTING = "boosting.json"
BLEND = "blend.json"
MODULE = "module.py"
"""Source of the user's own network: code that runs wherever the model is loaded."""
_FILES = {
    NETWORK: (NETWORK, "weights.safetensors"),
    BOOSTING: (BOOSTING, "trees.txt"),
    BLEND: (BLEND,),
}


def files_of(folder: Path) -> tuple[str, ...]:
    """Returns the files that a package takes from a model's folder; the first tells the kind.

    Of a blend they are those of its members too, below ``member-0`` and so on.

    Raises:
        ArtifactError: if it is the folder of none of the kinds, or of several.
    """
    kinds = [name for name in _FILES if (folder / name).is_file()]
    if len(kinds) != 1:
        raise ArtifactError(
            f"{folder} is no model",
            cause=f"it has {' and '.join(kinds)}" if kinds else "it has none of these files",
            choices=tuple(_FILES),
        )
    (kind,) = kinds
    more: list[str] = []
    if kind == NETWORK and (folder / MODULE).is_file():
        more = [MODULE]
    if kind == BLEND:
        more = [name for member in sorted(folder.glob("member-*")) for name in _of_member(member)]
    return (*_FILES[kind], *more)


def code_of(folder: Path) -> tuple[str, ...]:
    """Returns those files of a model's folder that hold code."""
    return tuple(name for name in files_of(folder) if name.rpartition("/")[2] == MODULE)


def _of_member(folder: Path) -> list[str]:
    if (folder / BLEND).is_file():
        raise ArtifactError(f"{folder.parent} blends a blend", cause=folder.name)
    return [f"{folder.name}/{name}" for name in files_of(folder)]
