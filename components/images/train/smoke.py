"""Run inside the image once it is built: what the role's steps import is there."""

import importlib

from plimsoll.models import boosting

for name in (
    "kfp.dsl.executor_main",
    "plimsoll.evaluate.core",
    "plimsoll.train.core",
    "plimsoll.train.loop.loop",
    "plimsoll.tune.core",
    "kubeflow.trainer",
    "mlflow",
    "optuna",
    "tensorboard",
    "torch",
):
    importlib.import_module(name)

# Needs OpenMP, which a slim image has from torch alone.
boosting.lightgbm()
