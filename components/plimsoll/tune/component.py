"""The KFP component ``tune``."""

from typing import Any, Dict, NamedTuple

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("train"), install_kfp_package=False)
def tune(
    examples: dsl.Input[dsl.Dataset],
    study: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    space: str = "",
    config: Dict[str, Any] = {},
    train_config: Dict[str, Any] = {},
    module: str = "",
    storage: str = "",
) -> NamedTuple("Outputs", [("best", Dict[str, Any])]):  # type: ignore[valid-type]
    """Searches the knobs of a training by its loss on eval; the test split is never looked at.

    Args:
        examples: The transformed rows of train, eval and test.
        space: Search space as JSON or YAML; empty: one that suits the model.
        config: The budget, how to search, how many at a time: the fields of TuneConfig.
        train_config: What the space does not name: the fields of TrainConfig.
        module: Source of your own network, or where it is: ``package.module:function``.
        storage: Folder in which a search that was stopped is kept, and goes on.

    Returns:
        study: Every trial and what came of it, and the best config.
        report: How the search went, what mattered, and all trials.
        best: The best trial's TrainConfig, whole: what ``train`` takes as its ``config``.
    """
    import json

    from plimsoll.parameters import json_text
    from plimsoll.tune import core, model

    settings = (json_text(config), json_text(train_config))
    request = model.TuneRequest.read(space, *settings, module, storage)
    result = core.tune_examples(examples.path, study.path, report.path, request)
    study.metadata.update(result.metadata())
    return (json.loads(result.best),)
