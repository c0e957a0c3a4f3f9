"""The offline store, under the names that a ``feature_store.yaml`` gives and Feast derives."""

from typing import Any

_STORE = ("AsofOfflineStore", "AsofOfflineStoreConfig")


def __getattr__(name: str) -> Any:
    # Late: the store imports Feast, three seconds that modules beside it do not need.
    if name in _STORE:
        from plimsoll.feature_store.offline import store

        return getattr(store, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
