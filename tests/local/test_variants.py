import dataclasses

import pytest

from plimsoll.errors import ConfigError, UsageError
from plimsoll.local.pipelines import library, variants

WITHOUT = "label: y"
WITH = "label: y\ntime: t\nfeatures: {repo: feature_repo, service: late_v1}"


def fitting(name, **given):
    return variants.fitting(library.find(name), given).name


def test_the_problem_says_which_pipeline_it_is():
    assert fitting("training", problem=WITH) == "training-with-features"
    assert fitting("training", problem=WITHOUT) == "training"
    assert fitting("training-with-features", problem=WITH) == "training-with-features"


def test_without_a_problem_the_pipeline_is_the_one_asked_for():
    assert fitting("training", data="d.csv", label="y") == "training"


def test_a_pipeline_without_such_a_variant_stays():
    assert fitting("data", problem=WITH) == "data"
    assert fitting("features", repo="feature_repo") == "features"


def test_a_pipeline_of_others_that_is_named_alike_stays():
    theirs = library.find("training")
    theirs = dataclasses.replace(theirs, text=theirs.text + "\n# changed\n")

    assert variants.fitting(theirs, {"problem": WITH}) is theirs


def test_joining_without_features_is_refused():
    with pytest.raises(UsageError, match="names no features") as caught:
        fitting("training-with-features", problem=WITHOUT)
    assert "plimsoll run training ..." in caught.value.hint


def test_a_problem_that_does_not_hold_is_refused():
    with pytest.raises(ConfigError, match="needs both a repo and a service"):
        fitting("training", problem="label: y\ntime: t\nfeatures: {repo: r}")


def test_the_label_may_be_given_apart():
    assert fitting("training", problem=WITH.removeprefix("label: y\n"), label="y") == (
        "training-with-features"
    )
