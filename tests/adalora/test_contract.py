"""What holds for every update on every layer on every base, with DoRA and without: one table, one contract.

The oracle is torch's own layer with the dense weight W₀ + ΔW in its place, in float64, and autograd through it.
"""

import copy
import itertools
import warnings
from dataclasses import dataclass

import bitsandbytes as bnb
import pytest
import torch
from torch import nn
from torch.func import functional_call

import adalora
from adalora import AdapterConfig
from tests.layer_cases import CASES, Holder, LayerCase, Matrix

RANK, ALPHA = 2, 3.0
DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
QUANTISED = {"nf4": ("nf4", False), "nf4 double": ("nf4", True), "int8": ("int8", False)}
# Half precision rounds the base layer's own output; the update is computed in float32 beside it.
TOLERANCES = {"float64": 1e-10, "float32": 2e-5, "bfloat16": 3e-2, "float16": 4e-3}


@dataclass(frozen=True)
class Combination:
    update: str
    case: LayerCase
    base: str
    dora: bool

    @property
    def dtype(self):
        return DTYPES.get(self.base, torch.float32)

    @property
    def tolerance(self):
        return TOLERANCES.get(self.base, 2e-5)

    def undefined(self):
        if self.base in QUANTISED and not self.case.linear:
            return "bitsandbytes has quantised weights for linear layers only"
        if self.dora and not self.case.dora:
            return "DoRA is defined on linear layers and convolutions only"
        return None


def combinations():
    for row in itertools.product(("svd", "lora"), CASES, (*DTYPES, *QUANTISED), (False, True)):
        one = Combination(*row)
        why = one.undefined()
        marks = [pytest.mark.skip(reason=why)] if why else []
        dora = ", DoRA" if one.dora else ""
        yield pytest.param(one, id=f"{one.update}, {one.case.name}, {one.base}{dora}", marks=marks)


def every_combination(test):
    return pytest.mark.parametrize("one", list(combinations()))(test)


def names(one):
    return ["layer" if m.part == "" else f"layer.{m.part}" for m in one.case.matrices]


def build(one):
    """Return the frozen model on its base, and its adapted twin."""
    torch.manual_seed(7)
    base = Holder(one.case.build().to(one.dtype)).requires_grad_(False)
    if one.base in QUANTISED:
        kind, double = QUANTISED[one.base]
        adalora.quantize_(base, kind, double_quant=double, target_modules=["layer"])
    config = AdapterConfig(
        update=one.update, rank=RANK, alpha=ALPHA, target_modules=names(one), dora=one.dora, init="gaussian"
    )
    return base, adalora.inject(copy.deepcopy(base), config)


def move(model):
    """Put the adapter anywhere but at its start; what has to stay zero stays zero."""
    for layer in adalora.adapters(model).values():
        for name, tensor in (*layer.update.named_parameters(), *layer.magnitudes.named_parameters()):
            noise = 0.3 * torch.randn(tensor.shape, dtype=torch.float64).to(tensor.dtype)
            still = (tensor == 0).all(-2, keepdim=True) if name in ("A", "Q") else torch.tensor(False)
            tensor.data += noise * ~still


def leaves(model):
    """Return the adapter's parameters as float64 leaves, by module and name."""
    found = {}
    for name, layer in adalora.adapters(model).items():
        own = dict(layer.update.named_parameters())
        if layer.magnitudes:
            own["magnitude"] = layer.magnitudes["default"]
        found[name] = {key: p.detach().double().requires_grad_() for key, p in own.items()}
    return found


def dense(base, case, factors, update):
    """Return torch's own layer in float64 and its parameters with W₀ + ΔW, from the equations alone."""
    layer = copy.deepcopy(base.layer)
    if isinstance(layer, bnb.nn.Linear4bit | bnb.nn.Linear8bitLt):
        layer = plain(layer)
    layer = layer.double()
    weights = {name: p.detach().clone() for name, p in layer.named_parameters()}
    matrices = (Matrix(),) if type(layer) is nn.Linear else case.matrices  # Conv1D is linear once quantised
    for matrix, own in zip(matrices, factors.values(), strict=True):
        s = ALPHA / RANK
        if update == "svd":
            delta = s * own["P"] @ torch.diag_embed(own["lam"]) @ own["Q"]
        else:
            delta = s * own["B"] @ own["A"]
        whole = weights[matrix.parameter]
        first, last = matrix.rows or (0, len(whole))
        new = whole[first:last] + matrix.lay(delta, whole)
        if "magnitude" in own:
            flat = matrix.lay(new, new) if new.dim() == 2 else new.flatten(1)
            norms = flat.norm(dim=1).detach()
            scaled = (own["magnitude"] / norms)[:, None] * flat
            new = matrix.lay(scaled, new)
        weights[matrix.parameter] = torch.cat([whole[:first], new, whole[last:]])
    return layer, weights


def plain(layer):
    if isinstance(layer, bnb.nn.Linear4bit):
        weight = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    else:
        scale = layer.state.SCB if layer.weight.SCB is None else layer.weight.SCB
        weight = layer.weight.data * scale[:, None] / 127
    linear = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    linear.weight.data = weight.clone()
    if layer.bias is not None:
        linear.bias.data = layer.bias.data.clone()
    return linear


def run(model, inputs):
    with warnings.catch_warnings():
        # float16 through a 4-bit layer is slow, says its library.
        warnings.simplefilter("ignore")
        return model(*inputs)


def naive(base, one, factors, inputs):
    layer, weights = dense(base, one.case, factors, one.update)
    wide = {id(x): x.detach().double().requires_grad_() if x.is_floating_point() else x for x in inputs}
    wide = [wide[id(x)] for x in inputs]
    out = functional_call(layer, weights, tuple(wide))
    return (out[0] if isinstance(out, tuple) else out), wide


def assert_near(actual, expected, tolerance, what="", scale=None):
    scale = expected.abs().max().item() if scale is None else scale
    error = (actual.double() - expected.double()).abs().max().item() / max(scale, 1e-3)
    assert error <= tolerance, f"{what}: relative error {error:.2e}"


def frozen_state(model):
    return {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}


@every_combination
def test_the_update_starts_at_zero(one):
    base, model = build(one)
    inputs = one.case.inputs(one.dtype)
    # Attention and experts are computed in another order than torch's fused form.
    near = one.tolerance if one.case.matrices[0].part else 0
    torch.testing.assert_close(run(model, inputs), run(base, inputs), rtol=near, atol=near)
    for layer in adalora.adapters(model).values():
        assert layer.delta_weight().abs().max() <= one.tolerance


@every_combination
def test_forward_and_gradients_are_those_of_the_dense_sum(one):
    base, model = build(one)
    move(model)
    inputs, factors = one.case.inputs(one.dtype), leaves(model)
    out = run(model, inputs)
    expected, wide = naive(base, one, factors, inputs)
    assert out.dtype == one.dtype
    assert_near(out, expected, one.tolerance, "forward")

    probe = torch.randn(out.shape, dtype=torch.float64)
    (out * probe.to(out.dtype)).sum().backward()
    (expected * probe).sum().backward()
    for name, layer in adalora.adapters(model).items():
        largest = max(leaf.grad.abs().max().item() for leaf in factors[name].values())
        for key, leaf in factors[name].items():
            actual = layer.magnitudes["default"] if key == "magnitude" else getattr(layer.update, key)
            assert_near(actual.grad, leaf.grad, 2 * one.tolerance, f"gradient of {name}.{key}", largest)
    for x, x64 in zip(inputs, wide, strict=True):
        if x.requires_grad:
            assert_near(x.grad, x64.grad, 2 * one.tolerance, "gradient of the input")


@every_combination
def test_a_step_changes_the_adapter_alone(one):
    _, model = build(one)
    move(model)
    before = frozen_state(model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    run(model, one.case.inputs(one.dtype)).float().square().sum().backward()
    optimizer.step()
    after = frozen_state(model)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name


@every_combination
def test_prune_save_load_merge_and_disable_come_back(one, tmp_path):
    base, model = build(one)
    move(model)
    inputs = one.case.inputs(one.dtype)
    if one.update == "svd":
        for layer in adalora.adapters(model).values():
            mask = torch.arange(layer.update.mask.numel()).reshape(layer.update.mask.shape) % 2 == 0
            layer.update.keep_(mask)
            assert layer.rank == int(mask.sum())
            assert torch.count_nonzero(layer.update.lam) == layer.rank
    expected = run(model, inputs)
    assert not torch.equal(expected, run(base, inputs))

    adalora.save(model, tmp_path)
    loaded = adalora.load(copy.deepcopy(base), tmp_path)
    assert torch.equal(run(loaded, inputs), expected)

    with adalora.disabled(model):
        start = run(build(one)[1], inputs)
        torch.testing.assert_close(run(model, inputs), start, rtol=0, atol=0)
    assert torch.equal(run(model, inputs), expected)

    before = frozen_state(model)
    merge(one, model)
    if one.base in QUANTISED:  # the sum is rounded: the layer says what the stored numbers say
        (layer,) = adalora.adapters(model).values()
        stored = plain(layer.base).double()(inputs[0].double())
        assert_near(run(model, inputs), stored, one.tolerance, "merged")
        assert 0 < layer.rounding_error < 0.15
    else:
        assert_near(run(model, inputs), expected, 5 * one.tolerance, "merged")
        assert all(layer.rounding_error <= one.tolerance for layer in adalora.adapters(model).values())
    adalora.unmerge_(model)
    assert all(torch.equal(before[name], tensor) for name, tensor in frozen_state(model).items())
    assert torch.equal(run(model, inputs), expected)

    bare = adalora.unload(model, dequantize=one.base in QUANTISED)
    assert adalora.adapters(bare) == {}
    assert_near(run(bare, inputs), expected, 5 * one.tolerance, "unloaded")
    assert type(bare.layer) is type(one.case.build())


def merge(one, model):
    if one.base in QUANTISED:
        with pytest.warns(UserWarning, match=r"merging into \d quantised weights: rounding moves them by \d"):
            adalora.merge_(model)
    else:
        adalora.merge_(model)
