"""What the figures of speed are ratios of."""

import numpy as np

from analysis import similarity_grid
from experiments.findings import speed


def test_both_sides_compute_the_same():
    random = np.random.default_rng(0)
    U1, U2 = (np.linalg.qr(random.standard_normal((50, r)))[0] for r in (5, 7))
    np.testing.assert_allclose(speed.by_cell(U1, U2), similarity_grid(U1, U2), atol=1e-12)


def test_a_layer_of_the_large_model():
    found = speed.measure(layers=1, d=96)
    assert found["large"]["matrices"] == len(speed.MATRICES)
    assert found["large"]["bytes"] > 4 * 16 * sum(d1 + d2 for d1, d2 in speed.MATRICES.values())
    assert 0 < found["large"]["seconds"] < 300
    assert 2**26 < found["large"]["peak"] < 2**31
    assert found["grid"]["ratio"] == found["grid"]["definition"] / found["grid"]["ours"]
