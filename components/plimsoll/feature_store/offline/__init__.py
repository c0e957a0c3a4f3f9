"""The offline store, under the name that a ``feature_store.yaml`` gives it."""

from plimsoll.feature_store.offline.store import AsofOfflineStore, AsofOfflineStoreConfig

__all__ = ["AsofOfflineStore", "AsofOfflineStoreConfig"]
