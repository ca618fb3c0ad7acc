"""Choosing adapters, weighing them, and turning them off."""

import copy

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.models import bert, bert_batches, mlp

X = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
LINEAR = ["query", "key", "value", "dense"]


def move(model):
    """Put random numbers in whatever adapters train, active or not."""
    for name, parameter in model.named_parameters():
        if any(part in name for part in (".updates.", ".magnitudes.", ".copies.")):
            parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def three(base=None):
    """Return a model with an SVD update, a LoRA and a LoRA from singular vectors, on overlapping layers."""
    torch.manual_seed(0)
    model = mlp() if base is None else copy.deepcopy(base)
    adalora.inject(model, AdapterConfig(rank=3, target_modules=["up", "down"]), "a")
    adalora.inject(model, AdapterConfig(rank=2, update="lora", target_modules=["up"]), "b")
    adalora.inject(model, AdapterConfig(rank=2, update="lora", init="pissa", target_modules=["down"]), "c")
    return move(model)


def dense(model, weights):
    """Return the outputs with W₀ + Σ w (ΔW − what it has taken out) put into plain layers, from the equations."""
    plain = mlp()
    for name in ("up", "down", "head"):
        layer = getattr(model, name)
        adapted = isinstance(layer, adalora.AdaptedLayer)
        W = (layer.base if adapted else layer).weight.detach().clone()
        if adapted:
            for origin in layer.origins.values():
                W += origin.left @ origin.right
            for key, weight in weights.items():
                if key in layer.updates:
                    W += weight * torch.matmul(*layer.updates[key].factors()).detach()
                if key in layer.origins:
                    W -= weight * layer.origins[key].left @ layer.origins[key].right
        getattr(plain, name).weight.data = W
        getattr(plain, name).bias.data = (layer.base if adapted else layer).bias.data
    return plain(X)


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        ("a", {"a": 1}),
        (["b"], {"b": 1}),
        ("c", {"c": 1}),
        (["c", "a"], {"a": 1, "c": 1}),
        ({"a": 0.25, "b": -2.0, "c": 0.5}, {"a": 0.25, "b": -2.0, "c": 0.5}),
        ({"a": 0.0}, {}),
        ([], {}),
    ],
)
def test_the_outputs_are_those_of_the_weighted_sum(names, weights):
    model = three()
    assert adalora.set_adapter(model, names) is model
    expected = dense(model, weights)
    torch.testing.assert_close(model(X), expected)
    with adalora.merged(model):
        torch.testing.assert_close(model(X), expected)
    for layer in adalora.adapters(model).values():
        total = layer.kind.matrix(layer.base, layer.base.weight) + layer.delta_weight()
        torch.testing.assert_close(total, layer.matrix())
    with adalora.disabled(model):
        torch.testing.assert_close(model(X), dense(model, {}))


def test_two_of_lora_s_kind_weigh_what_their_updates_do():
    """The weighted combination is the sum of the weighted ΔW to 1e-6, in float32."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 48))
    for name, scaling in (("a", "lora"), ("b", "rslora")):
        adalora.inject(
            model, AdapterConfig(update="lora", rank=4, target_modules=["0"], scaling=scaling), name
        )
    move(model)
    deltas = {}
    for name in ("a", "b"):
        adalora.set_adapter(model, name)
        deltas[name] = model[0].delta_weight()
    adalora.set_adapter(model, {"a": 0.7, "b": -0.4})
    torch.testing.assert_close(
        model[0].delta_weight(), 0.7 * deltas["a"] - 0.4 * deltas["b"], rtol=0, atol=1e-6
    )
    x = torch.randn(5, 64)
    expected = model[0].base(x) + x @ (0.7 * deltas["a"] - 0.4 * deltas["b"]).T
    torch.testing.assert_close(model(x), expected, rtol=1e-6, atol=1e-5)


def test_only_the_named_ones_train():
    model = three()
    model(X).sum().backward()
    adalora.set_adapter(model, ["b", "c"])
    free = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[2] for name in free} == {"b", "c"}
    stale = [p for name, p in model.named_parameters() if ".updates.a." in name]
    assert all(parameter.grad is None for parameter in stale)
    before = [parameter.clone() for parameter in stale]
    optimizer = torch.optim.AdamW([p for _, p in model.named_parameters()], lr=0.1)
    model(X).sum().backward()
    optimizer.step()
    assert all(torch.equal(old, new) for old, new in zip(before, stale, strict=True))
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_switching_copies_nothing():
    model = three()
    storages = {name: p.data_ptr() for name, p in model.named_parameters()}
    for names in ("a", "b", {"a": 0.5, "c": 2.0}, []):
        adalora.set_adapter(model, names)
        assert {name: p.data_ptr() for name, p in model.named_parameters()} == storages


def test_the_order_in_which_they_are_named_does_not_matter():
    torch.manual_seed(0)
    model = mlp()
    for name in ("a", "b"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], dora=True), name)
    move(model)
    adalora.set_adapter(model, ["a", "b"])
    expected = model(X)
    adalora.set_adapter(model, ["b", "a"])
    assert torch.equal(model(X), expected)
    assert not torch.allclose(adalora.set_adapter(model, "b")(X), expected)


def test_a_new_adapter_adds_to_those_that_are_active():
    model = three()
    adalora.set_adapter(model, [])
    adalora.inject(model, AdapterConfig(rank=1, target_modules=["up"], dora=True), "d")
    torch.testing.assert_close(model(X), dense(model, {}))
    adalora.set_adapter(model, {"b": 0.5})
    adalora.inject(model, AdapterConfig(rank=1, target_modules=["up"]), "e")
    torch.testing.assert_close(model(X), dense(model, {"b": 0.5}))
    assert model.up.active == {"b": 0.5, "e": 1.0}
    assert adalora.set_adapter(model, "e").up.update is model.up.updates["e"]


def test_each_task_has_a_head_of_its_own(tmp_path):
    base = bert()
    batch = next(bert_batches(1))
    config = AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"])
    model = adalora.inject(copy.deepcopy(base), config, "one")
    for p in model.parameters():
        p.data += 0.1 * p.requires_grad
    one = model(**batch).logits
    adalora.inject(model, config, "two")
    torch.testing.assert_close(model(**batch).logits, one)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model(**batch).loss.backward()
    optimizer.step()
    adalora.set_adapter(model, "two")
    two = model(**batch).logits
    torch.testing.assert_close(adalora.set_adapter(model, "one")(**batch).logits, one)
    assert not torch.allclose(one, two)
    trained = [name for name, p in model.named_parameters() if p.requires_grad and "classifier" in name]
    assert trained == ["classifier.copies.one.weight", "classifier.copies.one.bias"]

    for name, expected in (("one", one), ("two", two)):
        adalora.save(model, tmp_path / name, name=name)
        alone = adalora.load(copy.deepcopy(base), tmp_path / name, name=name)
        torch.testing.assert_close(alone(**batch).logits, expected)
    both = copy.deepcopy(base)
    for name in ("one", "two"):
        adalora.load(both, tmp_path / name, name=name)
    for name, expected in (("one", one), ("two", two)):
        torch.testing.assert_close(adalora.set_adapter(both, name)(**batch).logits, expected)
    plain = adalora.unload(both)
    torch.testing.assert_close(plain(**batch).logits, two)
    assert type(plain.classifier) is nn.Linear


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("x", adalora.StateError, "no adapter named 'x'; it has: a, b, c"),
        (["a", "x"], adalora.StateError, "no adapter named 'x'"),
        ({"a": float("nan")}, adalora.ConfigError, "weight of 'a' is nan; allowed: a finite number"),
        ({"a": "half"}, adalora.ConfigError, "weight of 'a' is 'half'; allowed: a finite number"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(names, error, message):
    model = adalora.set_adapter(three(), "b")
    free = [p.requires_grad for p in model.parameters()]
    with pytest.raises(error, match=message):
        adalora.set_adapter(model, names)
    assert (model.up.active, model.down.active) == ({"b": 1.0}, {})
    assert [p.requires_grad for p in model.parameters()] == free


def test_doras_magnitude_has_no_weight():
    model = mlp()
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], dora=True), "a")
    with pytest.raises(adalora.ConfigError, match=r"weight of 'a' is 0\.5; allowed: 1, because it has DoRA"):
        adalora.set_adapter(model, {"a": 0.5})


def test_a_head_is_found_again_as_it_was_by_who_does_not_train_it():
    base = bert()
    batch = next(bert_batches(1))
    plain = base(**batch).logits
    model = copy.deepcopy(base)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"]), "a")
    model.classifier.weight.data += 1
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["value"]), "b")
    trained = model(**batch).logits
    assert not torch.allclose(trained, plain)
    torch.testing.assert_close(adalora.set_adapter(model, "b")(**batch).logits, plain)
    torch.testing.assert_close(adalora.set_adapter(model, [])(**batch).logits, plain)
    torch.testing.assert_close(adalora.set_adapter(model, ["a", "b"])(**batch).logits, trained)


def test_a_disabled_model_is_neither_switched_nor_adapted():
    model = three()
    with adalora.disabled(adalora.merge_(model)):
        with pytest.raises(adalora.StateError, match="the adapters are disabled"):
            adalora.set_adapter(model, "a")
        with pytest.raises(adalora.StateError, match="the adapters are disabled"):
            adalora.inject(model, AdapterConfig(rank=1, target_modules=["up"]), "d")
    adalora.unmerge_(model)
    adalora.set_adapter(model, "a")


@pytest.mark.parametrize("names", [None, 5, [["a"]], {1: 1.0}, [None]])
def test_names_are_texts(names):
    with pytest.raises(
        adalora.ConfigError, match=r"names is .*; allowed: a name, a list of names, or weights"
    ):
        adalora.set_adapter(three(), names)


def test_a_merged_model_is_not_switched():
    model = adalora.merge_(three())
    with pytest.raises(adalora.StateError, match="the model is merged; call unmerge_"):
        adalora.set_adapter(model, "a")


@pytest.mark.parametrize("merge", [False, True])
def test_disabled_answers_as_the_base_and_comes_back(merge):
    base = mlp()
    x = torch.randn(3, 6, dtype=torch.float64)
    plain = base(x)
    model = adalora.inject(base, AdapterConfig(rank=2, target_modules=["up"]))
    model.up.update.lam.data.fill_(3.0)
    if merge:
        adalora.merge_(model)
    on = model(x)
    with pytest.raises(RuntimeError, match="inside"), adalora.disabled(model):
        assert torch.equal(model(x), plain)
        with adalora.disabled(model):
            assert torch.equal(model(x), plain)
        assert torch.equal(model(x), plain)
        raise RuntimeError("inside")
    assert torch.equal(model(x), on)
    assert not torch.equal(on, plain)
    assert model.up.merged is merge
