"""Several adapters as one: the dense weighted sum exactly, or its best approximation of a chosen rank."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.peft_side import (
    LAYERS,
    assert_near,
    assert_unchanged,
    in_peft,
    inputs_of,
    move,
    plain,
    run,
    snapshot,
)

X = [torch.linspace(-2, 2, 24, dtype=torch.float64).reshape(4, 6)]
KINDS = {
    "svd": {"update": "svd", "rank": 3, "target_modules": ["0", "2"], "init": "gaussian"},
    "lora": {"update": "lora", "rank": 2, "alpha": 3.0, "target_modules": ["2", "4"], "scaling": "rslora"},
    "pissa": {"update": "svd", "rank": 2, "target_modules": ["0", "4"], "init": "pissa"},
}
WEIGHTS = st.dictionaries(
    st.sampled_from(list(KINDS)), st.sampled_from([1.0, -0.5, 0.25, 2.0, 1]), min_size=1, max_size=3
)


def base_model():
    torch.manual_seed(4)
    layers = [nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, 5)]
    return nn.Sequential(*layers).double().requires_grad_(False).eval()


def model_of(*kinds, seed=0):
    model = base_model()
    for kind in kinds:
        adalora.inject(model, AdapterConfig(**KINDS[kind]), name=kind)
    torch.manual_seed(seed)
    for kind in kinds:
        move(model, kind)
    for layer in adalora.adapters(model).values():
        if "svd" in layer.updates:
            layer.named_updates()["svd"].keep_(torch.tensor([True, False, True]))
    return model


def dense(model, weights):
    """Return Σ w·ΔW of every module, less what a start has taken out, from the factors alone."""
    sums = {}
    for name, layer in adalora.adapters(model).items():
        for adapter, update in layer.named_updates().items():
            if adapter not in weights:
                continue
            if isinstance(update, adalora.SVDUpdate):
                delta = update.scaling * update.P @ torch.diag(update.lam) @ update.Q
            else:
                delta = update.scaling * update.B @ update.A
            if adapter in layer.origins:
                delta = delta - layer.origins[adapter].left @ layer.origins[adapter].right
            sums[name] = sums.get(name, 0) + weights[adapter] * delta.detach().numpy()
    return sums


def product(model, name, adapter):
    update = adalora.adapters(model)[name].named_updates()[adapter]
    assert isinstance(update, adalora.SVDUpdate)
    return (update.scaling * update.P @ torch.diag(update.lam) @ update.Q).detach().numpy()


@settings(max_examples=15)
@given(weights=WEIGHTS, seed=st.integers(0, 50))
def test_the_exact_combination_is_the_dense_sum(weights, seed):
    model = model_of(*KINDS, seed=seed)
    sums = dense(model, weights)
    expected = run(adalora.set_adapter(model, weights), X)
    discarded = adalora.combine(model, weights, "sum")
    assert discarded == dict.fromkeys(sums, 0.0)
    there = {name: layer for name, layer in adalora.adapters(model).items() if "sum" in layer.updates}
    assert there.keys() == sums.keys()
    for name, total in sums.items():
        np.testing.assert_allclose(product(model, name, "sum"), total, rtol=0, atol=1e-12)
    assert_near(run(model, X), expected, 1e-12)


@settings(max_examples=20)
@given(weights=WEIGHTS, rank=st.integers(1, 8), seed=st.integers(0, 50))
def test_a_combination_of_a_chosen_rank_is_the_best_of_that_rank(weights, rank, seed):
    model = model_of(*KINDS, seed=seed)
    sums = dense(model, weights)
    discarded = adalora.combine(model, weights, "sum", rank=rank)
    assert discarded.keys() == sums.keys()
    for name, total in sums.items():
        U, sigma, Vh = np.linalg.svd(total)
        kept = min(rank, len(sigma))
        best = (U[:, :kept] * sigma[:kept]) @ Vh[:kept]
        np.testing.assert_allclose(product(model, name, "sum"), best, rtol=0, atol=1e-9)
        energy = (sigma[rank:] ** 2).sum() / (sigma**2).sum()
        assert discarded[name] == pytest.approx(energy, rel=1e-6, abs=1e-12)
        assert type(discarded[name]) is float
        update = adalora.adapters(model)[name].named_updates()["sum"]
        assert update.rank <= rank


def test_the_sum_is_the_one_active_adapter_and_the_others_stay_as_they_were():
    model = model_of("svd", "lora")
    alone = {kind: run(adalora.set_adapter(model, kind), X) for kind in ("svd", "lora")}
    adalora.set_adapter(model, ["svd", "lora"])
    adalora.combine(model, {"svd": 0.5, "lora": 2.0}, "sum")
    for layer in adalora.adapters(model).values():
        assert layer.active == {"sum": 1.0}
    trains = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trains
    assert all(".sum." in name for name in trains)
    for kind, expected in alone.items():
        assert torch.equal(run(adalora.set_adapter(model, kind), X), expected)


def test_inactive_adapters_can_be_combined_and_one_adapter_alone():
    model = model_of("svd", "lora")
    adalora.set_adapter(model, "svd")
    expected = -3 * dense(model, {"lora": 1.0})["4"]
    adalora.combine(model, {"lora": -3.0}, "sum")
    np.testing.assert_allclose(product(model, "4", "sum"), expected, atol=1e-12)


def test_a_sum_can_be_combined_again():
    model = model_of("svd", "lora", "pissa")
    weights = {"svd": 0.5, "lora": 2.0, "pissa": 1.0}
    expected = run(adalora.set_adapter(model, weights), X)
    adalora.combine(model, {"svd": 1.0, "lora": 4.0}, "part")
    adalora.combine(model, {"part": 0.5, "pissa": 1.0}, "sum")
    assert_near(run(model, X), expected, 1e-12)


@pytest.mark.parametrize("rank", [None, 2])
@pytest.mark.parametrize("kinds", [("svd", "lora"), ("svd", "lora", "pissa")], ids=str)
def test_a_sum_is_saved_loaded_and_exported_as_one_adapter(kinds, rank, tmp_path):
    model = model_of(*kinds)
    adalora.combine(model, {kind: 1.5 - place for place, kind in enumerate(kinds)}, "sum", rank=rank)
    expected = run(model, X)
    adalora.save(model, tmp_path / "ours", name="sum")
    loaded = adalora.load(base_model(), tmp_path / "ours", name="sum")
    assert_near(run(loaded, X), expected, 1e-12)
    assert {len(layer.updates) for layer in adalora.adapters(loaded).values()} == {1}
    exported = adalora.export_peft(model, tmp_path / "peft")
    assert exported.ranks.keys() == {"0", "2", "4"}
    assert_near(run(in_peft(base_model(), tmp_path / "peft"), X), expected, 1e-12)
    assert_near(run(adalora.import_peft(base_model(), tmp_path / "peft"), X), expected, 1e-12)


def test_a_sum_equals_the_weighted_export(tmp_path):
    model = model_of("svd", "lora", "pissa")
    weights = {"svd": 0.5, "pissa": -1.0}
    adalora.export_peft(model, tmp_path / "weighted", weights)
    adalora.combine(model, weights, "sum")
    adalora.export_peft(model, tmp_path / "sum", "sum")
    outputs = [run(in_peft(base_model(), tmp_path / folder), X) for folder in ("weighted", "sum")]
    assert_near(outputs[0], outputs[1], 1e-12)


def test_a_sum_of_nothing_discards_nothing():
    model = model_of("svd")
    for layer in adalora.adapters(model).values():
        layer.update.keep_(torch.zeros(3, dtype=torch.bool))
    assert set(adalora.combine(model, {"svd": 2.0}, "sum", rank=1).values()) == {0.0}
    assert_near(run(model, X), run(base_model(), X), 1e-12)


def test_convolutions_embeddings_and_experts_are_combined_too():
    for name in ("conv2d, groups", "embedding, padding", "attention", "experts, Mixtral", "Conv1D"):
        case = LAYERS[name]
        model = plain(case)
        parts = ["layer" if one.part == "" else f"layer.{one.part}" for one in case.matrices]
        for adapter, update in (("a", "svd"), ("b", "lora")):
            config = AdapterConfig(update=update, rank=2, target_modules=parts, init="gaussian")
            adalora.inject(model, config, name=adapter)
            move(model, adapter)
        expected = run(adalora.set_adapter(model, {"a": 0.5, "b": -1.5}), inputs_of(case))
        assert set(adalora.combine(model, {"a": 0.5, "b": -1.5}, "sum").values()) == {0.0}, name
        assert_near(run(model, inputs_of(case)), expected)
        truncated = adalora.combine(model, {"sum": 1.0}, "short", rank=1)
        assert all(0 < energy < 1 for energy in truncated.values()), name


REFUSED = [
    ({}, {}, adalora.ConfigError, "weights|empty|at least one"),
    ({"svd": 1.0, "third": 1.0}, {}, adalora.StateError, r"(?s)'third'.*svd, lora"),
    ({"svd": float("nan")}, {}, adalora.ConfigError, "(?s)'svd'.*finite"),
    ({"svd": "half"}, {}, adalora.ConfigError, "(?s)'svd'.*finite"),
    *(({"svd": 1.0, "lora": 1.0}, {"rank": rank}, adalora.ConfigError, "(?s)rank.*allowed")
      for rank in (0, -1, 1.5, "2", True)),
    ({"svd": 1.0}, {"name": "svd"}, adalora.StateError, "'svd'"),
    ({"svd": 1.0}, {"name": "lora"}, adalora.StateError, "'lora'"),
    ({"svd": 1.0}, {"name": "a.b"}, adalora.ConfigError, "(?s)name.*a.b"),
    ({"svd": 1.0}, {"name": "keys"}, adalora.ConfigError, "(?s)name.*keys"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("weights", "changes", "error", "message"), REFUSED, ids=lambda value: str(value)[:40]
)
def test_what_cannot_be_combined_is_refused_and_nothing_changes(weights, changes, error, message):
    model = model_of("svd", "lora")
    before = snapshot(model)
    with pytest.raises(error, match=message):
        adalora.combine(model, weights, **{"name": "sum", **changes})
    assert_unchanged(model, before)


@pytest.mark.parametrize("weights", [{"svd": 1.0, "dora": 1.0}, {"dora": 1.0}, {"svd": 0.5, "dora": 0.5}])
def test_an_adapter_with_dora_is_refused(weights):
    model = model_of("svd")
    config = AdapterConfig(rank=2, target_modules=["4"], dora=True)
    adalora.inject(model, config, name="dora")
    before = snapshot(model)
    with pytest.raises(adalora.ConfigError, match=r"(?s)dora.*DoRA"):
        adalora.combine(model, weights, "sum")
    assert_unchanged(model, before)


def test_a_merged_model_is_refused():
    model = adalora.merge_(model_of("svd"))
    before = snapshot(model)
    with pytest.raises(adalora.StateError, match="merged"):
        adalora.combine(model, {"svd": 2.0}, "sum")
    assert_unchanged(model, before)


def test_a_quantised_base_is_no_obstacle():
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64)).requires_grad_(False)
    adalora.quantize_(model, "nf4", target_modules=["0", "2"])
    for name, update in (("a", "svd"), ("b", "lora")):
        adalora.inject(model, AdapterConfig(update=update, rank=2, target_modules=["0", "2"]), name=name)
        move(model, name)
    x = [torch.randn(3, 64)]
    expected = run(adalora.set_adapter(model, {"a": 2.0, "b": -1.0}), x)
    adalora.combine(model, {"a": 2.0, "b": -1.0}, "sum")
    assert_near(run(model, x), expected)


def test_each_head_comes_from_the_last_that_has_trained_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 4)).double()
    for name, head in (("a", "1"), ("b", "2")):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"], train_modules=[head]), name)
        for parameter in model.parameters():
            parameter.data += 0.3 * parameter.requires_grad * torch.randn_like(parameter)
    x = torch.randn(3, 6, dtype=torch.float64)
    expected = adalora.set_adapter(model, {"a": 0.5, "b": 0.5})(x)
    adalora.combine(model, {"a": 0.5, "b": 0.5}, "both")
    torch.testing.assert_close(model(x), expected)
