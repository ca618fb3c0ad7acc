"""Products with one thin factor, on both sides of the switch."""

import pytest
import torch

from adalora.layers import thin


@pytest.mark.parametrize("many", [0, 512])
def test_the_order_does_not_change_the_product(many, monkeypatch):
    monkeypatch.setattr(thin, "_MANY", many)
    left, rows = torch.randn(3, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
    product = thin.thin_product(left, rows)
    torch.testing.assert_close(product, torch.einsum("rd,nd->rn", left, rows), rtol=1e-13, atol=1e-13)
    assert product.is_contiguous() == (many > 0)
