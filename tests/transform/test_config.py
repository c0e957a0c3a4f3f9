import pytest

from plimsoll.errors import ConfigError
from plimsoll.transform.config import TransformConfig, parse
from plimsoll.transform.treatments import KINDS, KINDS_OF_TYPE, SETTINGS, Crossing, Treatment


def test_nothing_said_is_the_default():
    assert parse("{}") == parse("") == TransformConfig()


def test_fields_are_taken():
    config = parse('{"min_count": 3, "columns": {"month": "categorical"}, "clip": 4}')
    assert config == TransformConfig(min_count=3, columns={"month": "categorical"}, clip=4)
    assert config.columns == {"month": Treatment(kind="categorical")}


def test_settings_and_crosses_are_taken():
    config = parse(
        '{"columns": {"price": {"kind": "bins", "bins": 8, "clip": [0, 100]}},'
        ' "crosses": [["a", "b"], {"columns": ["a", "c"], "buckets": 50}]}'
    )
    assert config.columns["price"] == Treatment(kind="bins", bins=8, clip=(0.0, 100.0))
    assert config.crosses == (
        Crossing(columns=("a", "b")), Crossing(columns=("a", "c"), buckets=50)
    )  # fmt: skip
    assert TransformConfig(columns=config.columns, crosses=config.crosses) == TransformConfig(
        columns=config.columns, crosses=config.crosses
    )


def test_every_kind_can_be_asked_for_and_every_setting_is_one():
    for kind in KINDS:
        assert TransformConfig(columns={"x": kind}).columns["x"].kind == kind
        assert set(SETTINGS[kind]) <= set(vars(Treatment()))
    assert set().union(*KINDS_OF_TYPE.values()) == set(KINDS)


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
        ('{"columns": ["a"]}', "columns must be a mapping of columns to kinds"),
        ('{"columns": {"a": "numerical"}}', "columns.a.kind is 'numerical'"),
        ('{"columns": {"a": null}}', "columns.a.kind is None"),
        ('{"columns": {"a": {"bins": 3}}}', "columns.a has no kind"),
        ('{"columns": {"a": {"kind": "bin"}}}', "columns.a.kind is 'bin'"),
        (
            '{"columns": {"a": {"kind": "bins", "bin": 3}}}',
            "columns.a is bins, which has no setting 'bin'",
        ),
        (
            '{"columns": {"a": {"kind": "drop", "bins": 3}}}',
            "a is drop, which has no setting 'bins'",
        ),
        (
            '{"columns": {"a": {"kind": "bins", "bins": 0}}}',
            "columns.a.bins must be a whole number from 1",
        ),
        ('{"columns": {"a": {"kind": "bins", "clip": [2, 1]}}}', "clip must be two numbers"),
        ('{"columns": {"a": {"kind": "bins", "clip": 3}}}', "clip must be two numbers"),
        (
            '{"columns": {"a": {"kind": "log", "clip": [-1e308, 1]}}}',
            "a.clip[0] must be a number from -1e+30",
        ),
        ('{"columns": {"a": {"kind": "bins", "bins": 1000000}}}', "bins must be at most 1024"),
        ('{"columns": {"a": {"kind": "quantile", "quantiles": 99999}}}', "quantiles must be at"),
        ('{"quantiles": 99999}', "quantiles must be at most"),
        ('{"columns": {"a": {"kind": "hash", "buckets": -1}}}', "buckets must be a whole"),
        ('{"columns": {"a": {"kind": "hash", "buckets": 99999999}}}', "buckets must be at most"),
        ('{"columns": {"a": {"kind": "target", "folds": 1}}}', "folds must be a whole"),
        ('{"columns": {"a": {"kind": "target", "folds": 99}}}', "folds must be at most"),
        ('{"columns": {"a": {"kind": "target", "smoothing": -1}}}', "smoothing must be"),
        ('{"columns": {"a": {"kind": "multi", "separator": " "}}}', "separator must be"),
        ('{"columns": {"a": {"kind": "multi", "separator": 3}}}', "separator must be"),
        ('{"columns": {"a": {"kind": "multi", "most": 9999}}}', "most must be at most"),
        ('{"columns": {"a": {"kind": "text", "of": "letters"}}}', "columns.a.of is 'letters'"),
        (
            '{"columns": {"a": {"kind": "text", "sizes": [0]}}}',
            "columns.a.sizes[0] must be a whole",
        ),
        ('{"columns": {"a": {"kind": "text", "sizes": [1, 1]}}}', "sizes has a value twice"),
        ('{"columns": {"a": {"kind": "text", "sizes": 2}}}', "sizes must be a list"),
        (
            '{"columns": {"a": {"kind": "timestamp", "parts": ["minute"]}}}',
            "a.parts[0] is 'minute'",
        ),
        ('{"crosses": "ab"}', "crosses must be a list"),
        ('{"crosses": ["ab"]}', "two or more different columns"),
        ('{"crosses": [[1, 2]]}', "crosses[0].columns must be two or more"),
        ('{"crosses": [["a"]]}', "two or more different columns"),
        ('{"crosses": [["a", "a"]]}', "two or more different columns"),
        (
            '{"crosses": [{"columns": ["a", "b"], "bucket": 3}]}',
            "crosses[0]: there is no field 'bucket'",
        ),
        ('{"crosses": [["a", "b"], ["b", "a"]]}', "crosses names the same columns twice"),
        ('{"prune": -1}', "prune must be a whole number"),
        ('{"prune": "nois"}', "prune must be a whole number or 'noise'"),
        ('{"prune": 3, "rank_rows": 0}', "prune without rank_rows"),
        ('{"start_from": 3}', "start_from must be text"),
        ('{"beam_options": ["--x"]}', "beam_options without a beam_runner"),
        ('{"beam_options": "--x"}', "beam_options must be a list"),
        ('{"processes": -1}', "processes must be a whole number"),
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


def test_a_setting_that_a_kind_does_not_take_is_told_with_those_it_does():
    with pytest.raises(ConfigError) as caught:
        parse('{"columns": {"a": {"kind": "target", "smooting": 3}}}')
    assert caught.value.cause == "did you mean 'smoothing'?"
    assert caught.value.choices == SETTINGS["target"]
