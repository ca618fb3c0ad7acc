"""Norms and scales of rows."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora.layers.dora import row_norms, row_scales


@given(seed=st.integers(0, 99), zero=st.booleans())
def test_scaled_rows_have_the_magnitude_as_their_norm(seed, zero):
    W = torch.randn(4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    m = torch.rand(4, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    if zero:
        W[1], m[1] = 0, 0
    scaled = row_scales(m, row_norms(W)).unsqueeze(1) * W
    torch.testing.assert_close(row_norms(scaled), m)
    torch.testing.assert_close(
        row_scales(row_norms(W), row_norms(W))[W.any(1)], torch.ones(4 - zero, dtype=torch.float64)
    )
