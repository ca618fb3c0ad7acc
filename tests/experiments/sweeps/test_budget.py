"""One budget for all methods of a sweep."""

import re

import pytest
from transformers import AutoTokenizer

import adalora
from adalora import ConfigError, TargetError
from experiments.commands.train import reader
from experiments.mappings import flatten
from experiments.methods import METHODS
from experiments.models import build_base
from experiments.problems import CLASSIFICATION
from experiments.sweeps.budget import Budget, read_budget, within
from tests.experiments import tiny

SIZED = [name for name, method in METHODS.items() if method.size]
ADAPTIVE = ["adalora", "adalora-dora", "adalora-nf4"]
FORM = "one of rank: N and parameter: N, as {rank: 8}"
WHOLE = "a whole number of at least 1"


@pytest.fixture
def values(bert):
    """Return a maker of settings by full name: of a method on a tiny model."""

    def make(method, **changes):
        settings = {
            "name": "tiny",
            "task": "rotten_tomatoes",
            "model": str(bert),
            "method": method,
            "adapter": {"target_modules": ["query", "value"], "train_modules": ["classifier"]},
        }
        return flatten(settings) | changes

    return make


@pytest.fixture
def fit(values):
    """Return what brings a method to a budget, as settings by full name."""

    def give(method, unit, amount, **changes):
        return within(Budget(unit, amount), values(method, **changes), reader())

    return give


@pytest.fixture
def prepared(values, bert):
    """Return a maker of real models, with weights, prepared by a method."""
    tokenizer = AutoTokenizer.from_pretrained(bert)

    def make(method, **changes):
        config = METHODS[method].resolve(reader()(values(method, **changes)))
        model = build_base(config, CLASSIFICATION, tokenizer, ("a", "b"))
        METHODS[method].prepare(model, config)
        return model

    return make


def trained(model):
    """Count what is trained below the head."""
    names = dict(model.named_parameters())
    return sum(p.numel() for name, p in names.items() if p.requires_grad and "classifier" not in name)


@pytest.mark.parametrize("unit", ["rank", "parameter"])
def test_a_budget_is_a_unit_and_an_amount(unit):
    assert read_budget({unit: 8}) == Budget(unit, 8)
    assert read_budget({unit: 1}) == Budget(unit, 1)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, f"budget is None; allowed: {FORM}."),
        (8, f"budget is 8; allowed: {FORM}."),
        ([8], f"budget is [8]; allowed: {FORM}."),
        ({}, f"budget is {{}}; allowed: {FORM}."),
        ({"ranks": 8}, f"budget is {{'ranks': 8}}; allowed: {FORM}."),
        ({8: "rank"}, f"budget is {{8: 'rank'}}; allowed: {FORM}."),
        ({"rank": 8, "parameter": 8}, f"budget is {{'rank': 8, 'parameter': 8}}; allowed: {FORM}."),
        ({"rank": 0}, f"budget: rank is 0; allowed: {WHOLE}."),
        ({"rank": True}, f"budget: rank is True; allowed: {WHOLE}."),
        ({"rank": 2.0}, f"budget: rank is 2.0; allowed: {WHOLE}."),
        ({"parameter": "1e5"}, f"budget: parameter is '1e5'; allowed: {WHOLE}."),
        ({"parameter": None}, f"budget: parameter is None; allowed: {WHOLE}."),
        ({"parameter": -3}, f"budget: parameter is -3; allowed: {WHOLE}."),
    ],
)
def test_what_is_no_budget_is_refused_in_words(found, said):
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        read_budget(found)


@pytest.mark.parametrize("method", ADAPTIVE)
@pytest.mark.parametrize(("rank", "initial"), [(1, 2), (2, 3), (3, 5), (4, 6), (8, 12)])
def test_an_adaptive_rank_is_left_with_the_budget_and_starts_with_half_as_much_again(
    fit, method, rank, initial
):
    assert fit(method, "rank", rank, **{"adapter.rank": 30, "allocation.target_rank": 20}) == {
        "adapter.rank": initial,
        "allocation.target_rank": rank,
        "allocation.budget_unit": "rank",
    }


@pytest.mark.parametrize("method", ["lora", "rslora", "lora+", "dora", "qlora", "lora+pe", "lora+pl"])
def test_a_fixed_rank_is_that_of_the_budget(fit, method):
    assert fit(method, "rank", 5, **{"adapter.rank": 30}) == {"adapter.rank": 5}


def test_a_sweep_that_names_no_method_has_that_of_a_run(values):
    settings = values("lora")
    del settings["method"]
    assert within(Budget("rank", 2), settings, reader())["allocation.target_rank"] == 2


@pytest.mark.parametrize(
    "method", ["full", "bitfit", "head", "ft-top2", "adapter-h", "adapter-d", "preembed", "prelayer"]
)
def test_a_method_without_a_rank_is_left_alone_by_a_budget_in_ranks(fit, method):
    assert fit(method, "rank", 5) == {}


@pytest.mark.parametrize("method", [name for name in METHODS if name not in SIZED])
def test_a_method_without_a_size_is_left_alone_by_a_budget_in_parameters(fit, method):
    assert fit(method, "parameter", 1) == {}


@pytest.mark.parametrize("method", SIZED)
def test_the_largest_size_whose_weights_are_within_the_amount_is_found(fit, prepared, method):
    size = METHODS[method].size
    smaller, larger = (trained(prepared(method, **{size: number})) for number in (2, 3))
    of_final = "allocation.target_rank" if method in ADAPTIVE else size
    for amount, wanted in ((larger, 3), (larger - 1, 2), (smaller, 2), (smaller - 1, 1)):
        found = fit(method, "parameter", amount)
        assert found[of_final] == wanted
        own = {size} | ({of_final, "allocation.budget_unit"} if method in ADAPTIVE else set())
        assert set(found) == own


@pytest.mark.parametrize("method", ADAPTIVE)
def test_what_an_adaptive_rank_keeps_of_p_lam_and_q_is_within_the_amount(fit, prepared, method):
    amount = 1000
    found = fit(method, "parameter", amount)
    final = found["allocation.target_rank"]
    assert found == {
        "adapter.rank": -(-3 * final // 2),
        "allocation.target_rank": final,
        "allocation.budget_unit": "parameter",
    }
    model = prepared(method, **found)
    layers = adalora.adapters(model)
    assert len(layers) == 4
    triplet = len(layers) * (tiny.HIDDEN + 1 + tiny.HIDDEN)
    magnitudes = len(layers) * tiny.HIDDEN if "dora" in method else 0
    assert trained(model) == found["adapter.rank"] * triplet + magnitudes
    assert final * triplet + magnitudes <= amount < (final + 1) * triplet + magnitudes


@pytest.mark.parametrize(
    ("method", "size", "largest"),
    [
        ("lora", "adapter.rank", tiny.HIDDEN),
        ("lora+pe", "adapter.rank", tiny.HIDDEN),
        ("preembed", "tokens.prefix", tiny.POSITIONS - 1),
        ("prelayer", "tokens.prefix", tiny.POSITIONS - 1),
    ],
)
def test_more_than_the_model_has_room_for_ends_at_the_most_that_it_has(fit, prepared, method, size, largest):
    assert fit(method, "parameter", 10**9) == {size: largest}
    assert trained(prepared(method, **{size: largest})) > 0
    with pytest.raises((ConfigError, TargetError)):
        prepared(method, **{size: largest + 1})


@pytest.mark.parametrize("method", ADAPTIVE)
def test_an_adaptive_rank_does_not_start_with_more_than_the_matrices_have(fit, prepared, method):
    found = fit(method, "parameter", 10**9)
    assert (found["adapter.rank"], found["allocation.target_rank"]) == (15, 10)
    assert trained(prepared(method, **found)) > 0


@pytest.mark.parametrize("method", SIZED)
def test_an_amount_below_the_smallest_size_is_named(fit, prepared, method):
    size = METHODS[method].size
    least = trained(prepared(method, **{size: 1}))
    assert fit(method, "parameter", least)[size] >= 1
    said = f"budget: parameter is {least - 1:,}, but with method: {method} and {size}: 1 there are {least:,} trained"
    with pytest.raises(ConfigError, match=f"^{re.escape(said)} weights; allowed: at least as many"):
        fit(method, "parameter", least - 1)


def test_other_settings_that_cost_weights_are_counted(fit, prepared):
    infix = {"tokens.infix": 5}
    least = trained(prepared("preembed", **infix, **{"tokens.prefix": 4}))
    assert least == 9 * tiny.HIDDEN
    assert fit("preembed", "parameter", least, **infix) == {"tokens.prefix": 4}


@pytest.mark.parametrize("unit", ["rank", "parameter"])
def test_an_unknown_method_is_named(fit, unit):
    with pytest.raises(ConfigError, match=r"method is 'lore'; .* Did you mean 'lora'"):
        fit("lore", unit, 8)


def test_an_unknown_task_is_named(fit):
    with pytest.raises(ConfigError, match="task is 'sst3'; allowed: "):
        fit("lora", "parameter", 1000, task="sst3")
