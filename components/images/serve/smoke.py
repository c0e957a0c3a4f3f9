"""Run inside the image once it is built: what the role's steps import is there."""

import importlib

from plimsoll import shipped
from plimsoll.models import boosting

for name in (
    "kfp.dsl.executor_main",
    "kserve",
    "plimsoll.infra_validate.core",
    "plimsoll.push.core",
    "plimsoll.serving.model.model",
    "redis",
    "torch",
):
    importlib.import_module(name)

# Needs OpenMP, which a slim image has from torch alone.
boosting.lightgbm()

if not list(shipped.folder("serving").glob("*.yaml")):
    raise SystemExit("the templates of serving/ are not in the image")
