"""Run inside the image once it is built: what the role's steps import is there."""

import importlib

for name in (
    "duckdb",
    "feast",
    "kfp.dsl.executor_main",
    "plimsoll.errors",
):
    importlib.import_module(name)
