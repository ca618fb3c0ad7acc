"""The controller against the naive oracle, and its invariants."""

import copy
import dataclasses
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from tests.models import bert, bert_batches, mlp, mlp_batches
from tests.reference import NaiveAdaLoRA, NaiveLayer

ADAPTER = AdapterConfig(recipe="paper", rank=4, alpha=8.0, target_modules=["up", "down"])
ALLOCATION = AllocationConfig(
    recipe="paper", target_rank=2, total_steps=40, warmup_steps=5, final_steps=10, interval=3
)


def adapted_mlp(adapter=ADAPTER):
    return adalora.inject(mlp(), adapter)


def trainable(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def start(model, allocation=ALLOCATION, lr=1e-2):
    optimizer = torch.optim.AdamW(trainable(model), lr=lr)
    controller = AdaLoRAController(model, allocation)
    controller.attach(optimizer)
    return controller, optimizer


def train(model, optimizer, batches):
    losses = []
    for batch in batches:
        loss = model(**batch).loss if isinstance(batch, dict) else model(*batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def alive(model):
    return {name: layer.update.mask.tolist() for name, layer in adalora.adapters(model).items()}


MODES = [
    pytest.param(form, score_at, scorer, scaling, {"orthogonality_of": of, "prune": prune, "compact": compact},
                 id=f"{form}-{score_at}-{scorer}-{scaling}-{of}-{prune}-{compact}")
    for form in ("squared_sum", "mean_norm")
    for score_at in ("before_step", "after_step")
    for scorer in ("sensitivity_uncertainty", "sensitivity", "magnitude")
    for scaling, of, prune, compact in (
        ("lora", "all", "soft", False),
        ("rslora", "kept", "soft", False),
        ("lora", "kept", "soft", True),
        ("rslora", "kept", "hard", True),
        ("lora", "all", "hard", False),
    )
]  # fmt: skip


@pytest.mark.parametrize(("form", "score_at", "scorer", "scaling", "rest"), MODES)
def test_whole_run_equals_the_naive_reference(form, score_at, scorer, scaling, rest):
    model = adapted_mlp(dataclasses.replace(ADAPTER, scaling=scaling))
    s = 8.0 / 4 if scaling == "lora" else 8.0 / 2
    naive = copy.deepcopy(model)
    for name in ("up", "down"):
        layer = naive.get_submodule(name)
        update = layer.update
        setattr(naive, name, NaiveLayer(layer.base.weight, layer.base.bias, update.P, update.Q, s))
    settings = {"orthogonality_form": form, "score_at": score_at, "scorer": scorer, **rest}
    controller, optimizer = start(model, dataclasses.replace(ALLOCATION, **settings))
    layers = [naive.up, naive.down]
    of, hard = rest["orthogonality_of"], rest["prune"] == "hard"
    oracle = NaiveAdaLoRA(layers, 40, 5, 10, 3, 4, 0.1, form, score_at, scorer, of=of, hard=hard)
    naive_optimizer = torch.optim.AdamW(oracle.weights, lr=1e-2)

    for x, y in mlp_batches(40):
        loss, naive_loss = model(x, y), naive(x, y)
        torch.testing.assert_close(loss, naive_loss, rtol=1e-12, atol=0)
        penalty = 0.1 * oracle.penalty()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        oracle.step(naive_loss, naive_optimizer)
        torch.testing.assert_close(controller.penalty, torch.as_tensor(penalty), rtol=1e-12, atol=1e-15)
        kept = [sorted(i for j, i in oracle.kept if j == k) for k in range(2)]
        assert list(controller.ranks().values()) == [len(one) for one in kept]
        if not rest["compact"]:
            assert kept == [[i for i, on in enumerate(mask) if on] for mask in alive(model).values()]
    assert controller.history[-1].budget == sum(controller.ranks().values()) == 4
    for layer, reference, left in zip(adalora.adapters(model).values(), layers, kept, strict=True):
        shrunk = rest["compact"]
        assert layer.update.lam.shape == ((len(left) if shrunk else 4),)
        for factor, dim in (("P", 1), ("lam", 0), ("Q", 0)):
            ours, theirs = getattr(layer.update, factor), getattr(reference, factor)
            theirs = theirs.index_select(dim, torch.tensor(left, dtype=torch.long)) if shrunk else theirs
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("prune", "compact"), [("soft", False), ("soft", True), ("hard", True)])
def test_a_budget_in_parameters_equals_the_naive_reference(prune, compact):
    adapter = AdapterConfig(recipe="paper", rank=3, alpha=6.0, target_modules=["up", "head"])
    model = adapted_mlp(adapter)
    naive = copy.deepcopy(model)
    for name in ("up", "head"):
        layer = naive.get_submodule(name)
        update = layer.update
        setattr(naive, name, NaiveLayer(layer.base.weight, layer.base.bias, update.P, update.Q, 2.0))
    controller, optimizer = start(
        model, dataclasses.replace(ALLOCATION, budget_unit="parameter", prune=prune, compact=compact)
    )
    prices, target = {"up": 6 + 8 + 1, "head": 6 + 3 + 1}, 2 * (15 + 10)
    layers, hard = [naive.up, naive.head], prune == "hard"
    oracle = NaiveAdaLoRA(layers, 40, 5, 10, 3, target, 0.1, "mean_norm", "before_step",
                          "sensitivity_uncertainty", of="kept", hard=hard, unit="parameter")  # fmt: skip
    naive_optimizer = torch.optim.AdamW(oracle.weights, lr=1e-2)
    assert controller.budget == 3 * (15 + 10)
    for x, y in mlp_batches(40):
        naive_loss = naive(x, y)
        train(model, optimizer, [(x, y)])
        oracle.step(naive_loss, naive_optimizer)
        ranks = controller.ranks()
        assert list(ranks.values()) == [sum(j == k for j, _ in oracle.kept) for k in range(2)]
        left = controller.budget - sum(prices[name] * rank for name, rank in ranks.items())
        assert 0 <= left < max(prices.values())
    assert controller.budget == target
    assert any(len(set(row.ranks.values())) == 2 for row in controller.history)  # the scores have a say
    for x, y in mlp_batches(1, seed=7):
        torch.testing.assert_close(model(x, y), naive(x, y), rtol=1e-12, atol=0)


def test_a_state_in_another_unit_is_refused():
    model = adapted_mlp()
    state = AdaLoRAController(model, ALLOCATION).state_dict()
    other = AdaLoRAController(model, dataclasses.replace(ALLOCATION, budget_unit="parameter"))
    message = "budget_unit is 'rank' in the saved state and 'parameter' here; use the saved one."
    with pytest.raises(adalora.CheckpointError, match=message):
        other.load_state_dict(state)
    del state["config"]["budget_unit"]  # as it was before there was a choice
    AdaLoRAController(model, ALLOCATION).load_state_dict(state)
    with pytest.raises(adalora.CheckpointError, match=message):
        other.load_state_dict(state)


@pytest.mark.parametrize("interval", [1, 7])
@pytest.mark.parametrize("target", [0, 1, 2, 4])
@pytest.mark.parametrize("scorer", ["sensitivity_uncertainty", "sensitivity", "magnitude"])
def test_exactly_the_budget_is_alive_after_every_update(interval, target, scorer):
    model = adapted_mlp()
    allocation = dataclasses.replace(ALLOCATION, target_rank=target, interval=interval, scorer=scorer)
    controller, optimizer = start(model, allocation)
    for x, y in mlp_batches(40):
        train(model, optimizer, [(x, y)])
        if controller.schedule.is_update(controller.step):
            nonzero = sum(int((layer.update.lam != 0).sum()) for layer in adalora.adapters(model).values())
            expected = controller.schedule.budget(controller.step)
            assert sum(controller.ranks().values()) == expected == controller.budget == nonzero
            assert controller.history[-1].ranks == controller.ranks()
    assert controller.budget == 2 * target


def test_all_scores_zero_keeps_exactly_the_budget_in_module_order():
    model = adapted_mlp()
    controller = AdaLoRAController(
        model, dataclasses.replace(ALLOCATION, warmup_steps=0, interval=1, orthogonality=0)
    )
    for _ in range(40):  # no gradient at all: every score stays zero
        controller.before_step()
        controller.after_step()
        assert sum(controller.ranks().values()) == controller.schedule.budget(controller.step)
    assert controller.ranks() == {"up": 4, "down": 0}
    assert controller.history[-1].threshold == 0.0


def test_one_matrix_and_target_equal_to_initial():
    model = adalora.inject(mlp(), AdapterConfig(rank=3, target_modules=["up"]))
    controller, optimizer = start(model, dataclasses.replace(ALLOCATION, target_rank=3, interval=1))
    train(model, optimizer, mlp_batches(40))
    assert controller.ranks() == {"up": 3}
    assert {row.budget for row in controller.history} == {3}


def test_a_pruned_triplet_stays_zero_once_the_pattern_is_frozen():
    model = adapted_mlp()
    controller, optimizer = start(model)
    frozen = None
    for x, y in mlp_batches(40):
        train(model, optimizer, [(x, y)])
        if controller.step >= 30:
            frozen = frozen or alive(model)
            assert alive(model) == frozen
            for layer in adalora.adapters(model).values():
                assert torch.all(layer.update.lam[~layer.update.mask] == 0)
    assert sum(sum(mask) for mask in frozen.values()) == 4


def test_a_pruned_triplet_may_come_back_before_that():
    model = adapted_mlp()
    _, optimizer = start(model, dataclasses.replace(ALLOCATION, interval=1, compact=False))
    seen = []
    for x, y in mlp_batches(40):
        train(model, optimizer, [(x, y)])
        seen.append(torch.tensor([on for mask in alive(model).values() for on in mask]))
    returned = [bool((later & ~earlier).any()) for earlier, later in itertools.pairwise(seen)]
    assert any(returned[:29])
    assert not any(returned[29:])


def test_gradient_accumulation_keeps_the_same_triplets():
    whole, parts = bert().double(), None
    adalora.inject(
        whole, AdapterConfig(rank=4, target_modules=["query", "value", "dense"], train_modules=["classifier"])
    )
    parts = copy.deepcopy(whole)
    allocation = dataclasses.replace(ALLOCATION, interval=1)
    (_, whole_optimizer), (controller, parts_optimizer) = start(whole, allocation), start(parts, allocation)
    for batch in bert_batches(40, size=16):
        train(whole, whole_optimizer, [batch])
        for piece in range(4):
            rows = slice(4 * piece, 4 * piece + 4)
            (parts(**{key: value[rows] for key, value in batch.items()}).loss / 4).backward()
        parts_optimizer.step()
        parts_optimizer.zero_grad()
        assert alive(whole) == alive(parts)
    assert controller.step == 40
    assert controller.budget == 2 * len(controller.ranks())


def test_adapters_without_a_gradient_score_zero_and_crash_nothing():
    model = adapted_mlp()
    unused = nn.Linear(6, 6, dtype=torch.float64)
    model.unused = unused  # in the model, but not in its forward
    adalora.inject(model, AdapterConfig(rank=4, target_modules=["unused"]), name="idle")
    model.requires_grad_(True)
    idle = AdaLoRAController(model, ALLOCATION, name="idle")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    idle.attach(optimizer)
    before = copy.deepcopy(model.unused.update.state_dict())
    train(model, optimizer, mlp_batches(10))
    assert torch.equal(idle.scores()["unused"], torch.zeros(4, dtype=torch.float64))
    assert torch.equal(model.unused.update.P, before["P"])
    assert idle.step == 10


def test_frozen_weights_are_bit_identical_after_training():
    model = bert()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    adalora.inject(
        model, AdapterConfig(rank=4, target_modules=["query", "dense"], train_modules=["classifier"])
    )
    _, optimizer = start(model)
    train(model, optimizer, bert_batches(40))
    adalora.merge_(model)
    adalora.unmerge_(model)
    after = {name.replace(".base.", "."): parameter for name, parameter in model.named_parameters()}
    for name, value in before.items():
        assert torch.equal(value, after[name]) == (not name.startswith("classifier")), name


def test_the_loss_never_contains_the_penalty():
    model = adapted_mlp()
    x, y = next(mlp_batches(1))
    plain = model(x, y)
    controller, _ = start(model, dataclasses.replace(ALLOCATION, orthogonality=100.0))
    controller.before_step()
    assert controller.penalty > 1
    assert torch.equal(model(x, y), plain)
    assert torch.equal(model.eval()(x, y), plain)
    with adalora.disabled(model):
        assert torch.equal(model(x, y), plain)


def test_total_steps_outrun_warns_once_and_stays_at_the_target():
    model = adapted_mlp()
    controller, optimizer = start(model)
    train(model, optimizer, mlp_batches(40))
    with pytest.warns(UserWarning, match="outruns total_steps = 40") as caught:
        train(model, optimizer, mlp_batches(10))
    assert len(caught) == 1
    assert sum(controller.ranks().values()) == controller.budget == 4


def test_with_warnings_as_errors_a_step_too_many_changes_nothing():
    model = adapted_mlp()
    controller, optimizer = start(model)
    train(model, optimizer, mlp_batches(40))
    before = [p.clone() for p in trainable(model)]
    with pytest.raises(UserWarning, match="outruns total_steps = 40"):
        train(model, optimizer, mlp_batches(1))
    assert controller.step == 40
    assert all(torch.equal(p, old) for p, old in zip(trainable(model), before, strict=True))


def test_scores_that_are_not_finite_raise_and_prune_nothing():
    model = adapted_mlp()
    controller = AdaLoRAController(model, dataclasses.replace(ALLOCATION, warmup_steps=0, interval=1))
    for parameter in trainable(model):  # their products are above what float64 can hold
        parameter.grad = torch.full_like(parameter, 1e300)
    controller.before_step()
    with pytest.raises(adalora.StateError, match=r"score is (nan|inf) at step 1.*not finite"):
        controller.after_step()
    assert controller.ranks() == {"up": 4, "down": 4}


def test_orthogonality_zero_leaves_gradients_and_penalty_alone():
    model = adapted_mlp()
    controller, _ = start(model, dataclasses.replace(ALLOCATION, orthogonality=0))
    x, y = next(mlp_batches(1))
    model(x, y).backward()
    before = [parameter.grad.clone() for parameter in trainable(model)]
    controller.before_step()
    assert controller.penalty == 0
    assert all(torch.equal(a, b.grad) for a, b in zip(before, trainable(model), strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"total_steps": None}, "total_steps is None"),
        ({"target_rank": 5}, r"target_rank is 5, a budget of 10 triplets.*at most the initial rank of 4"),
        ({"scorer": "sensitivty"}, "scorer is 'sensitivty'; allowed: sensitivity"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(adalora.ConfigError, match=message):
        AdaLoRAController(adapted_mlp(), dataclasses.replace(ALLOCATION, **change))


def test_a_model_without_the_adapter_is_refused():
    with pytest.raises(adalora.ConfigError, match=r"no SVD update of that name; it has adapters: none"):
        AdaLoRAController(mlp(), ALLOCATION)
    with pytest.raises(adalora.ConfigError, match=r"name is 'other'.*it has adapters: default"):
        AdaLoRAController(adapted_mlp(), ALLOCATION, name="other")


@pytest.mark.parametrize("stop", [3, 12, 30, 35])
@pytest.mark.parametrize("scorer", ["sensitivity_uncertainty", "sensitivity", "magnitude"])
def test_a_resumed_run_equals_an_uninterrupted_one(stop, scorer, tmp_path):
    allocation = dataclasses.replace(ALLOCATION, scorer=scorer)
    model = adapted_mlp()
    plain = copy.deepcopy(model)
    controller, optimizer = start(model, allocation)
    batches = list(mlp_batches(40))
    train(model, optimizer, batches[:stop])
    adalora.save(model, tmp_path, controller)
    moments = copy.deepcopy(optimizer.state_dict())
    train(model, optimizer, batches[stop:])

    resumed, resumed_optimizer = start(plain, allocation)
    adalora.load(plain, tmp_path, resumed)
    resumed_optimizer.load_state_dict(moments)
    train(plain, resumed_optimizer, batches[stop:])
    assert resumed.history == controller.history
    for one, two in zip(trainable(model), trainable(plain), strict=True):
        assert torch.equal(one, two)


@settings(max_examples=25)
@given(
    rank=st.integers(1, 5),
    target=st.integers(0, 5),
    interval=st.integers(1, 9),
    phases=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    schedule=st.sampled_from(["cubic", "linear", "cosine", "exponential", "step", "constant"]),
    unit=st.sampled_from(["rank", "parameter"]),
)
def test_any_schedule_ends_at_its_budget(rank, target, interval, phases, schedule, unit):
    model = adapted_mlp(dataclasses.replace(ADAPTER, rank=rank))
    allocation = AllocationConfig(
        target_rank=min(target, rank),
        total_steps=20,
        warmup_steps=phases[0],
        final_steps=phases[1],
        interval=interval,
        schedule=schedule,
        budget_unit=unit,
    )
    controller, optimizer = start(model, allocation)
    train(model, optimizer, mlp_batches(20))
    price = 6 + 8 + 1 if unit == "parameter" else 1  # the two matrices are of one size
    assert price * sum(controller.ranks().values()) == controller.budget == price * 2 * min(target, rank)
    assert [row.budget for row in controller.history] == sorted(
        (row.budget for row in controller.history), reverse=True
    )


def test_float16_factors_are_scored_in_float32():
    model = adalora.inject(
        nn.Sequential(nn.Linear(384, 384)), AdapterConfig(rank=4, init="orthogonal")
    ).half()
    controller = AdaLoRAController(model, dataclasses.replace(ALLOCATION, orthogonality=0.1))
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for parameter in trainable(model):
            parameter.grad = 1e-3 * torch.randn(parameter.shape, generator=generator).half()
        controller.before_step()
        controller.after_step()
    scores = controller.scores()["0"]
    assert scores.dtype == torch.float32
    assert torch.all(scores > 0)
    assert torch.isfinite(controller.penalty)


def test_asking_for_scores_or_state_before_the_first_step_binds_nothing():
    model = adapted_mlp()
    controller = AdaLoRAController(model, ALLOCATION)
    assert all(torch.all(score == 0) for score in controller.scores().values())
    assert controller.state_dict()["step"] == 0
    optimizer = torch.optim.AdamW(trainable(model.float()), lr=1e-2)  # another type, and so could a device be
    controller.attach(optimizer)
    train(model, optimizer, [(x.float(), y) for x, y in mlp_batches(40)])
    assert controller.budget == 4


def test_what_is_pruned_is_zero_when_training_stops_between_two_updates():
    model = adapted_mlp()
    controller, optimizer = start(model)
    train(model, optimizer, mlp_batches(20))
    updates = [layer.update for layer in adalora.adapters(model).values()]
    assert controller.budget < 8
    assert any(torch.any(update.lam[~update.mask] != 0) for update in updates)  # they may still come back
    controller.detach()
    assert all(torch.all(update.lam[~update.mask] == 0) for update in updates)
    assert sum(int((update.lam != 0).sum()) for update in updates) == controller.budget


def test_a_new_run_on_a_pruned_adapter_starts_with_all_triplets():
    model, allocation = adapted_mlp(), dataclasses.replace(ALLOCATION, compact=False)
    controller, optimizer = start(model, allocation)
    train(model, optimizer, mlp_batches(40))
    controller.detach()
    again, optimizer = start(model, allocation)
    assert controller.ranks() == again.ranks()  # to look at a model changes nothing
    assert again.budget == 8
    train(model, optimizer, mlp_batches(1))
    assert sum(again.ranks().values()) == again.budget == again.schedule.budget(1) == 8
    train(model, optimizer, mlp_batches(39))
    assert sum(again.ranks().values()) == again.budget == 4
