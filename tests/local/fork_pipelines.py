"""A pipeline with settings, as training has them, that the tests of fork run."""

from kfp import dsl

component = dsl.component(base_image="python:3.11", install_kfp_package=False)


@component
def prepare(text: str, config: str = "{}") -> str:
    return f"{text} {config}"


@component
def fit(prepared: str, metrics: dsl.Output[dsl.Metrics], config: dict = {}) -> str:
    rate = config.get("learning_rate", 0.001)
    metrics.log_metric("test/auc", round(0.7 + rate, 6))
    metrics.log_metric("test/rows", 12)
    if rate > 1:
        raise ValueError("training diverged")
    return f"{prepared}, {rate}"


@dsl.pipeline(name="settings")
def settings(text: str, times: int = 1, prepare_config: str = "{}", train_config: dict = {}):
    prepared = prepare(text=text, config=prepare_config)
    fit(prepared=prepared.output, config=train_config)
