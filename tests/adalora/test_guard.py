"""A step whose gradients are not finite raises, or is left out, and leaves no trace."""

import copy
import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from tests.models import mlp, mlp_batches

ALLOCATION = AllocationConfig(
    target_rank=2, total_steps=12, warmup_steps=1, final_steps=3, interval=1, orthogonality=0.1
)
SKIP = dataclasses.replace(ALLOCATION, nonfinite="skip")
TOLD = "gradients of step .* are not finite"

OPTIMIZERS = [
    pytest.param(torch.optim.AdamW, {"foreach": False}, id="adamw-loop"),
    pytest.param(torch.optim.AdamW, {"foreach": True}, id="adamw-foreach"),
    pytest.param(torch.optim.AdamW, {"fused": True}, id="adamw-fused"),
    pytest.param(torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}, id="sgd-momentum"),
    pytest.param(torch.optim.SGD, {"momentum": 0.9, "fused": True}, id="sgd-fused"),
    pytest.param(torch.optim.Adagrad, {}, id="adagrad"),
    pytest.param(torch.optim.RMSprop, {"momentum": 0.5}, id="rmsprop"),
    pytest.param(torch.optim.Adafactor, {}, id="adafactor"),
]


def adapted():
    adapter = AdapterConfig(rank=4, target_modules=["up", "down"], train_modules=["head"])
    return adalora.inject(mlp(), adapter)


def trainable(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def richest(model):
    """Return an update that still has a triplet."""
    return max((model.up.update, model.down.update), key=lambda update: update.lam.numel())


def nan_loss(model):
    for parameter in trainable(model):
        parameter.grad = torch.full_like(parameter, torch.nan)


def nan_in_one_q(model):
    richest(model).Q.grad[-1, 2] = torch.nan


def inf_in_lambda(model):
    richest(model).lam.grad[0] = -torch.inf


def nan_in_the_head(model):
    model.head.weight.grad[0, 0] = torch.nan


FAULTS = [nan_loss, nan_in_one_q, inf_in_lambda, nan_in_the_head]


def everything(model, optimizer, controller):
    """Return a copy of all that a step may move."""
    state = controller.state_dict()
    return copy.deepcopy(
        [
            dict(model.state_dict()),
            optimizer.state_dict(),
            state.pop("tensors"),
            {key: value for key, value in state.items() if key not in ("skipped", "config")},
            controller.penalty,
            controller.skipped,
        ]
    )


def assert_same(one, two):
    torch.testing.assert_close(one[:3], two[:3], rtol=0, atol=0)
    assert one[3:] == two[3:]


def run(allocation, kind, options, batches, fault=None, faulty=()):
    """Train from one start; the steps in ``faulty`` get a fault and, if it raises, no update."""
    torch.manual_seed(1)
    model = adapted()
    optimizer = kind(trainable(model), lr=1e-2, **options)
    controller = AdaLoRAController(model, allocation)
    controller.attach(optimizer)
    for number, (x, y) in enumerate(batches):
        model(x, y).backward()
        if number in faulty:
            fault(model)
            before = everything(model, optimizer, controller)
            gradients = [p.grad.clone() for p in trainable(model)]
            if allocation.nonfinite == "raise":
                with pytest.raises(adalora.StateError, match=rf"at step {controller.step + 1} the gradients"):
                    optimizer.step()
                kept = [p.grad for p in trainable(model)]
                torch.testing.assert_close(kept, gradients, rtol=0, atol=0, equal_nan=True)
            else:
                optimizer.step()
                before[-1] += 1
            assert_same(before, everything(model, optimizer, controller))
        else:
            optimizer.step()
        optimizer.zero_grad()
    return everything(model, optimizer, controller)


def train(model, optimizer, steps, bad):
    """Train with a NaN loss in some of the steps."""
    for number, (x, y) in enumerate(mlp_batches(steps)):
        model(x * (torch.nan if number in bad else 1), y).backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_skipped_step_moves_nothing_of_anybody(kind, options, fault):
    allocation = dataclasses.replace(SKIP, compact=kind is not torch.optim.Adafactor)
    faulty = {0, 4, 10}  # the first step, one that would prune, and one behind the last decision
    batches = list(mlp_batches(15))
    with pytest.warns(UserWarning, match=TOLD):
        skipped = run(allocation, kind, options, batches, fault, faulty)
    healthy = run(allocation, kind, options, [b for i, b in enumerate(batches) if i not in faulty])
    assert skipped.pop() == 3
    assert healthy.pop() == 0
    assert_same(healthy, skipped)


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS[:5])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("score_at", ["before_step", "after_step"])
def test_a_step_that_raises_has_changed_nothing(kind, options, fault, score_at):
    allocation = dataclasses.replace(ALLOCATION, score_at=score_at)
    batches, faulty = list(mlp_batches(15)), {0, 4, 10}
    caught = run(allocation, kind, options, batches, fault, faulty)
    assert_same(caught, run(allocation, kind, options, [b for i, b in enumerate(batches) if i not in faulty]))


@settings(max_examples=15)
@given(
    faults=st.dictionaries(st.integers(0, 14), st.sampled_from(FAULTS), max_size=4),
    score_at=st.sampled_from(["before_step", "after_step"]),
    scorer=st.sampled_from(["sensitivity_uncertainty", "sensitivity", "magnitude"]),
    prune=st.sampled_from(["soft", "hard"]),
)
@pytest.mark.filterwarnings(f"ignore:.*{TOLD}", "ignore:training outruns")
def test_bad_steps_anywhere_leave_the_run_without_them(faults, score_at, scorer, prune):
    allocation = dataclasses.replace(SKIP, score_at=score_at, scorer=scorer, prune=prune)
    batches = list(mlp_batches(15))

    in_order = iter(sorted(faults))

    def any_of_them(model):
        faults[next(in_order)](model)

    skipped = run(allocation, torch.optim.AdamW, {}, batches, any_of_them, faults)
    healthy = run(allocation, torch.optim.AdamW, {}, [b for i, b in enumerate(batches) if i not in faults])
    assert skipped.pop() == len(faults)
    healthy.pop()
    assert_same(healthy, skipped)


def test_one_bad_part_of_an_accumulated_gradient_spoils_the_step():
    model = adapted()
    optimizer = torch.optim.AdamW(trainable(model), lr=1e-2)
    controller = AdaLoRAController(model, SKIP)
    controller.attach(optimizer)
    before = everything(model, optimizer, controller)
    for number, (x, y) in enumerate(mlp_batches(3)):
        (model(x * (torch.nan if number == 1 else 1), y) / 3).backward()
    with pytest.warns(UserWarning, match=TOLD):
        optimizer.step()
    before[-1] = 1
    assert_same(before, everything(model, optimizer, controller))


def test_a_closure_that_makes_bad_gradients():
    model = adapted()
    optimizer = torch.optim.AdamW(trainable(model), lr=1e-2)
    controller = AdaLoRAController(model, ALLOCATION)
    controller.attach(optimizer)
    before = everything(model, optimizer, controller)
    x, y = next(mlp_batches(1))

    def closure():
        loss = model(x * torch.nan, y)
        loss.backward()
        return loss

    with pytest.raises(adalora.StateError, match=r"at step 1 the gradients of \d+ parameters .*up\.P"):
        optimizer.step(closure)
    assert_same(before, everything(model, optimizer, controller))


def test_it_warns_once_and_a_resumed_run_goes_on_counting(tmp_path):
    model = adapted()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    controller = AdaLoRAController(model, SKIP)
    controller.attach(optimizer)
    with pytest.warns(UserWarning, match=TOLD) as caught:
        train(model, optimizer, 3, bad={0, 1, 2})
    assert len(caught) == 1
    assert (controller.skipped, controller.step) == (3, 0)
    adalora.save(model, tmp_path, controller)
    again = AdaLoRAController(model, SKIP)
    adalora.load(model, tmp_path, again)
    assert again.skipped == 3


def test_with_warnings_as_errors_the_first_skip_stops_before_anything_has_changed():
    model = adapted()
    optimizer = torch.optim.AdamW(trainable(model), lr=1e-2)
    controller = AdaLoRAController(model, SKIP)
    controller.attach(optimizer)
    before = everything(model, optimizer, controller)
    nan_loss(model)
    with pytest.raises(UserWarning, match=TOLD):
        optimizer.step()
    assert_same(before, everything(model, optimizer, controller))
    optimizer.zero_grad()
    model(*next(mlp_batches(1))).backward()
    optimizer.step()
    assert (controller.step, controller.skipped) == (1, 0)


def test_by_hand_without_an_optimizer_the_adapter_alone_is_watched():
    model = adapted()
    controller = AdaLoRAController(model, SKIP)
    model(*next(mlp_batches(1))).backward()
    nan_in_one_q(model)
    with pytest.warns(UserWarning, match=TOLD):
        controller.before_step()
    controller.after_step()
    assert (controller.step, controller.skipped) == (0, 1)
    assert model.up.update.P.grad is model.down.update.P.grad is None
    assert model.head.weight.grad is not None


def test_a_parameter_that_the_model_does_not_have_is_named_by_its_place():
    model, outside = adapted(), torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([*trainable(model), outside], lr=1e-2)
    AdaLoRAController(model, ALLOCATION).attach(optimizer)
    model(*next(mlp_batches(1))).backward()
    outside.grad = torch.full_like(outside, torch.nan)
    number = len(trainable(model))
    with pytest.raises(
        adalora.StateError, match=rf"of 1 parameters .* \(parameter {number} of the optimizer\)"
    ):
        optimizer.step()


@pytest.mark.parametrize("first", ["one", "two"])
def test_two_controllers_on_an_optimizer_leave_out_the_same_step(first):
    model = mlp()
    for name in ("one", "two"):
        adalora.inject(model, AdapterConfig(rank=3, target_modules=["up"]), name=name)
    adalora.set_adapter(model, ["one", "two"])
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    order = ["one", "two"] if first == "one" else ["two", "one"]
    config = dataclasses.replace(SKIP, target_rank=1)
    controllers = [AdaLoRAController(model, config, name=name) for name in order]
    for controller in controllers:
        controller.attach(optimizer)
    with pytest.warns(UserWarning, match=TOLD):
        train(model, optimizer, 8, bad={2, 3})
    assert [one.step for one in controllers] == [6, 6]
    assert [one.skipped for one in controllers] == [2, 0]


def test_an_older_state_raises_as_everything_did(tmp_path):
    controller = AdaLoRAController(adapted(), ALLOCATION)
    state = controller.state_dict()
    del state["skipped"], state["config"]["nonfinite"]
    controller.load_state_dict(state)
    assert controller.skipped == 0
    with pytest.warns(UserWarning, match="nonfinite 'raise' → 'skip'"):
        AdaLoRAController(adapted(), SKIP).load_state_dict(state)
