"""Run inside the image once it is built: what the role's steps import is there."""

import importlib

for name in (
    "kfp.dsl.executor_main",
    "plimsoll.ingest.core",
    "plimsoll.transform.core",
    "plimsoll.validate.core",
    "tensorflow_data_validation",
):
    importlib.import_module(name)
