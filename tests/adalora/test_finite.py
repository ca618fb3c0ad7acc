"""Gradients that are not finite are found, whatever their type, size and form."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora import StateError
from adalora.finite import all_finite, drop, refusal
from tests.models import mlp

BAD = (torch.nan, torch.inf, -torch.inf)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def parameters(shapes, dtype=torch.float32):
    found = [torch.nn.Parameter(torch.zeros(shape, dtype=dtype)) for shape in shapes]
    for one in found:
        one.grad = torch.ones_like(one)
    return found


@given(
    dtypes=st.lists(st.sampled_from(DTYPES), min_size=1, max_size=4),
    where=st.integers(0, 3),
    bad=st.sampled_from([None, *BAD]),
)
def test_one_bad_number_is_found_among_any_types(dtypes, where, bad):
    every = [parameters([(3, 2), (), (0, 4)], dtype) for dtype in dtypes]
    if bad is not None:
        every[where % len(every)][0].grad[1, 1] = bad
    assert all_finite(one for some in every for one in some) == (bad is None)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_norm_that_overflows_is_no_bad_number(dtype):
    weights = parameters([(64,), (64,)], dtype)
    for one in weights:
        one.grad.fill_(torch.finfo(dtype).max)
    assert all_finite(weights)
    weights[1].grad[3] = torch.nan
    assert not all_finite(weights)


def test_no_gradient_is_finite():
    assert all_finite([])
    assert all_finite([torch.nn.Parameter(torch.ones(2))])


def test_a_sparse_gradient_is_looked_at():
    embedding = torch.nn.Embedding(5, 3, sparse=True)
    embedding(torch.tensor([1, 1, 4])).sum().backward()
    assert all_finite(embedding.parameters())
    (embedding(torch.tensor([2])) * torch.inf).sum().backward()
    assert not all_finite(embedding.parameters())


def test_dropped_gradients_are_gone():
    weights = parameters([(2,), (3,)])
    drop(weights)
    assert [one.grad for one in weights] == [None, None]


def test_the_refusal_names_the_adapter_first():
    model = mlp()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)
    model.down.bias.grad.zero_()
    adapter = [("up.P", model.up.weight)]
    message = (
        r"at step 7 the gradients of 5 parameters have .* \(up\.P, up\.bias, down\.weight, …\); nothing has "
        r"changed\. .*GradScaler.*nonfinite='skip'"
    )
    error = refusal(model, adapter, [], 7)
    assert isinstance(error, StateError)
    with pytest.raises(StateError, match=message):
        raise error
