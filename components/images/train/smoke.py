"""Run inside the image once it is built: what the role's steps import is there."""

import importlib

for name in (
    "kfp.dsl.executor_main",
    "plimsoll.evaluate.core",
    "plimsoll.train.core",
    "sklearn",
    "torch",
):
    importlib.import_module(name)
