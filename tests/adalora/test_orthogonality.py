"""The penalty: its two forms, and its gradients against autograd's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import adalora
from adalora import AdapterConfig
from adalora.orthogonality import penalty_and_gradients
from tests.models import mlp

FORMS = ["squared_sum", "mean_norm"]


def naive(factors, form):
    residuals = [F.T @ F - torch.eye(F.shape[1], dtype=F.dtype) for F in factors]
    if form == "squared_sum":
        return sum((R**2).sum() for R in residuals)
    return sum((R**2).sum().sqrt() for R in residuals) / len(residuals)


@settings(max_examples=60)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=4),
    form=st.sampled_from(FORMS),
    seed=st.integers(0, 999),
)
def test_closed_form_equals_autograd(shapes, form, seed):
    generator = torch.Generator().manual_seed(seed)
    factors = [
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes
    ]
    value = naive(factors, form)
    expected = torch.autograd.grad(value, factors)
    ours, gradients, _ = penalty_and_gradients(factors, [], form)
    torch.testing.assert_close(ours, value.detach(), rtol=1e-12, atol=1e-12)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_is_zero_where_the_norm_is_zero(form):
    value, gradients, _ = penalty_and_gradients([torch.eye(5, 3, dtype=torch.float64)], [], form)
    assert value == 0
    assert torch.equal(gradients[0], torch.zeros(5, 3, dtype=torch.float64))


@pytest.mark.parametrize("form", FORMS)
def test_model_penalty_is_the_naive_one_and_differentiable(form):
    model = adalora.inject(mlp(), AdapterConfig(rank=3, target_modules=["up", "down"]))
    factors = [
        factor for layer in adalora.adapters(model).values() for factor in (layer.update.P, layer.update.Q.T)
    ]
    value = adalora.orthogonality_penalty(model, form)
    torch.testing.assert_close(value, naive(factors, form), rtol=1e-12, atol=0)
    value.backward()
    _, gradients, _ = penalty_and_gradients(factors, [], form)
    torch.testing.assert_close(model.up.update.P.grad, gradients[0])
    torch.testing.assert_close(model.down.update.Q.grad, gradients[3].T)


class Penalty(torch.nn.Module):
    def __init__(self, model, form):
        super().__init__()
        self.model, self.form = model, form

    def forward(self):
        return adalora.orthogonality_penalty(self.model, self.form)


@pytest.mark.parametrize("form", FORMS)
def test_gradcheck(form):
    penalty = Penalty(adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"])), form)
    names = ["model.up.updates.default.P", "model.up.updates.default.Q"]
    factors = [torch.randn(*penalty.get_parameter(name).shape, dtype=torch.float64) for name in names]

    def value(*factors):
        return torch.func.functional_call(penalty, dict(zip(names, factors, strict=True)), ())

    assert torch.autograd.gradcheck(value, [factor.requires_grad_() for factor in factors])


def test_unknown_form_and_a_model_without_adapter_are_refused():
    with pytest.raises(adalora.ConfigError, match="no SVD update; call inject"):
        adalora.orthogonality_penalty(mlp())
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]))
    with pytest.raises(adalora.ConfigError, match="form is 'sum'; allowed: 'squared_sum' or 'mean_norm'"):
        adalora.orthogonality_penalty(model, "sum")
