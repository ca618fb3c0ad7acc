"""A linear layer and its update in one operation, against the two run apart."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

import adalora
from adalora import AdapterConfig
from adalora.layers.fused import linear_with_update, update_added
from adalora.updates import UPDATES


def update(kind="svd", rank=3, dtype=torch.float64, d1=4, d2=5):
    torch.manual_seed(0)
    found = UPDATES[kind](d1, d2, rank, 0.7, dtype=dtype)
    for parameter in found.parameters():
        nn.init.normal_(parameter)
    return found


@given(
    kind=st.sampled_from(["svd", "lora"]),
    shape=st.sampled_from([(5,), (1, 5), (2, 3, 5), (0, 5), (23, 5), (2, 12, 5)]),
    rank=st.integers(0, 4),
    bias=st.booleans(),
    masked=st.booleans(),
    strided=st.booleans(),
    seed=st.integers(0, 99),
)
def test_output_and_gradients_are_those_of_the_dense_sum(kind, shape, rank, bias, masked, strided, seed):
    one = update(kind, rank)
    if masked and kind == "svd" and rank:
        one.keep_(torch.arange(rank) % 2 == 0)
    torch.manual_seed(seed)
    W, b = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, dtype=torch.float64) if bias else None
    x = torch.randn(*shape, dtype=torch.float64)
    if strided:
        x = torch.stack([x, x], -1)[..., 0]
    x.requires_grad_()
    out = linear_with_update(x, W, b, one.parts())
    left, right = one.factors()
    expected = F.linear(x, W + left @ right, b)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    probe, inputs = torch.randn_like(out), [x, *one.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad(out, inputs, probe), torch.autograd.grad(expected, inputs, probe), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["svd", "lora"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [2, 23], ids=["accumulate", "sum"])
def test_gradcheck(kind, bias, rows):
    one = update(kind)
    W, b = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, dtype=torch.float64) if bias else None
    x = torch.randn(rows, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, *_: linear_with_update(x, W, b, one.parts()), (x, *one.parameters())
    )
    out = torch.randn(rows, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda out, x, *_: update_added(out, x, one.parts()), (out, x, *one.parameters())
    )


@pytest.mark.parametrize(("rows", "way"), [(22, "_Accumulate"), (23, "_Sum")])
def test_the_cost_model_chooses_how_and_both_ways_agree(rows, way):
    """10 · 4 · 5 / (4 + 5) = 22.2 rows."""
    one = update()
    W, x = torch.randn(4, 5, dtype=torch.float64), torch.randn(rows, 5, dtype=torch.float64)
    out = linear_with_update(x, W, None, one.parts())
    assert type(out.grad_fn).__name__ == f"{way}Backward"
    alone = torch.cat([linear_with_update(row, W, None, one.parts()) for row in x.split(1)])
    torch.testing.assert_close(out, alone, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("rows", [2, 60])
def test_no_sum_is_formed_where_it_would_round_the_update_away(rows):
    one = update(dtype=torch.float32)
    W, x = torch.randn(4, 5).bfloat16(), torch.randn(rows, 5).bfloat16()
    assert type(linear_with_update(x, W, None, one.parts()).grad_fn).__name__ == "_AccumulateBackward"
    with torch.autocast("cpu", torch.bfloat16):
        out = linear_with_update(x.float(), W.float(), None, one.parts())
    assert type(out.grad_fn).__name__ == "_AccumulateBackward"


@given(
    kind=st.sampled_from(["svd", "lora"]),
    shape=st.sampled_from([(5,), (3, 5), (2, 3, 5), (0, 5)]),
    rank=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_an_update_is_added_to_what_a_base_has_computed(kind, shape, rank, seed):
    one = update(kind, rank)
    torch.manual_seed(seed)
    x = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    before = torch.randn(*shape[:-1], 4, dtype=torch.float64, requires_grad=True)
    inputs = [before, x, *one.parameters()]
    out = update_added(before, x, one.parts())
    left, right = one.factors()
    expected = before + F.linear(x, left @ right)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    probe = torch.randn_like(out)
    for ours, theirs in zip(
        torch.autograd.grad(out, inputs, probe), torch.autograd.grad(expected, inputs, probe), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mixed", [False, True], ids=["bfloat16", "autocast"])
def test_half_precision_is_right_within_its_rounding(mixed):
    one, wide = update(dtype=torch.float32), update()
    W, x = torch.randn(4, 5), torch.randn(6, 5)
    ours = x.clone() if mixed else x.bfloat16()
    ours.requires_grad_()
    theirs = x.double().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        out = linear_with_update(ours, W if mixed else W.bfloat16(), None, one.parts())
    left, right = wide.factors()
    expected = F.linear(theirs, W.double() + left @ right)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.double(), expected, rtol=0.05, atol=0.1)
    out.sum().backward()
    expected.sum().backward()
    assert ours.grad.dtype == ours.dtype
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=0.05, atol=0.1)
    for mine, other in zip(one.parameters(), wide.parameters(), strict=True):
        assert mine.grad.dtype == torch.float32
        assert (mine.grad - other.grad).norm() < 0.03 * other.grad.norm()


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch's own tracer
def test_it_compiles_without_a_graph_break_and_under_checkpointing():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 5)).double()
    adalora.inject(model, AdapterConfig(rank=2, init="orthogonal"))
    for layer in adalora.adapters(model).values():
        nn.init.normal_(layer.update.lam)
    x = torch.randn(3, 5, dtype=torch.float64)

    def gradients(run):
        model.zero_grad()
        run(x.clone().requires_grad_()).square().sum().backward()
        return [p.grad.clone() for p in model.parameters() if p.requires_grad]

    plain = gradients(model)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for other in (gradients(compiled), gradients(lambda x: checkpoint(model, x, use_reentrant=False))):
        for ours, theirs in zip(other, plain, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def kept(model, run):
    """Return the bytes kept for the backward pass, parameters apart, each memory once."""
    seen, own = {}, {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(tensor):
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in own:
            seen[memory.data_ptr()] = memory.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(seen.values())


@pytest.mark.parametrize(("tokens", "hidden"), [(160, 1), (161, 0)], ids=["accumulate", "sum"])
def test_siblings_share_their_input_and_keep_one_thin_tensor_each_at_most(tokens, hidden):
    d, r = 32, 4
    model = nn.ModuleList(nn.Linear(d, d) for _ in range(3))
    adalora.inject(nn.Sequential(model), AdapterConfig(rank=r))
    x = torch.randn(tokens, d, requires_grad=True) * 1.0  # no leaf
    total = kept(model, lambda: sum(layer(x).sum() for layer in model))
    assert total == 4 * (tokens * d + hidden * 3 * tokens * r)


def test_a_layer_without_a_triplet_is_its_base_layer():
    model = nn.Sequential(nn.Linear(5, 4))
    adalora.inject(model, AdapterConfig(rank=2))
    update = model[0].update
    update.P.data, update.lam.data, update.Q.data = torch.empty(4, 0), torch.empty(0), torch.empty(0, 5)
    x = torch.randn(3, 5, requires_grad=True)
    out = model(x)
    assert type(out.grad_fn).__name__ == "AddmmBackward0"
    assert torch.equal(out, model[0].base(x))
    out.sum().backward()
    assert update.P.grad is None


def test_what_acts_on_the_base_layer_is_heard():
    model = nn.Sequential(nn.Linear(5, 4))
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"], update="lora"))
    seen = []
    model[0].base.register_forward_hook(lambda *_: seen.append(1))
    model(torch.randn(2, 5))
    assert seen == [1]
    bias = model[0].base.bias.requires_grad_()  # trained beside the adapter
    model(torch.randn(2, 5)).sum().backward()
    assert bias.grad is not None
