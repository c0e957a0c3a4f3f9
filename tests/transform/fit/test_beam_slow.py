import pytest

from plimsoll.errors import ConfigError
from plimsoll.problem import Problem, Split
from plimsoll.statistics import accumulator as engine
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.fit import accumulator as fitting
from plimsoll.transform.fit.fit import fit_all
from transform.data import make
from transform.fit.test_measure import CONFIG, columns, digest


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "BATCH_ROWS", 128)
    monkeypatch.setattr(engine, "PART_ROWS", 512)
    monkeypatch.setattr(fitting, "DISTINCT", 256)
    problem = Problem(label="y", task="binary", positive="1", split=Split(by="hash"))
    return make(tmp_path / "dataset", columns(0, 3000), problem=problem)


@pytest.mark.slow
def test_beam_fits_the_same(dataset):
    alone = fit_all(dataset, TransformConfig(**CONFIG, processes=1), frozenset())
    beam = fit_all(dataset, TransformConfig(**CONFIG, beam_runner="DirectRunner"), frozenset())
    assert digest(beam) == digest(alone)
    assert beam.measured.sample.equals(alone.measured.sample)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "options", "said"),
    [
        ("DataflowRunner", (), "needs a temporary folder"),
        ("DirectRuner", (), "beam_runner is 'DirectRuner'"),
        ("DirectRunner", ("--temp_locaton=x",), "no option '--temp_locaton=x'"),
    ],
)
def test_a_runner_that_cannot_run_is_refused(dataset, runner, options, said):
    config = TransformConfig(beam_runner=runner, beam_options=options)
    with pytest.raises(ConfigError, match=said):
        fit_all(dataset, config, frozenset())
