"""Run inside the image once it is built: what the role's steps import is there."""

import importlib

for name in (
    "duckdb",
    "google.cloud.bigquery",
    "google.cloud.storage",
    "feast",
    "kfp.dsl.executor_main",
    "plimsoll.feature_store",
    "pyarrow",
    "redis",
):
    importlib.import_module(name)
