"""What the step reads outside of the pipeline, as provenance: the repository and its sources."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plimsoll.feature_store.offline.source_tables import is_local, location
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.plans import Join
from plimsoll.feature_store.repository.registries import local_path
from plimsoll.storage.gcs import SCHEME, split_uri
from plimsoll.storage.gcs_listing import by_generation
from plimsoll.storage.provenance import observe

UNKNOWN_SOURCE: dict[str, Any] = {"uri": "a source that only its own service can tell of"}
"""Provenance that never holds."""
DEPTH = 4
"""Levels of folders that definitions lie in."""


def provenance_of(repository: Repository, joins: Sequence[Join]) -> tuple[dict[str, Any], ...]:
    """Returns the provenance of the repository's code and registry, and of its views' sources.

    What cannot be looked at again, such as a table of a warehouse, makes a record that never
    holds: the step then always runs.

    Args:
        repository: The repository.
        joins: The views that rows were joined with.
    """
    records = [*_of_repository(repository)]
    paths = dict.fromkeys(_path(join, repository.folder) for join in joins)
    for path in paths:
        records.append(UNKNOWN_SOURCE if path is None else observe(path))
    return tuple(records)


def _of_repository(repository: Repository) -> list[dict[str, Any]]:
    if repository.where.startswith(SCHEME):
        return [_of_bucket(repository)]
    folder = repository.folder
    records = [observe(str(repository.yaml))]
    # Patterns, so that a file that comes counts too.
    records += [observe(str(folder / ("*/" * depth) / "*.py")) for depth in range(DEPTH)]
    registry = local_path(repository.store, folder)
    if repository.definitions is None:
        records.append(UNKNOWN_SOURCE if registry is None else observe(str(registry)))
    # Else the definitions decide, and what only a materialisation writes changes nothing here.
    return records


def _of_bucket(repository: Repository) -> dict[str, Any]:
    uri = repository.where.rstrip("/")
    if uri.endswith((".yaml", ".yml")):
        uri = uri.rpartition("/")[0]
    prefix = f"{split_uri(uri)[1]}/".lstrip("/")
    shown = [
        item
        for item in repository.objects
        if not any(part.startswith(".") for part in item.name.removeprefix(prefix).split("/"))
    ]
    return {"uri": f"{uri}/", "folders": False, "objects": by_generation(shown)}


def _path(join: Join, folder: Path) -> str | None:
    source = join.feast.batch_source
    return str(location(source, folder)) if is_local(source) else None
