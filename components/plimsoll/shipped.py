"""Folders that come with the library, in a checkout and in an installed wheel alike."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent.parent
_FOLDERS = {
    "images": CHECKOUT / "components" / "images",
    "pipelines": CHECKOUT / "pipelines" / "compiled",
    "schemas": CHECKOUT / "schemas",
    "serving": CHECKOUT / "serving",
}


def folder(name: str) -> Path:
    """Returns the folder ``images``, ``pipelines`` (compiled), ``schemas`` or ``serving``.

    A wheel carries copies under ``plimsoll/_shipped/``; a checkout has the originals.
    """
    installed = PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _FOLDERS[name]
