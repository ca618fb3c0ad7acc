"""Batches in which every example has an adapter of its own."""

import copy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModelForSequenceClassification

import adalora
from adalora import AdapterConfig
from tests.adalora.test_contract import names as targets
from tests.layer_cases import CASES, Holder
from tests.models import bert, bert_batches, gpt2, mlp


def alone(model, run, names):
    """Return what each adapter gives on the whole batch."""
    found = {}
    for name in dict.fromkeys(names):
        adalora.set_adapter(model, [] if name is None else name)
        found[name] = run()
    return found


def routed(model, run, names, tolerance):
    expected = alone(model, run, names)
    adalora.set_adapter(model, "a")
    with adalora.route(model, names):
        found = run()
    for row, name in enumerate(names):
        torch.testing.assert_close(found[row], expected[name][row], rtol=tolerance, atol=tolerance)
    for name in set(names[1:]) - {names[0]}:
        assert not torch.allclose(expected[name], expected[names[0]])
    return found


def move(model):
    for name, parameter in model.named_parameters():
        if any(part in name for part in (".updates.", ".magnitudes.", ".copies.")):
            parameter.data += 0.3 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_kind_of_layer_gives_each_example_its_own(case):
    torch.manual_seed(3)
    model = Holder(case.build().double())
    one = type("One", (), {"case": case})
    kinds = (
        ("a", {"rank": 2}),
        ("b", {"rank": 1, "update": "lora", "scaling": "rslora"}),
        ("c", {"rank": 2, "update": "lora", "dora": case.dora}),
        ("d", {"rank": 1, "init": "pissa"}),
    )
    order = kinds if case.dora is False else (*kinds[:2], kinds[3], kinds[2])
    for name, settings in order:
        adalora.set_adapter(model, []) if adalora.adapters(model) else None
        adalora.inject(model, AdapterConfig(target_modules=targets(one), **settings), name)
    move(model)
    inputs = case.inputs(torch.float64)
    count = len(inputs[0])
    names = (["a", "b", "c", None, "d", "a"] * 2)[:count]
    if "unbatched" in case.name:
        with pytest.raises(adalora.StateError, match="allowed: the examples along the first dimension"):
            routed(model, lambda: model(*inputs), names, 1e-9)
        return
    if count < 4:
        names = {1: ["c"], 2: ["c", "b"]}[count]
    routed(model, lambda: model(*inputs).detach(), names, 1e-9)


def build(base):
    torch.manual_seed(1)
    model = base.eval()
    head = ["classifier"]
    adalora.inject(
        model, AdapterConfig(rank=4, target_modules=["query", "dense"], exclude_modules=["pooler"],
                             train_modules=head), "a")  # fmt: skip
    adalora.inject(
        model, AdapterConfig(rank=2, update="lora", target_modules=["value"], train_modules=head), "b"
    )
    adalora.inject(
        model, AdapterConfig(rank=3, update="lora", dora=True, target_modules=["key", "query"]), "c"
    )
    return move(model)


@pytest.mark.parametrize("names", [["a", "b", "c", None], ["a"] * 4, ["c", "c", "b", "b"]])
def test_heads_and_layers_of_a_model(names):
    model = build(bert())
    batch = {"input_ids": next(bert_batches(1, size=4))["input_ids"]}

    def run():
        return model(**batch).logits.detach()

    found = routed(model, run, names, 1e-6)
    assert found.shape == (4, 3)


def test_gradients_are_those_of_each_alone():
    model = build(bert().double())
    batch = {"input_ids": next(bert_batches(1, size=3))["input_ids"]}
    names = ["a", "b", "c"]
    adalora.set_adapter(model, names)
    with adalora.route(model, names):
        model(**batch).logits.square().sum().backward()
    grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    for row, name in enumerate(names):
        adalora.set_adapter(model, name)
        model.zero_grad()
        model(**{key: value[row : row + 1] for key, value in batch.items()}).logits.square().sum().backward()
        own = {key: p.grad for key, p in model.named_parameters() if p.grad is not None and f".{name}" in key}
        assert len(own) > 4
        for key, grad in own.items():
            torch.testing.assert_close(grads[key], grad)


def test_dropouts_of_different_strength():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5)).double()
    for name, dropout in (("a", 0.0), ("b", 0.9)):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"], dropout=dropout), name)
    move(model)
    x = torch.ones(40, 6, dtype=torch.float64)
    with adalora.route(model.train(), ["a", "b"] * 20):
        out = model(x)
    assert torch.equal(out[0::2], out[:1].expand(20, -1))
    assert len(out[1::2].unique(dim=0)) > 5


def test_generation_with_a_cache():
    torch.manual_seed(0)
    model = gpt2().eval()
    for name in ("a", "b"):
        adalora.inject(model, AdapterConfig(rank=4, target_modules=["c_attn"], alpha=64.0), name)
    move(model)
    ids = torch.tensor([[5, 6, 7], [5, 6, 7]])

    def run(ids, **settings):
        return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False,
                              pad_token_id=1, eos_token_id=None, **settings)  # fmt: skip

    expected = alone(model, lambda: run(ids), ["a", "b"])
    assert not torch.equal(expected["a"], expected["b"])
    with adalora.route(model, ["b", "a"]):
        found = run(ids)
    assert torch.equal(found, torch.stack([expected["b"][0], expected["a"][1]]))
    beams = alone(model, lambda: run(ids, num_beams=2), ["a", "b"])
    with adalora.route(model, ["b", "b", "a", "a"]):
        found = run(ids, num_beams=2)
    assert torch.equal(found, torch.stack([beams["b"][0], beams["a"][1]]))


class Products(TorchDispatchMode):
    """Counts products with a frozen weight, by its size."""

    def __init__(self, sizes):
        super().__init__()
        self.sizes, self.seen = sizes, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "mm" in func.__name__:
            self.seen += any(isinstance(x, torch.Tensor) and tuple(x.shape) in self.sizes for x in args)
        return func(*args, **(kwargs or {}))


def test_the_frozen_layers_run_once():
    """However many adapters there are: three here, where a run for each would take three times the products."""
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(40, 40) for _ in range(5)])
    for name in "abc":
        adalora.inject(model, AdapterConfig(rank=2, target_modules="all-linear"), name)
    x = torch.randn(6, 40)
    with torch.no_grad(), adalora.route(model, list("abcabc")), Products({(40, 40)}) as products:
        model(x)
    assert products.seen == 5


def test_bad_input_leaves_the_model_as_it_was():
    model = build(bert())
    batch = {"input_ids": next(bert_batches(1, size=4))["input_ids"]}
    expected = model(**batch).logits
    for names, error, message in (
        (["a", "x"], adalora.StateError, "no adapter named 'x'; it has: a, b, c"),
        ([], adalora.ConfigError, r"names_per_example is \[\]; allowed: a list"),
        ("abc", adalora.ConfigError, "names_per_example is 'abc'; allowed: a list"),
    ):
        with pytest.raises(error, match=message), adalora.route(model, names):
            pass
    for count in (2, 3, 5, 8):
        with (
            pytest.raises(adalora.StateError, match=f"given {count} names, and the batch has 4 examples"),
            adalora.route(model, ["a"] * count),
        ):
            model(**batch)
    assert torch.equal(model(**batch).logits, expected)
    assert not unwrapped_hooks(model)
    with adalora.merged(model), pytest.raises(adalora.StateError, match="merged; call unmerge_"):
        adalora.route(model, ["a"]).__enter__()
    with adalora.disabled(model), pytest.raises(adalora.StateError, match="disabled"):
        adalora.route(model, ["a"]).__enter__()


def unwrapped_hooks(model):
    return model._forward_pre_hooks


def test_examples_along_another_dimension_are_refused():
    model = nn.TransformerEncoderLayer(8, 2, 16)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["linear1"]), "a")
    with pytest.raises(adalora.StateError, match="'self_attn' has batch_first=False"):
        adalora.route(model, ["a"]).__enter__()


def test_nested_blocks_come_back():
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]), "a")
    move(model)
    x = torch.randn(2, 6, dtype=torch.float64)
    with adalora.route(model, ["a", None]):
        outer = model(x)
        with adalora.route(model, [None, "a"]):
            inner = model(x)
        assert torch.equal(model(x), outer)
    assert not torch.equal(inner, outer)
    assert copy.deepcopy(model).up.routes is None


def test_flattened_tokens_are_those_of_their_examples():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 4)

        def forward(self, x, turned=False):
            rows = x.transpose(0, 1) if turned else x.flatten(0, 1)
            return self.layer(rows).view(*((3, 2, 4) if turned else (2, 3, 4)))

    torch.manual_seed(0)
    model = Flat().double()
    for name in "ab":
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["layer"]), name)
    move(model)
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    routed(model, lambda: model(x).detach(), ["a", "b"], 1e-12)
    with (
        adalora.route(model, ["a", "b"]),
        pytest.raises(
            adalora.StateError, match=r"2 examples, and an adapted layer has an input of shape \(3, 2, 6"
        ),
    ):
        model(x, turned=True)


def test_models_that_keep_examples_elsewhere_are_refused():
    sizes = {"vocab_size": 20, "d_model": 8, "n_layer": 1, "n_head": 2, "d_inner": 8}
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model("xlnet", **sizes))
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["layer_1"]), "a")
    with pytest.raises(adalora.StateError, match="of type 'xlnet' does not keep the examples"):
        adalora.route(model, ["a"]).__enter__()


class TwoHeads(nn.Module):
    """A head that answers with a tuple, or with something that has no rows."""

    def __init__(self, strange):
        super().__init__()
        self.strange, self.layer = strange, nn.Linear(6, 2)

    def forward(self, x):
        return (self.layer(x), x.sum()) if self.strange else (self.layer(x), {"twice": 2 * self.layer(x)})


@pytest.mark.parametrize("strange", [False, True])
def test_heads_that_answer_with_several_tensors(strange):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 6), TwoHeads(strange)).double()
    for name in "ab":
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"], train_modules=["1"]), name)
    move(model)
    x = torch.randn(3, 6, dtype=torch.float64)
    if strange:
        with adalora.route(model, ["a", "b", "a"]), pytest.raises(adalora.StateError, match="train in full"):
            model(x)
        return
    found = alone(model, lambda: model(x), ["a", "b"])
    with adalora.route(model, ["a", "b", "a"]):
        first, second = model(x)
    for row, name in enumerate("aba"):
        torch.testing.assert_close(first[row], found[name][0][row])
        torch.testing.assert_close(second["twice"][row], found[name][1]["twice"][row])


def test_blocks_of_other_sizes_inside_each_other():
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]), "a")
    move(model)
    x = torch.randn(4, 6, dtype=torch.float64)
    with adalora.route(model, ["a"] * 4):
        expected = model(x)
        with adalora.route(model, ["a"] * 2):
            torch.testing.assert_close(model(x[:2]), expected[:2])
