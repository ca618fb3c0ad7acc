"""The plain product."""

import pytest
import torch

from adalora import LoRAUpdate
from adalora.updates import UPDATES, Update


@pytest.mark.parametrize("stack", [None, 3])
def test_shapes_scaling_and_the_zero_start(stack):
    update = LoRAUpdate(5, 7, 2, 1.5, stack=stack, init="kaiming", dtype=torch.float64)
    assert isinstance(update, Update)
    lead = () if stack is None else (stack,)
    assert {name: tuple(p.shape) for name, p in update.named_parameters()} == {
        "A": (*lead, 2, 7),
        "B": (*lead, 5, 2),
    }
    assert update.shapes(5, 7, 2, stack) == {"A": (*lead, 2, 7), "B": (*lead, 5, 2)}
    assert update.rank == 2 * (stack or 1)
    left, right = update.factors()
    assert torch.count_nonzero(left @ right) == 0
    assert torch.equal(right, 1.5 * update.A)
    assert f"{f'stack={stack}, ' if stack else ''}d1=5, d2=7, rank=2, scaling=1.5" in repr(update)


@pytest.mark.parametrize("kind", UPDATES)
@pytest.mark.parametrize("stack", [(), (3,)])
def test_an_update_can_represent_any_product(kind, stack):
    U, Vh = torch.randn(*stack, 5, 2, dtype=torch.float64), torch.randn(*stack, 2, 7, dtype=torch.float64)
    sigma = torch.rand(*stack, 2, dtype=torch.float64)
    update = UPDATES[kind](5, 7, 2, 0.4, stack=stack[0] if stack else None, dtype=torch.float64)
    update.represent_(U, sigma, Vh)
    left, right = update.factors()
    torch.testing.assert_close(left @ right, U * sigma.unsqueeze(-2) @ Vh)
