"""Shrinking tensors: nothing else changes."""

import copy
import dataclasses
import logging

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralExperts

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from adalora.compact import survivors, take
from tests.models import mlp, mlp_batches

ADAPTER = AdapterConfig(recipe="paper", rank=4, alpha=8.0, target_modules=["up", "down"])
# The pattern is frozen at step 20, and 50 more follow.
ALLOCATION = AllocationConfig(
    recipe="paper", target_rank=2, total_steps=70, warmup_steps=5, final_steps=50, interval=3
)

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "AdamW, amsgrad": lambda p: torch.optim.AdamW(p, lr=1e-2, amsgrad=True),
    "AdamW, foreach": lambda p: torch.optim.AdamW(p, lr=1e-2, foreach=True),
    "AdamW, fused": lambda p: torch.optim.AdamW(p, lr=1e-2, fused=True),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=1e-2),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=1e-2),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=1e-2),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=1e-2),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.9, centered=True),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=1e-3),
}


def adapted():
    return adalora.inject(mlp(), ADAPTER)


def trainable(model):
    return [p for p in model.parameters() if p.requires_grad]


def updates(model):
    return [layer.update for layer in adalora.adapters(model).values()]


def start(model, make=OPTIMIZERS["AdamW"], **settings):
    optimizer = make(trainable(model))
    controller = AdaLoRAController(model, dataclasses.replace(ALLOCATION, **settings))
    controller.attach(optimizer)
    return controller, optimizer


def train(model, optimizer, batches):
    losses = []
    for batch in batches:
        loss = model(*batch)  # it is alive in the next step, as in most people's loops
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    return torch.stack(losses)


@pytest.mark.parametrize("prune", ["soft", "hard"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_with_the_same_numbers_as_if_masked(name, prune):
    shrinking, masked = adapted(), None
    masked = copy.deepcopy(shrinking)
    controller, optimizer = start(shrinking, OPTIMIZERS[name], prune=prune)
    _, other = start(masked, OPTIMIZERS[name], prune=prune, compact=False)
    schedulers = [LinearLR(one, 1.0, 0.1, total_iters=70) for one in (optimizer, other)]
    before = [(id(p), p.shape) for p in trainable(shrinking)]
    groups = [id(p) for group in optimizer.param_groups for p in group["params"]]
    for batch in mlp_batches(70):
        ours, theirs = train(shrinking, optimizer, [batch]), train(masked, other, [batch])
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
        for scheduler in schedulers:
            scheduler.step()
    assert [id(p) for p in trainable(shrinking)] == [at for at, _ in before]
    assert [id(p) for group in optimizer.param_groups for p in group["params"]] == groups
    assert sum(one.P.shape[1] for one in updates(shrinking)) == controller.budget == 4
    for one, two in zip(updates(shrinking), updates(masked), strict=True):
        left = two.mask.nonzero().flatten()
        assert one.P.shape == (two.P.shape[0], len(left))
        torch.testing.assert_close(one.P, two.P[:, left], rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(one.lam, two.lam[left], rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(one.Q, two.Q[left], rtol=1e-12, atol=1e-13)
        for parameter in (one.P, one.lam, one.Q):
            state = optimizer.state[parameter].values()
            assert all(t.shape in ((), parameter.shape) for t in state if isinstance(t, torch.Tensor))


@pytest.mark.parametrize("make", [lambda p: torch.optim.Adafactor(p, lr=1e-2)], ids=["Adafactor"])
def test_an_optimizer_that_couples_elements_keeps_its_tensors_and_the_log_says_so(make, caplog):
    model = adapted()
    with caplog.at_level(logging.WARNING, "adalora"):
        controller, optimizer = start(model, make)
        train(model, optimizer, mlp_batches(70))
    assert [one.P.shape[1] for one in updates(model)] == [4, 4]
    assert all(torch.all(one.lam[~one.mask] == 0) for one in updates(model))
    said = (
        "adapter 'default' do not shrink, pruned λ stay zero: a step of Adafactor on one element depends on"
    )
    assert [said in record.getMessage() for record in caplog.records] == [True]
    controller.detach()
    assert [one.P.shape[1] for one in updates(model)] == [4, 4]


def test_by_hand_the_masked_model_and_the_shrunk_one_agree():
    model = adapted()
    first, optimizer = start(model, compact=False)
    batches = list(mlp_batches(70))
    train(model, optimizer, batches[:20])
    twin = copy.deepcopy(model)
    controller, other = start(twin, compact=False)
    controller.load_state_dict(copy.deepcopy(first.state_dict()))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert adalora.compact_(twin, other) is twin
    assert [one.P.shape[1] for one in updates(twin)] == [one.rank for one in updates(model)]
    torch.testing.assert_close(twin(*batches[0]), model(*batches[0]), rtol=1e-13, atol=0)
    adalora.compact_(twin, other)  # nothing is left to do
    ours, theirs = train(twin, other, batches[20:]), train(model, optimizer, batches[20:])
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def test_tensors_that_shrink_while_triplets_may_come_back_are_named():
    model = adapted()
    _, optimizer = start(model)
    train(model, optimizer, mlp_batches(12))
    adalora.compact_(model, optimizer)
    before = [p.clone() for p in trainable(model)]
    with pytest.raises(
        adalora.StateError, match=r"shrunk at step 12, .* compact_ from step 20 on, or prune='hard'"
    ):
        train(model, optimizer, mlp_batches(1))
    assert all(torch.equal(p, old) for p, old in zip(trainable(model), before, strict=True))


def test_an_optimizer_state_that_cannot_be_cut_is_named_and_nothing_changes():
    model = adapted()
    update = model.up.update
    update.keep_(torch.tensor([True, False, True, False]))
    optimizer = torch.optim.AdamW(trainable(model))
    optimizer.state[update.P] = {
        "state1": torch.zeros(update.P.shape, dtype=torch.uint8),
        "absmax1": torch.ones(1),
    }
    with pytest.raises(
        adalora.StateError, match="cannot shrink: AdamW keeps 'state1' in a form that cannot be cut"
    ):
        adalora.compact_(model, optimizer)
    assert update.P.shape[1] == 4
    optimizer.state[update.P] = {"factors": [torch.zeros(4)]}
    with pytest.raises(adalora.StateError, match="keeps 'factors'"):
        adalora.compact_(model, optimizer)
    adalora.compact_(model)  # training is over
    assert update.P.shape[1] == 2


def test_gradients_shrink_with_their_weights():
    model = adapted()
    nn.init.normal_(model.up.update.lam)
    model(*next(mlp_batches(1))).backward()
    update = model.up.update
    grads = update.P.grad.clone(), update.Q.grad.clone()
    update.keep_(torch.tensor([True, False, False, True]))
    adalora.compact_(model)
    assert torch.equal(update.P.grad, grads[0][:, [0, 3]])
    assert torch.equal(update.Q.grad, grads[1][[0, 3]])


def test_nothing_left_anywhere_keeps_a_loop_running(caplog):
    model = adapted()
    controller, optimizer = start(model, target_rank=0)
    train(model, optimizer, mlp_batches(70))
    assert controller.budget == 0
    assert [one.P.shape[1] for one in updates(model)] == [4, 4]
    assert "a budget of 0 leaves nothing to train" in caplog.text


def test_a_stack_keeps_as_many_as_its_richest_matrix():
    mask = torch.tensor([[True, False, True, False], [False, False, False, True], [False] * 4])
    config = MixtralConfig(hidden_size=8, intermediate_size=6, num_local_experts=3)
    config._experts_implementation = "eager"
    experts = MixtralExperts(config).double()
    for parameter in experts.parameters():
        nn.init.normal_(parameter, std=0.3)
    model = adalora.inject(nn.ModuleDict({"mlp": experts}), AdapterConfig(rank=4, target_modules=["mlp"]))
    for update in updates(model):
        nn.init.normal_(update.lam)
        update.keep_(mask)
    x, chosen = torch.randn(5, 8, dtype=torch.float64), torch.randint(0, 3, (5, 2))
    weights = torch.rand(5, 2, dtype=torch.float64)
    before = model["mlp"](x, chosen, weights)
    adalora.compact_(model)
    for update in updates(model):
        assert update.P.shape[-1] == update.Q.shape[-2] == 2
        assert update.mask.sum(-1).tolist() == [2, 1, 0]
        assert torch.all(update.lam[~update.mask] == 0)
    torch.testing.assert_close(model["mlp"](x, chosen, weights), before, rtol=1e-13, atol=1e-13)


def test_survivors_keep_their_order():
    update = adalora.SVDUpdate(5, 6, 4)
    update.keep_(torch.tensor([False, True, False, True]))
    index = survivors(update)
    assert index.tolist() == [1, 3]
    assert torch.equal(take(update.Q, index, -2), update.Q[[1, 3]])


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch's own tracer
def test_a_compiled_model_goes_on():
    model, twin = adapted(), None
    twin = copy.deepcopy(model)
    _, optimizer = start(model)
    _, other = start(twin)
    compiled = torch.compile(model, backend="aot_eager")
    for batch in mlp_batches(24):
        ours, theirs = train(compiled, optimizer, [batch]), train(twin, other, [batch])
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    assert sum(one.P.shape[1] for one in updates(model)) == 4


@pytest.mark.parametrize("prune", ["soft", "hard"])
@pytest.mark.parametrize("stop", [10, 19, 20, 21, 40])
def test_a_run_resumes_from_shrunk_tensors(stop, prune, tmp_path):
    model = adapted()
    plain, batches = copy.deepcopy(model), list(mlp_batches(70))
    controller, optimizer = start(model, prune=prune)
    train(model, optimizer, batches[:stop])
    adalora.save(model, tmp_path, controller)
    moments = copy.deepcopy(optimizer.state_dict())
    train(model, optimizer, batches[stop:])

    resumed, again = start(plain, prune=prune)
    adalora.load(plain, tmp_path, resumed)
    again.load_state_dict(moments)
    train(plain, again, batches[stop:])
    assert resumed.history == controller.history
    for one, two in zip(trainable(model), trainable(plain), strict=True):
        assert torch.equal(one, two)


def test_a_shrunk_adapter_loads_onto_the_plain_model(tmp_path):
    base, (x, y) = mlp(), next(mlp_batches(1))
    model, other = (adalora.inject(copy.deepcopy(base), ADAPTER) for _ in range(2))
    _, optimizer = start(model)
    train(model, optimizer, mlp_batches(70))
    adalora.save(model, tmp_path)
    fresh = adalora.load(base, tmp_path)
    assert [one.P.shape for one in updates(fresh)] == [one.P.shape for one in updates(model)]
    assert torch.equal(fresh(x, y), model(x, y))
    other.load_state_dict(model.state_dict())  # torch's own way
    assert torch.equal(other(x, y), model(x, y))
    model.load_state_dict(adapted().state_dict())  # and back
    assert [one.P.shape[1] for one in updates(model)] == [4, 4]
