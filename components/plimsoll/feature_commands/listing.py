"""Lists what a Feast repository defines."""

from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.feature_commands.online import join_keys
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.repository import open_repository


def list_repository(repo: str, scratch: str, view: str = "") -> dict[str, Any]:
    """Returns the services and the views of a repository, each by its name in order.

    Args:
        repo: The repository: a folder, a configuration in it, or its address.
        scratch: A folder for what is made on the way.
        view: Only this view, and no services; empty: everything.

    Raises:
        ConfigError: if there is no such repository or view, or its definitions do not hold.
        DataError: if it, or what its definitions leave to be inferred, cannot be read.
    """
    opened = open_repository(repo, Path(scratch))
    plain = [_view(opened, opened.views[name]) for name in sorted(opened.views)]
    computed = [
        _on_demand_view(opened.on_demand_views[name]) for name in sorted(opened.on_demand_views)
    ]
    views, services = [*plain, *computed], sorted(opened.services)
    if view:
        named = [item for item in views if item["name"] == view]
        if not named:
            known = [item["name"] for item in views]
            raise ConfigError(
                f"the feature repository {repo} has no feature view {view!r}",
                cause=nearest(view, known),
                choices=known,
            )
        views, services = named, []
    return {
        "repo": repo,
        "project": opened.project,
        "services": [_service(opened.services[name]) for name in services],
        "views": views,
    }


def _service(service: Any) -> dict[str, Any]:
    return {
        "name": service.name,
        "description": service.description,
        "views": [
            {
                "name": projection.name_to_use(),
                "of": projection.name,
                "features": [item.name for item in projection.features],
            }
            for projection in service.feature_view_projections
        ],
    }


def _view(opened: Repository, view: Any) -> dict[str, Any]:
    from feast.data_source import PushSource

    pushed = isinstance(view.stream_source, PushSource)
    return {
        "name": view.name,
        "kind": f"pushed: {view.stream_source.name}" if pushed else "batch",
        "description": view.description,
        "keys": join_keys(opened, view),
        "ttl_seconds": view.ttl.total_seconds() if view.ttl else None,
        "online": bool(view.online),
        "source": view.batch_source.name if view.batch_source else "",
        "features": _features(view),
    }


def _on_demand_view(view: Any) -> dict[str, Any]:
    sources = view.source_request_sources.values()
    inputs = [field.name for source in sources for field in source.schema]
    taken = view.source_feature_view_projections.values()
    return {
        "name": view.name,
        "kind": "on demand",
        "description": view.description,
        "keys": inputs,
        "ttl_seconds": None,
        "online": False,
        "source": ", ".join(projection.name for projection in taken),
        "features": _features(view),
    }


def _features(view: Any) -> list[dict[str, str]]:
    return [
        {"name": field.name, "type": field.dtype.to_value_type().name} for field in view.features
    ]
