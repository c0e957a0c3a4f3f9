"""A random history as a repository of Python files, with a view that is computed on demand."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from feature_store.histories import Field, History, KeyPart, ViewHistory
from feature_store.made_repository import (
    ALIASES,
    SERVICE,
    TIME,
    definitions,
    write_settings,
    write_source,
)

VIEWS = "views.json"
DEFINITIONS = """
import computed
from pathlib import Path
from feature_store.defined_repository import defined

for place, item in enumerate(defined(Path(__file__).parent, computed.told)):
    globals()[f"item_{place}"] = item
"""
COMPUTED = '''
"""Tells what it is given: what differs between two sides, even a value's type, differs here."""

from datetime import datetime


def told(inputs):
    names = sorted(inputs)
    rows = zip(*(inputs[name] for name in names))
    return {"told": ["; ".join(map(_told, names, row)) for row in rows]}


def _told(name, value):
    if isinstance(value, datetime):
        return f"{name} is the time {value.isoformat()}"
    return f"{name} is the {type(value).__name__} {value!r}"
'''


def write(folder: Path, history: History, online: dict[str, Any], project: str) -> None:
    """Writes sources, settings and definitions; nothing is applied."""
    write_settings(folder, online, project=project)
    for view in history.views:
        write_source(folder, view)
    told = [asdict(replace(view, rows=())) for view in history.views]
    (folder / VIEWS).write_text(json.dumps(told))
    (folder / "definitions.py").write_text(textwrap.dedent(DEFINITIONS))
    (folder / "computed.py").write_text(textwrap.dedent(COMPUTED))


def defined(folder: Path, told: Any) -> list[Any]:
    """Returns what a repository's definitions define."""
    from feast import Field as FeastField
    from feast import OnDemandFeatureView, RequestSource
    from feast.types import Float64, String, UnixTimestamp

    views = tuple(_view(item) for item in json.loads((folder / VIEWS).read_text()))
    items = definitions(folder, History(views=views, times=()))
    named = {item.name: item for item in items}
    columns = {"weight": Float64, "other_text": String, TIME: UnixTimestamp}
    request = RequestSource(
        name="request",
        schema=[FeastField(name=name, dtype=kind) for name, kind in columns.items()],
    )
    sources = [request, *(named[view.name] for view in views if view.name not in ALIASES)]
    computed = OnDemandFeatureView(
        name="computed",
        sources=sources,
        schema=[FeastField(name="told", dtype=String)],
        mode="python",
        udf=told,
        udf_string="told",
    )
    service = named[SERVICE]
    service.feature_view_projections.append(computed.projection)
    service._features.append(computed)
    return [*items, computed]


def _view(item: dict[str, Any]) -> ViewHistory:
    keys = tuple(KeyPart(**part) for part in item["keys"])
    fields = tuple(Field(**part) for part in item["fields"])
    return ViewHistory(**{**item, "keys": keys, "fields": fields, "rows": ()})
