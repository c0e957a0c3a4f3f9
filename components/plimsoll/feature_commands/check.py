"""Holds a Feast repository's definitions, sources, registry and online store together."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError, nearest, shortened
from plimsoll.feature_commands.online import (
    NO_ENTITY,
    call_with_timeout,
    error_text,
    join_keys,
    missing_store,
)
from plimsoll.feature_store.offline.engine import Limits, engine
from plimsoll.feature_store.offline.source_tables import TEXTS, is_local, open_source
from plimsoll.feature_store.repository.intervals import last_ends
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.timestamps import timestamp_of

OK, WARNING, ERROR = "ok", "warning", "error"
APPLY = "feast apply, or plimsoll run features --repo {repo}, which applies what is defined"
OURS = "plimsoll."
MATERIALISE = "plimsoll run features --repo {repo}"
_NUMBERS = frozenset({"INT32", "INT64", "FLOAT", "DOUBLE"})
FROM: Mapping[str, frozenset[str]] = {
    "INT32": _NUMBERS,
    "INT64": _NUMBERS,
    "FLOAT": _NUMBERS,
    "DOUBLE": _NUMBERS,
    "BOOL": frozenset({"BOOL"}),
    "STRING": frozenset({"STRING", "JSON"}),
    "UNIX_TIMESTAMP": frozenset({"UNIX_TIMESTAMP"}),
}
"""Declared type -> the types of a source that may be cast to it; Feast calls large texts JSON."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked."""

    name: str
    """What."""
    level: str
    """``ok``, ``warning`` or ``error``."""
    said: str
    """What was found."""
    hint: str = ""
    """What to do."""


def check(repo: str, scratch: str) -> dict[str, Any]:
    """Checks a repository.

    Args:
        repo: The repository: a folder, a configuration in it, or its address.
        scratch: A folder for what is made on the way.

    Returns:
        The checks in order; those of level ``error`` fail.

    Raises:
        ConfigError: if there is no such repository, or its definitions do not hold.
        DataError: if it, or what its definitions leave to be inferred, cannot be read.
    """
    opened = open_repository(repo, Path(scratch))
    checks = [_definitions(opened)]
    checks += [_source(opened, opened.views[name]) for name in sorted(opened.views)]
    checks += [_registry(opened), _online(opened), *_materialized(opened)]
    return {"repo": repo, "project": opened.project, "checks": [asdict(item) for item in checks]}


def _definitions(opened: Repository) -> Check:
    counts = {
        "entity": len(set(opened.entities) - {NO_ENTITY}),
        "feature view": len(opened.views),
        "on-demand view": len(opened.on_demand_views),
        "feature service": len(opened.services),
    }
    said = ", ".join(
        f"{count} {name[:-1] + 'ie' if name[-1] == 'y' and count != 1 else name}"
        f"{'' if count == 1 else 's'}"
        for name, count in counts.items()
    )
    if not opened.services:
        return Check("definitions", WARNING, said, "define a FeatureService: what a model is given")
    return Check("definitions", OK, said)


def _source(opened: Repository, view: Any) -> Check:
    """Checks that a view's source is there, with what the view declares."""
    source = view.batch_source
    name = f"source of {view.name}"
    if source is None:
        return Check(name, WARNING, "it has no batch source, so nothing to train from")
    kinds, error = call_with_timeout(lambda: _kinds(opened, source))
    if error is not None:
        return Check(name, ERROR, error_text(error, opened), "make it, or correct its path")
    wrong = list(_mismatches(opened, view, kinds))
    if wrong:
        return Check(name, ERROR, "; ".join(wrong), "correct the definitions, or the source")
    return Check(name, OK, f"{len(kinds)} columns, those declared among them")


def _kinds(opened: Repository, source: Any) -> dict[str, str]:
    """Returns the types of a source's columns, as Arrow or its database calls them."""
    if is_local(source) and source.path.lower().endswith(TEXTS):
        # Feast reads Parquet alone; ours reads these as DuckDB does.
        with engine(Limits()) as connection:
            scan = open_source(connection, source, opened.folder).scan
            schema = connection.sql(f"SELECT * FROM {scan} LIMIT 0").to_arrow_table().schema
        return {field.name: str(field.type) for field in schema}
    return dict(source.get_table_column_names_and_types(opened.store.config))


def _mismatches(opened: Repository, view: Any, kinds: Mapping[str, str]) -> Iterator[str]:
    source = view.batch_source
    renamed = {new: old for old, new in (source.field_mapping or {}).items()}
    to_value_type = source.source_datatype_to_feast_value_type()
    keys = {field.name: field for field in view.entity_columns}
    declared = {
        **{name: field.dtype.to_value_type().name for name, field in keys.items()},
        **{field.name: field.dtype.to_value_type().name for field in view.features},
        source.timestamp_field: "UNIX_TIMESTAMP",
    }
    if source.created_timestamp_column:
        declared[source.created_timestamp_column] = "UNIX_TIMESTAMP"
    fixed = set(keys) - set(join_keys(opened, view))
    # The join reads ISO 8601 where a row's time is text; others do not.
    times = {source.timestamp_field, source.created_timestamp_column}
    texts = times if str(opened.config.offline_store.type).startswith(OURS) else set()
    for name, kind in declared.items():
        column = renamed.get(name, name)
        if name in fixed:
            continue
        if column not in kinds:
            yield f"it has no column {column!r} {nearest(column, kinds)}".strip()
        elif name in texts and kinds[column] in ("string", "large_string"):
            continue
        elif not _fits(kinds[column], kind, to_value_type):
            yield f"{column!r} is {kinds[column]}, declared as {kind}"


def _fits(kind: str, declared: str, to_value_type: Any) -> bool:
    try:
        value_type = to_value_type(kind)
    except (KeyError, ValueError, AttributeError):
        # A type that Feast has no name for is met, or not, when values are cast.
        return True
    name = getattr(value_type, "name", "UNKNOWN")
    return declared not in FROM or name in ("NULL", "UNKNOWN") or name in FROM[declared]


def _registry(opened: Repository) -> Check:
    try:
        state = opened.registry_state()
    except DataError as error:
        said = " ".join(f"{error.headline}: {error.cause}".split()).removesuffix(":")
        return Check("registry", ERROR, said, error.hint)
    hint = _command(APPLY, opened)
    if state.status == "missing":
        return Check("registry", ERROR, "nothing was ever applied to it", hint)
    if state.status == "stale":
        return Check("registry", ERROR, str(state), hint)
    if state.status == "only":
        return Check("registry", OK, "there are no definitions beside it: it is all there is")
    return Check("registry", OK, "as it is defined")


def _online(opened: Repository) -> Check:
    """Asks the online store for a key that it need not have."""
    kind = str(getattr(opened.config.online_store, "type", "none"))
    if trouble := missing_store(opened):
        return Check("online store", ERROR, trouble, _command(MATERIALISE, opened))
    views = [view for _, view in sorted(opened.views.items()) if view.online]
    if not views:
        return Check("online store", WARNING, "no view goes online")
    store = opened.store.provider.online_store
    _, error = call_with_timeout(
        lambda: [store.online_read(opened.store.config, view, [_no_key(view)]) for view in views]
    )
    if error is not None:
        start = f"start the store, or correct online_store in {opened.yaml.name}"
        hint = _command(MATERIALISE, opened) if "no such table" in str(error) else start
        return Check("online store", ERROR, error_text(error, opened), hint)
    many = "1 view" if len(views) == 1 else f"{len(views)} views"
    return Check("online store", OK, f"{kind.rpartition('.')[2]} answers for {many}")


def _command(text: str, opened: Repository) -> str:
    """Returns a command as it can be typed."""
    return text.format(repo=shlex.quote(opened.where))


def _no_key(view: Any) -> Any:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    names = [field.name for field in view.entity_columns]
    return EntityKey(join_keys=names, entity_values=[Value(string_val="") for _ in names])


def _materialized(opened: Repository) -> Iterator[Check]:
    """Says up to when each view that goes online was materialised, by the registry."""
    try:
        last = last_ends(opened.store, opened.folder)
    except DataError:
        return  # told above
    ends = {
        name: timestamp_of(us).isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
        for name, us in last.items()
    }
    views: dict[str, list[str]] = {}
    for name, view in sorted(opened.views.items()):
        if view.online:
            views.setdefault(ends.get(name, ""), []).append(name)
    for end, names in sorted(views.items()):
        if end:
            yield Check("materialised", OK, f"up to {end}: {shortened(names)}")
        else:
            hint = _command(MATERIALISE, opened)
            yield Check("materialised", WARNING, f"never: {shortened(names)}", hint)
