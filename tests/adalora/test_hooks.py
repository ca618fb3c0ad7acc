"""The glue to optimizers: scalers, closures, wrappers, and what is refused."""

import copy
import dataclasses
import warnings

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from tests.models import mlp, mlp_batches

ALLOCATION = AllocationConfig(
    recipe="paper", target_rank=2, total_steps=12, warmup_steps=1, final_steps=3, interval=1
)


def adapted(dtype=torch.float32):
    return adalora.inject(mlp(), AdapterConfig(rank=4, target_modules=["up", "down"])).to(dtype)


def trainable(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def batches(steps, dtype=torch.float32, device="cpu"):
    return [(x.to(device, dtype), y.to(device)) for x, y in mlp_batches(steps)]


def snapshot(controller, model):
    averages = {key: value.clone() for key, value in controller.scores().items()}
    masks = {name: layer.update.mask.clone() for name, layer in adalora.adapters(model).items()}
    return averages, masks, controller.step, list(controller.history)


def assert_same(one, two):
    for left, right in zip(one[:2], two[:2], strict=True):
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)
    assert one[2:] == two[2:]


OPTIMIZERS = [
    pytest.param(torch.optim.AdamW, {}, id="plain"),
    pytest.param(torch.optim.AdamW, {"fused": True}, id="fused-adamw"),
    pytest.param(torch.optim.SGD, {"fused": True}, id="fused-sgd"),
]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
@pytest.mark.parametrize("score_at", ["before_step", "after_step"])
@pytest.mark.parametrize("device", DEVICES)
def test_a_step_with_an_inf_gradient_under_a_scaler_leaves_no_trace(kind, options, score_at, device):
    model = adapted().to(device)
    optimizer = kind(trainable(model), lr=1e-2, **options)
    controller = AdaLoRAController(model, dataclasses.replace(ALLOCATION, score_at=score_at))
    controller.attach(optimizer)
    scaler = torch.amp.GradScaler(device, init_scale=64.0)
    for number, (x, y) in enumerate(batches(8, device=device)):
        scaler.scale(model(x, y)).backward()
        before = snapshot(controller, model)
        if number == 4:
            model.up.update.P.grad[0, 0] = torch.inf
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        if number == 4:
            assert_same(before, snapshot(controller, model))
    assert controller.step == 7


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
@pytest.mark.parametrize("score_at", ["before_step", "after_step"])
@pytest.mark.parametrize("device", DEVICES)
def test_scores_and_penalty_see_unscaled_gradients(kind, options, score_at, device):
    model = adapted(torch.float64).to(device)
    twin = copy.deepcopy(model)
    allocation = dataclasses.replace(ALLOCATION, score_at=score_at)
    runs = []
    for one, scaler in ((model, torch.amp.GradScaler(device, init_scale=1024.0)), (twin, None)):
        optimizer = kind(trainable(one), lr=1e-2, **options)
        controller = AdaLoRAController(one, allocation)
        controller.attach(optimizer)
        for x, y in batches(12, torch.float64, device):
            loss = one(x, y)
            (loss if scaler is None else scaler.scale(loss)).backward()
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)
                scaler.update()
            optimizer.zero_grad()
        runs.append(controller)
    assert runs[0].ranks() == runs[1].ranks()
    for name, score in runs[0].scores().items():
        torch.testing.assert_close(score, runs[1].scores()[name], rtol=1e-6, atol=0)


def test_a_closure_is_scored_after_it_made_the_gradients():
    model = adapted(torch.float64)
    twin = copy.deepcopy(model)
    optimizer, twin_optimizer = (torch.optim.AdamW(trainable(one), lr=1e-2) for one in (model, twin))
    controller, twin_controller = AdaLoRAController(model, ALLOCATION), AdaLoRAController(twin, ALLOCATION)
    controller.attach(optimizer)
    twin_controller.attach(twin_optimizer)
    for number, (x, y) in enumerate(batches(12, torch.float64)):

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = model(x, y)
            loss.backward()
            return loss

        if number % 2:
            optimizer.step(closure)
        else:
            optimizer.step(closure=closure)
        twin_optimizer.zero_grad()
        twin(x, y).backward()
        twin_optimizer.step()
    assert_same(snapshot(controller, model), snapshot(twin_controller, twin))


def test_accelerate_accumulates_without_a_word_to_us():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = adapted()
    optimizer = torch.optim.AdamW(trainable(model), lr=1e-2)
    model, optimizer = accelerator.prepare(model, optimizer)
    controller = AdaLoRAController(model, ALLOCATION)
    controller.attach(optimizer)
    for x, y in batches(24):
        with accelerator.accumulate(model):
            accelerator.backward(model(x, y))
            optimizer.step()
            optimizer.zero_grad()
    assert controller.step == 12
    assert controller.budget == 4


@given(held=st.lists(st.booleans(), min_size=6, max_size=6))
@settings(max_examples=20)
def test_an_optimizer_that_lacks_parameters_is_refused_and_untouched(held):
    model = adapted()
    factors = [parameter for name, parameter in model.named_parameters() if "updates" in name]
    chosen = [parameter for parameter, keep in zip(factors, held, strict=True) if keep]
    optimizer = torch.optim.SGD([*chosen, torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    controller = AdaLoRAController(model, ALLOCATION)
    if all(held):
        controller.attach(optimizer)
        return
    message = rf"optimizer lacks {held.count(False)} of the adapter's parameters \((up|down)\.(P|lam|Q).*after inject"
    with pytest.raises(adalora.StateError, match=message):
        controller.attach(optimizer)
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_lbfgs_is_refused():
    model = adapted()
    with pytest.raises(adalora.StateError, match="LBFGS, which evaluates the loss several times"):
        AdaLoRAController(model, ALLOCATION).attach(torch.optim.LBFGS(trainable(model)))


def test_attach_twice_is_refused_and_detach_undoes_it():
    model = adapted()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    controller = AdaLoRAController(model, ALLOCATION)
    controller.attach(optimizer)
    with pytest.raises(adalora.StateError, match=r"attached already; call detach"):
        controller.attach(optimizer)
    controller.detach()
    model(*batches(1)[0]).backward()
    optimizer.step()
    assert controller.step == 0
    assert not optimizer._optimizer_step_pre_hooks
    controller.attach(optimizer)
    optimizer.step()
    assert controller.step == 1


def test_two_controllers_of_one_adapter_on_one_optimizer_are_refused():
    model = adapted()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    first, second = AdaLoRAController(model, ALLOCATION), AdaLoRAController(model, ALLOCATION)
    first.attach(optimizer)
    with pytest.raises(adalora.StateError, match=r"another controller steers this adapter.*call detach"):
        second.attach(optimizer)
    first.detach()
    second.attach(optimizer)


def test_a_frozen_adapter_is_refused():
    model = adapted()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"]), name="second")
    with pytest.raises(adalora.StateError, match=r"6 of the adapter's parameters are frozen \(up\.P"):
        AdaLoRAController(model, ALLOCATION).attach(optimizer)


def test_a_controller_rests_while_another_adapter_trains():
    torch.manual_seed(0)
    model = mlp()
    for name in ("first", "second"):
        adalora.inject(model, AdapterConfig(rank=3, target_modules=["up"]), name=name)
    adalora.set_adapter(model, "first")
    free = [p for name, p in model.named_parameters() if ".updates." in name]
    optimizer = torch.optim.SGD(free, lr=0.1)
    config = AllocationConfig(target_rank=1, total_steps=8, warmup_steps=1, final_steps=1, interval=1)
    controller = AdaLoRAController(model, config, name="first")
    controller.attach(optimizer)
    x = torch.randn(4, 6, dtype=torch.float64)

    def train(steps):
        for _ in range(steps):
            model(x).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    train(2)
    before = (controller.step, controller.ranks(), {k: v.clone() for k, v in controller.scores().items()})
    adalora.set_adapter(model, "second")
    train(5)
    assert (controller.step, controller.ranks()) == before[:2]
    assert all(torch.equal(scores, before[2][name]) for name, scores in controller.scores().items())
    adalora.set_adapter(model, "first")
    train(1)
    assert controller.step == before[0] + 1
