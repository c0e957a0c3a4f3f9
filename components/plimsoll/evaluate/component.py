"""The KFP component ``evaluate``."""

from typing import NamedTuple

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("train"), install_kfp_package=False)
def evaluate(
    dataset: dsl.Input[dsl.Dataset],
    examples: dsl.Input[dsl.Dataset],
    transform: dsl.Input[dsl.Artifact],
    model: dsl.Input[dsl.Model],
    schema: dsl.Input[dsl.Artifact],
    statistics: dsl.Input[dsl.Artifact],
    package: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    baseline: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("blessed", bool), ("reason", str)]):  # type: ignore[valid-type]
    """Measures a model, blesses it or says why not, and packages it with all that serving needs.

    Args:
        dataset: The raw rows, for slices and for the requests that warm a server up.
        examples: The transformed rows.
        transform: What makes examples of raw rows.
        model: A model of any family, and what gradient boosting answers.
        schema: The schema, which goes into the package.
        statistics: The reference for drift, which goes into the package.

    Returns:
        package: The model package: what is deployed, and nothing else.
        metrics: Metrics as ``split/metric``.
        baseline: The same of gradient boosting.
        report: Curves, tables and verdicts.
        blessed: If every threshold holds on the test split.
        reason: Which does not.
    """
    from plimsoll.evaluate import core
    from plimsoll.evaluate.model import EvaluateInputs

    names = ("dataset", "examples", "transform", "model", "schema", "statistics")
    inputs = (dataset, examples, transform, model, schema, statistics)
    paths = EvaluateInputs.at(dict(zip(names, (item.path for item in inputs), strict=True)))
    result = core.evaluate(paths, package.path, report.path)
    package.metadata.update(result.about)
    metrics.metadata.update(result.metrics)
    baseline.metadata.update(result.baseline)
    return (result.blessed, result.reason)
