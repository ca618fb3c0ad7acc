"""Products with one thin factor, on both sides of the switch."""

import pytest
import torch

from adalora.layers import thin


@pytest.mark.parametrize("few", [0, 2**20])
def test_the_order_does_not_change_the_product(few, monkeypatch):
    monkeypatch.setattr(thin, "_FEW", few)
    left, rows = torch.randn(3, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
    product = thin.thin_product(left, rows)
    torch.testing.assert_close(product, torch.einsum("rd,nd->rn", left, rows), rtol=1e-13, atol=1e-13)
    assert product.is_contiguous() == (few > 0)
