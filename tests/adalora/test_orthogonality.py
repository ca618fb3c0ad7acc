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


def stacked(factors, form, factor=1.0, on=None):
    """Return our penalty of a list of stacks n × d × r taken as P, and of their transposes taken as Q."""
    on = [torch.ones(F.shape[0], F.shape[2], dtype=F.dtype) for F in factors] if on is None else on
    eyes = [torch.diag_embed(one) for one in on]
    rows = [F.mT.contiguous() for F in factors]
    out = [torch.empty_like(F) for F in factors], [torch.empty_like(row) for row in rows]
    value = penalty_and_gradients(factors, rows, eyes, form=form, factor=factor, out=out)
    return value, *out


@settings(max_examples=60)
@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(0, 5)), min_size=1, max_size=3
    ),
    form=st.sampled_from(FORMS),
    factor=st.sampled_from([0.1, torch.tensor(3.0, dtype=torch.float64)]),
    seed=st.integers(0, 999),
)
def test_closed_form_equals_autograd(shapes, form, factor, seed):
    generator = torch.Generator().manual_seed(seed)
    stacks = [
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes
    ]
    factors = [F for stack in stacks for F in stack]
    value = naive([*factors, *factors], form)
    expected = torch.autograd.grad(factor * value, stacks)
    ours, left, right = stacked([stack.detach() for stack in stacks], form, factor)
    torch.testing.assert_close(ours, value.detach(), rtol=1e-12, atol=1e-12)
    for P, Q, both in zip(left, right, expected, strict=True):
        torch.testing.assert_close(P + Q.mT, both, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_what_does_not_count_is_as_if_it_were_not_there(form):
    torch.manual_seed(0)
    stack, on = (
        torch.randn(2, 5, 4, dtype=torch.float64),
        torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 0]]).double(),
    )
    value, left, _ = stacked([stack * on.unsqueeze(1)], form, on=[on])
    parts = [F[:, keep.bool()] for F, keep in zip(stack, on, strict=True)]
    torch.testing.assert_close(value, naive([*parts, *parts], form), rtol=1e-12, atol=1e-12)
    for gradient, keep in zip(left[0], on, strict=True):
        assert torch.all(gradient[:, keep == 0] == 0)
        assert torch.all(gradient[:, keep == 1] != 0)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_is_zero_where_the_norm_is_zero(form):
    value, left, _ = stacked([torch.eye(5, 3, dtype=torch.float64).unsqueeze(0)], form)
    assert value == 0
    assert torch.equal(left[0], torch.zeros(1, 5, 3, dtype=torch.float64))


@pytest.mark.parametrize("form", FORMS)
def test_model_penalty_is_the_naive_one_and_differentiable(form):
    model = adalora.inject(mlp(), AdapterConfig(rank=3, target_modules=["up", "down"]))
    factors = [
        factor for layer in adalora.adapters(model).values() for factor in (layer.update.P, layer.update.Q.T)
    ]
    value = adalora.orthogonality_penalty(model, form)
    torch.testing.assert_close(value, naive(factors, form), rtol=1e-12, atol=0)
    value.backward()
    gradients = torch.autograd.grad(naive(factors, form), [model.up.update.P, model.down.update.Q])
    torch.testing.assert_close(model.up.update.P.grad, gradients[0])
    torch.testing.assert_close(model.down.update.Q.grad, gradients[1])


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
    with pytest.raises(adalora.ConfigError, match="no active SVD update; call inject"):
        adalora.orthogonality_penalty(mlp())
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]))
    with pytest.raises(adalora.ConfigError, match="form is 'sum'; allowed: 'squared_sum' or 'mean_norm'"):
        adalora.orthogonality_penalty(model, "sum")
