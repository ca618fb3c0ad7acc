"""One training that one process does on joined batches, or several on their shares of them."""

import contextlib

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from tests.models import mlp, mlp_batches

STEPS = 24


def adapted(seed=0, optimizer="AdamW"):
    torch.manual_seed(seed)
    model = mlp()
    init = "orthogonal" if optimizer == "SGD" else "gaussian"  # from small factors SGD gets nowhere
    return adalora.inject(
        model, AdapterConfig(recipe="paper", rank=5, target_modules=["up", "down"], init=init)
    )


def allocation(**settings):
    return AllocationConfig(
        **{
            "recipe": "paper", "target_rank": 2, "total_steps": STEPS, "warmup_steps": 3, "final_steps": 6,
            "interval": 2, **settings,
        }
    )  # fmt: skip


def optimizer_of(model, kind="AdamW"):
    rate = {"AdamW": 2e-2, "SGD": 0.3}[kind]
    return getattr(torch.optim, kind)([p for p in model.parameters() if p.requires_grad], lr=rate)


def loss_of(model, x, y, joined, world):
    """Return this share's part of the mean over the joined batch; the processes' gradients are averaged."""
    return nn.functional.cross_entropy(model(x), y, reduction="sum") * world / joined


def waiting(model, last):
    """Let gradients stay on their process until the last part of a batch."""
    if isinstance(model, nn.parallel.DistributedDataParallel) and not last:
        return model.no_sync()
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(last)
    return contextlib.nullcontext()


def train(
    model, optimizer, controller, *, rank=0, world=1, size=12, parts=1, first=0, until=STEPS, spoiled=()
):
    """Train from step ``first`` up to ``until``; return what was decided, and the penalty of each step.

    One row of each of the ``spoiled`` steps is NaN, on the first process.
    """
    inner = getattr(model, "_orig_mod", model)  # of torch.compile
    alive, penalties = [], []
    for step, (x, y) in enumerate(mlp_batches(STEPS, size=size)):
        if not first <= step < until:
            continue
        if step in spoiled:
            x[0] = torch.nan
        mine = x[rank::world], y[rank::world]
        for part in range(parts):
            with waiting(inner, part == parts - 1):
                loss_of(model, mine[0][part::parts], mine[1][part::parts], size, world).backward()
        optimizer.step()
        optimizer.zero_grad()
        penalties.append(controller.penalty.item())
        if controller.schedule.is_update(controller.step):
            alive.append({key: mask.tolist() for key, mask in controller.decision.alive().items()})
    return {"alive": alive, "penalties": penalties}


def told(model, controller):
    """Return where a training has come to, as plain data, the same on every process."""
    deltas = {}
    for name, layer in adalora.adapters(model).items():
        P, lam, Q = (full(factor.detach()) for factor in (layer.update.P, layer.update.lam, layer.update.Q))
        deltas[name] = (P * lam @ Q).tolist()
    return {
        "deltas": deltas,
        "ranks": controller.ranks(),
        "history": [[row.step, row.budget, row.ranks, row.threshold] for row in controller.history],
        "scores": {name: scores.tolist() for name, scores in controller.scores().items()},
    }


def full(tensor):
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def alone(settings=None, **how):
    """Return what one process finds on the joined batches."""
    kind = how.pop("optimizer", "AdamW")
    model = adapted(optimizer=kind)
    optimizer = optimizer_of(model, kind)
    controller = AdaLoRAController(model, allocation(**{"compact": False, **(settings or {})}))
    controller.attach(optimizer)
    folder = how.pop("folder", None)
    record = train(model, optimizer, controller, **how)
    controller.detach()
    if folder:
        adalora.save(model, folder)
    return record | told(model, controller)


def require_same(found, expected):
    """Check that each process has found what one process finds alone."""
    for one in found[1:]:
        assert one == found[0]  # to the last bit
    one = found[0]
    assert one["alive"] == expected["alive"][len(expected["alive"]) - len(one["alive"]) :]
    assert one["ranks"] == expected["ranks"]
    assert len(one["history"]) == len(expected["history"])
    for row, wanted in zip(one["history"], expected["history"], strict=True):
        assert row[:3] == wanted[:3]
        close([row[3] or 0.0], [wanted[3] or 0.0])
    close(one["penalties"], expected["penalties"][len(expected["penalties"]) - len(one["penalties"]) :])
    for name, delta in expected["deltas"].items():
        close(one["deltas"][name], delta)
    assert max(abs(number) for row in one["deltas"]["up"] for number in row) > 1e-3


def close(found, expected):
    one, two = (torch.tensor(numbers, dtype=torch.float64) for numbers in (found, expected))
    torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-12)
