import pytest

from plimsoll.errors import ConfigError
from plimsoll.transform.config import TransformConfig, parse


def test_nothing_said_is_the_default():
    assert parse("{}") == parse("") == TransformConfig()


def test_fields_are_taken():
    config = parse('{"min_count": 3, "columns": {"month": "categorical"}, "clip": 4}')
    assert config == TransformConfig(min_count=3, columns={"month": "categorical"}, clip=4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"mincount": 3}', "no field 'mincount'"),
        ('{"min_count": -1}', "min_count must be a whole number from 0"),
        ('{"min_count": true}', "min_count"),
        ('{"min_count": 1.5}', "min_count"),
        ('{"vocabulary_size": 0}', "vocabulary_size"),
        ('{"int_categories_up_to": "many"}', "int_categories_up_to"),
        ('{"quantiles": 1}', "quantiles"),
        ('{"heavy_tail": 0}', "heavy_tail"),
        ('{"clip": NaN}', "clip"),
        ('{"clip": 1}', "clip"),
        ('{"columns": ["a"]}', "columns must map"),
        ('{"columns": {"a": "numerical"}}', "unknown kind 'numerical'"),
        ('{"columns": {"a": null}}', "unknown kind None"),
    ],
)
def test_what_does_not_hold_is_refused(text, said):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert said in caught.value.headline


def test_suggestions():
    with pytest.raises(ConfigError) as caught:
        parse('{"mincount": 3}')
    assert caught.value.cause == "did you mean 'min_count'?"
    with pytest.raises(ConfigError) as caught:
        parse('{"columns": {"a": "numerical"}}')
    assert caught.value.cause == "did you mean 'numeric'?"


@pytest.mark.parametrize(("rows", "least"), [(0, 2), (29_999, 2), (35_000, 3), (10**7, 20)])
def test_the_least_count_goes_by_the_rows(rows, least):
    assert TransformConfig().least_count(rows) == least
    assert TransformConfig(min_count=5).least_count(rows) == 5
