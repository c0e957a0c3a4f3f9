"""Which package a folder means: a package, a pushed model's folder, or one that holds it."""

from pathlib import Path

from plimsoll.errors import UsageError
from plimsoll.formats.champion import CHAMPION, champion_in
from plimsoll.formats.package import MANIFEST


def package_folder(model_dir: Path) -> Path:
    """Returns the folder of the package that ``model_dir`` means.

    Args:
        model_dir: A package; a folder with ``champion.json``, which names the version; or a
            folder that holds exactly one of these.

    Raises:
        UsageError: if there is no such folder, no model in it, or more than one.
        ArtifactError: if the champion pointer does not lead to a version.
    """
    if not model_dir.is_dir():
        what = "is a file, not a folder" if model_dir.exists() else "does not exist"
        raise UsageError(
            f"the model folder {model_dir} {what}",
            hint="give the folder that push wrote, or a model package",
        )
    package = _model_in(model_dir)
    if package is not None:
        return package
    inside = sorted(
        path for path in model_dir.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    models = [path for path in inside if (path / CHAMPION).is_file() or (path / MANIFEST).is_file()]
    if not models:
        raise UsageError(
            f"there is no model in {model_dir}",
            cause=f"neither it nor a folder in it holds {MANIFEST} or {CHAMPION}",
            hint="give the folder that push wrote, or a model package",
        )
    if len(models) > 1:
        raise UsageError(
            f"{model_dir} holds {len(models)} models",
            choices=[path.name for path in models],
            hint=f"name one: --model-dir {models[0]}",
        )
    return _model_in(models[0]) or models[0]


def _model_in(folder: Path) -> Path | None:
    champion = champion_in(folder)
    if champion is not None:
        return champion
    return folder if (folder / MANIFEST).is_file() else None
