"""Which of two pipelines of the library a problem means: with a step for features, or without."""

from collections.abc import Mapping
from typing import Any

from plimsoll import problem, shipped
from plimsoll.errors import UsageError
from plimsoll.local.pipelines import library
from plimsoll.local.pipelines.graph import Compiled

WITH_FEATURES = "-with-features"


def fitting(pipeline: Compiled, given: Mapping[str, Any]) -> Compiled:
    """Returns a pipeline of the library, or the one like it that joins features.

    A pipeline's steps are fixed when it is compiled: one that joins features is a pipeline of its
    own, and the problem says whether it is needed.

    Args:
        pipeline: The pipeline that was named.
        given: Its arguments, as far as they were given.

    Raises:
        ConfigError: if the problem does not hold together.
        UsageError: if the pipeline joins features and the problem names none.
    """
    if not given.get("problem") or "problem" not in pipeline.inputs() or not ours(pipeline):
        return pipeline
    parsed = problem.parse(str(given["problem"]), label=str(given.get("label", "")))
    joins = pipeline.name.endswith(WITH_FEATURES)
    if parsed.features is None and joins:
        raise UsageError(
            f"the problem names no features, which {pipeline.name} joins",
            hint=f"plimsoll run {pipeline.name.removesuffix(WITH_FEATURES)} ..., or add to the "
            "problem file: features: {repo: feature_repo, service: NAME}",
        )
    other = f"{pipeline.name}{WITH_FEATURES}"
    if parsed.features is None or joins or other not in library.names():
        return pipeline
    return library.find(other)


def ours(pipeline: Compiled) -> bool:
    """Returns whether a pipeline is one of the library, to the letter."""
    path = shipped.folder("pipelines") / f"{pipeline.name}.yaml"
    return path.is_file() and path.read_text("utf-8") == pipeline.text
