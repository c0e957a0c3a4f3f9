import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.transform.apply.quantile_tables import QuantileTable
from plimsoll.transform.apply.steps import FEW

bounded = st.floats(-1e300, 1e300)


def near(knots):
    """Returns the knots, what is next to them, and what lies between."""
    beside = [np.nextafter(knots, end) for end in (-np.inf, np.inf)]
    between = [knots[:-1] + (knots[1:] - knots[:-1]) * share for share in (0.001, 0.5, 0.999)]
    return np.clip(np.concatenate([knots, *beside, *between]), knots[0], knots[-1])


def check(knots):
    table = QuantileTable(knots.tolist(), np.linspace(-3.0, 3.0, len(knots)).tolist())
    values = near(knots)
    values = np.tile(values, 1 + FEW // len(values))
    assert len(values) > FEW
    found = table.scores_of(values)
    pieces = [table.scores_of(values[start : start + 50]) for start in range(0, len(values), 50)]
    assert found.tobytes() == np.concatenate(pieces).tobytes()
    places = np.clip(np.searchsorted(knots, values, side="right") - 1, 0, len(knots) - 2)
    scores = np.linspace(-3.0, 3.0, len(knots))
    assert (found >= scores[places]).all()
    assert (found <= np.nextafter(scores[places + 1], np.inf)).all()


@given(st.lists(bounded, min_size=2, max_size=60, unique=True))
@example([0.0, 5e-324])
@example([-1e300, 0.0, 5e-324, 1e300])
def test_many_values_have_the_scores_of_few(values):
    knots = np.array(sorted(set(values)))
    if len(knots) > 1 and np.isfinite(np.diff(knots)).all():
        check(knots)


@pytest.mark.parametrize("shape", ["normal", "lognormal", "cauchy", "steps", "close"])
def test_tables_of_any_shape_have_the_scores_of_few(shape):
    random = np.random.default_rng(3)
    made = {
        "normal": random.normal(size=5000),
        "lognormal": np.exp(4 * random.normal(size=5000)),
        "cauchy": random.standard_cauchy(5000),
        "steps": np.round(random.normal(size=5000) * 3),
        "close": 1e9 + random.normal(size=5000) * 1e-6,
    }[shape]
    check(np.unique(np.quantile(made, np.linspace(0, 1, 201))))
