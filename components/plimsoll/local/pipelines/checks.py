"""What a component would refuse, refused before anything runs.

An environment takes seconds to start; a misspelt field of the problem file is known at once.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plimsoll import problem
from plimsoll.configuration.validation import read_as
from plimsoll.errors import UsageError
from plimsoll.ingest import config as ingest_config
from plimsoll.models import user_module
from plimsoll.parameters import json_text
from plimsoll.train import config as train_config
from plimsoll.train.launch import config as launcher_config
from plimsoll.transform import config as transform_config
from plimsoll.transform.treatments import Columns
from plimsoll.tune import config as tune_config
from plimsoll.validate import config as gate_config

# The library's own inputs whose text can be read without the data.
_READERS: Mapping[str, Callable[[str], object]] = {
    "ingest_config": ingest_config.parse,
    "gate": gate_config.check_mode,
    "gate_config": gate_config.parse,
    "transform_config": transform_config.parse,
    "train_config": train_config.parse,
    "module": user_module.check_source,
    "launcher": launcher_config.check_launcher,
    "launcher_config": launcher_config.parse,
    "tune_config": tune_config.parse,
}
_OURS = ({"ingest_config", "gate_config"}, {"transform_config", "train_config"})
"""Inputs by which a pipeline shows that it is one of ours, or made like one."""


def check_texts(arguments: Mapping[str, Any]) -> None:
    """Reads the texts among a pipeline's arguments as the library's components will.

    Args:
        arguments: The pipeline's complete arguments; those of a pipeline that lacks the inputs
            of ours are left alone.

    Raises:
        ConfigError: if a text does not hold.
    """
    if any({"label", "problem", *names} <= arguments.keys() for names in _OURS):
        parsed = problem.parse(arguments["problem"], label=arguments["label"])
        read_as(Columns, parsed.columns, "problem", ("columns",))
        if parsed.features and "features_config" in arguments:
            _check_repository(parsed.features.repo)
        for name, value in arguments.items():
            check_text(name, json_text(value) if isinstance(value, dict) else value)


def check_text(name: str, text: str) -> None:
    """Reads one argument's text as the library's component will, if the library has such an input.

    Raises:
        ConfigError: if the text does not hold.
    """
    if name in _READERS:
        _READERS[name](text)


def _check_repository(repo: str) -> None:
    if "://" not in repo and not Path(repo).exists():
        raise UsageError(
            f"there is no Feast repository {repo}",
            cause=f"the problem's features: names it, as seen from {Path.cwd()}",
            hint="run from the folder that it is in, or write its whole path",
        )
