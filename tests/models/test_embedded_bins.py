"""Numbers over bins, then a layer of each column's own."""

import numpy as np
import torch

from plimsoll.models.embedded_bins import FARTHEST, EmbeddedBins

EDGES = [np.array([0, 1, 3], np.float32), np.array([5], np.float32), np.array([-1, 1], np.float32)]


def made() -> EmbeddedBins:
    torch.manual_seed(0)
    layer = EmbeddedBins([2, 0, 1], 4)
    layer.fit(EDGES)
    return layer


def test_a_number_fills_the_bins_below_it_and_a_share_of_its_own() -> None:
    layer = made()
    with torch.no_grad():
        layer.slope.zero_()
        found = layer(torch.tensor([[2.0, 7.0, 0.0]])).view(3, 4)
    first = layer.weight[0, 0] + 0.5 * layer.weight[0, 1]
    torch.testing.assert_close(found[0], first)
    torch.testing.assert_close(found[1], torch.zeros(4))
    torch.testing.assert_close(found[2], 0.5 * layer.weight[2, 0])


def test_outside_of_its_edges_a_number_is_a_straight_line_that_ends() -> None:
    layer = made()
    with torch.no_grad():
        near, far, farther = (
            layer(torch.full((1, 3), value)) for value in (3.5, FARTHEST, 1000 * FARTHEST)
        )
    assert not torch.equal(near, far)
    torch.testing.assert_close(far, farther)


def test_columns_do_not_touch_each_other() -> None:
    layer = made()
    with torch.no_grad():
        one = layer(torch.tensor([[0.5, 0.1, 0.2]])).view(3, 4)
        other = layer(torch.tensor([[0.5, -3.0, 0.2]])).view(3, 4)
    assert torch.equal(one[[0, 2]], other[[0, 2]])
    assert not torch.equal(one[1], other[1])


def test_a_row_is_answered_alike_among_others() -> None:
    layer = made()
    rows = torch.randn(7, 3)
    with torch.no_grad():
        together, alone = layer(rows), layer(rows[3:4])
    assert together.shape == (7, layer.width)
    torch.testing.assert_close(together[3:4], alone)
