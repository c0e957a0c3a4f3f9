"""The form of an answer."""

import json

import numpy as np
import pytest

from plimsoll.errors import ArtifactError
from plimsoll.models.predictions import as_answers, predicted_classes


def test_two_classes_tell_the_probability_of_the_positive():
    answers = as_answers("binary", [False, True], True, np.array([[0.25, 0.75], [0.9, 0.1]]))

    assert answers == [
        {"label": True, "probability": 0.75, "probabilities": {"false": 0.25, "true": 0.75}},
        {"label": False, "probability": 0.1, "probabilities": {"false": 0.9, "true": 0.1}},
    ]
    json.dumps(answers, allow_nan=False)


def test_a_half_is_positive_wherever_the_positive_class_stands():
    even = np.array([[0.5, 0.5]])
    assert predicted_classes("binary", ["yes", "no"], "yes", even).tolist() == [0]
    assert predicted_classes("binary", ["no", "yes"], "yes", even).tolist() == [1]


def test_many_classes_tell_the_probability_of_the_label_given():
    [answer] = as_answers("multiclass", [3, 5, 8], None, np.array([[0.2, 0.5, 0.3]]))
    assert answer["label"] == 5
    assert answer["probability"] == 0.5
    assert answer["probabilities"] == {"3": 0.2, "5": 0.5, "8": 0.3}


def test_values():
    assert as_answers("regression", [], None, np.array([1.5, -2.0])) == [
        {"value": 1.5},
        {"value": -2.0},
    ]


def test_a_positive_class_that_is_none_is_refused():
    with pytest.raises(ArtifactError, match="choices: no, yes"):
        as_answers("binary", ["no", "yes"], "perhaps", np.array([[0.5, 0.5]]))
