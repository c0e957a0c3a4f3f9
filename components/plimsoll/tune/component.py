"""The KFP component ``tune``."""

from typing import NamedTuple

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("train"), install_kfp_package=False)
def tune(
    examples: dsl.Input[dsl.Dataset],
    study: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    space: str = "",
    config: str = "{}",
    train_config: str = "{}",
    module: str = "",
    storage: str = "",
) -> NamedTuple("Outputs", best=str):  # type: ignore[valid-type]
    """Searches the knobs of a training by its loss on eval; the test split is never looked at.

    Args:
        examples: The transformed rows of train, eval and test.
        study: Every trial and what came of it, and the best config.
        report: How the search went, what mattered, and all trials.
        space: Search space as JSON or YAML; empty: one that suits the model.
        config: A TuneConfig as JSON: the budget, how to search, how many at a time.
        train_config: A TrainConfig as JSON: what the space does not name.
        module: Source of your own network, or where it is: ``package.module:function``.
        storage: Folder in which a search that was stopped is kept, and goes on.

    Returns:
        The best trial's TrainConfig, whole, as JSON.
    """
    from typing import NamedTuple

    from plimsoll.tune import core, model

    asked = model.Asked.read(space, config, train_config, module, storage)
    found = core.tune_examples(examples.path, study.path, report.path, asked)
    study.metadata.update(found.metadata())
    outputs = NamedTuple("Outputs", best=str)  # type: ignore[misc]
    return outputs(found.best)  # type: ignore[call-arg]
