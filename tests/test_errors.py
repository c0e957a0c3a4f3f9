import pytest

from plimsoll import errors


def test_an_error_says_headline_cause_choices_and_what_to_do():
    error = errors.DataError(
        "column 'fare' is not in trips.csv",
        cause="did you mean 'fare_amount'?",
        choices=[f"c{number}" for number in range(20)],
        hint="plimsoll run training --label fare_amount",
    )

    assert str(error).splitlines() == [
        "column 'fare' is not in trips.csv",
        "  did you mean 'fare_amount'?",
        "  choices: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, ... (8 more)",
        "  next: plimsoll run training --label fare_amount",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lable", "did you mean 'label'?"),
        ("LABEL", "did you mean 'label'?"),
        ("zebra", ""),
        ("timestamps_of_days", "did you mean 'time'?"),
        ("la", ""),
    ],
)
def test_the_nearest_name_is_offered_only_if_it_is_near(name, said):
    assert errors.nearest(name, ["label", "time", "keys"]) == said


def test_wrong_usage_is_told_from_failure():
    assert errors.UsageError("x").exit_code == errors.ConfigError("x").exit_code == 2
    assert errors.DataError("x").exit_code == errors.GateError("x").exit_code == 1
