"""Half precision and scaled losses: scores are of unscaled float32 gradients, and overflows leave no trace."""

import copy
import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from tests.models import mlp, mlp_batches
from tests.reference import NaiveAdaLoRA, NaiveLayer

ADAPTER = AdapterConfig(recipe="paper", rank=4, alpha=8.0, target_modules=["up", "down"])
ALLOCATION = AllocationConfig(
    target_rank=2, total_steps=16, warmup_steps=2, final_steps=4, interval=2, orthogonality=0.1
)
AMP = [
    pytest.param(torch.optim.AdamW, {}, id="plain"),
    pytest.param(torch.optim.AdamW, {"fused": True}, id="fused-adamw"),
    pytest.param(torch.optim.SGD, {"fused": True, "momentum": 0.9}, id="fused-sgd"),
]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


def adapted(dtype=torch.float64, device="cpu"):
    torch.manual_seed(2)
    return adalora.inject(mlp(), ADAPTER).to(device, dtype)


def trainable(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def start(model, allocation=ALLOCATION, kind=torch.optim.AdamW, **options):
    optimizer = kind(trainable(model), lr=1e-2, **options)
    controller = AdaLoRAController(model, allocation)
    controller.attach(optimizer)
    return controller, optimizer


def scaled_step(model, optimizer, scaler, x, y, *, overflow=False, clip=False):
    scaler.scale(model(x, y)).backward()
    if overflow:
        model.up.update.P.grad[0, 0] = torch.inf
    if clip:
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(trainable(model), 1e6)
    scaler.step(optimizer)
    scaler.update(scaler.get_scale())  # the same again: what an overflow does to it is the scaler's business
    optimizer.zero_grad()


@pytest.mark.parametrize(("kind", "options"), AMP)
@pytest.mark.parametrize("score_at", ["before_step", "after_step"])
@settings(max_examples=8)
@given(overflows=st.sets(st.integers(0, 19), max_size=4), clip=st.booleans())
def test_overflowing_steps_might_never_have_been(kind, options, score_at, overflows, clip):
    batches = list(mlp_batches(20))[: 16 + len(overflows)]
    if options.get(
        "momentum"
    ):  # torch's own momentum begins with unset memory where the first step overflows
        overflows = overflows - {0}
    overflows = {number for number in overflows if number < len(batches)}
    healthy = [batch for number, batch in enumerate(batches) if number not in overflows][:16]
    allocation = dataclasses.replace(ALLOCATION, score_at=score_at)
    runs = []
    for rows, bad in ((batches, overflows), (healthy, ())):
        model = adapted()
        controller, optimizer = start(model, allocation, kind, **options)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
        for number, (x, y) in enumerate(rows):
            if controller.step < 16:
                scaled_step(model, optimizer, scaler, x, y, overflow=number in bad, clip=clip)
        runs.append((controller, dict(model.state_dict())))
    (one, weights), (two, others) = runs
    assert one.history == two.history
    assert one.skipped == two.skipped == 0
    torch.testing.assert_close(weights, others, rtol=0, atol=0)
    averages = [run.state_dict()["tensors"] for run in (one, two)]
    torch.testing.assert_close(*averages, rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "options"), [AMP[0], AMP[1]])
def test_a_scaled_run_with_overflows_equals_the_naive_reference(kind, options):
    model = adapted()
    naive = copy.deepcopy(model)
    for name in ("up", "down"):
        layer = naive.get_submodule(name)
        update = layer.update
        setattr(naive, name, NaiveLayer(layer.base.weight, layer.base.bias, update.P, update.Q, 2.0))
    controller, optimizer = start(model, dataclasses.replace(ALLOCATION, compact=False), kind, **options)
    oracle = NaiveAdaLoRA([naive.up, naive.down], 16, 2, 4, 2, 4, 0.1, "mean_norm", "before_step",
                          "sensitivity_uncertainty", of="kept")  # fmt: skip
    naive_optimizer = torch.optim.AdamW(oracle.weights, lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for number, (x, y) in enumerate(mlp_batches(19)):
        overflow = number in (0, 5, 15)
        scaled_step(model, optimizer, scaler, x, y, overflow=overflow)
        if not overflow:
            oracle.step(naive(x, y), naive_optimizer)
    kept = [sum(j == k for j, _ in oracle.kept) for k in range(2)]
    assert list(controller.ranks().values()) == kept
    # 1/scale is a float32 in the scaler, and the fused update of torch rounds its own way.
    for name, reference in (("up", naive.up), ("down", naive.down)):
        update = model.get_submodule(name).update
        for factor in ("P", "lam", "Q"):
            torch.testing.assert_close(
                getattr(update, factor), getattr(reference, factor), rtol=1e-7, atol=1e-10
            )


@pytest.mark.parametrize("score_at", ["before_step", "after_step"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scores_of_half_precision_are_those_of_float64(dtype, score_at):
    """Each gradient is rounded to half precision once, and nothing behind it is."""
    model = adapted(dtype)
    allocation = dataclasses.replace(ALLOCATION, score_at=score_at, orthogonality=0.0)
    controller, optimizer = start(model, allocation, fused=True)
    optimizer.grad_scale, optimizer.found_inf = torch.tensor(2.0**16), torch.tensor(0.0)
    weights = trainable(model)
    assert {weight.dtype for weight in weights} == {dtype}
    averages = [[torch.zeros_like(w, dtype=torch.float64) for w in weights] for _ in range(2)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        for weight in weights:  # 1e-7 is below half of the smallest float16
            true = 1e-7 * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight.grad = (true * 2.0**16).to(dtype)
        true = [weight.grad.double() / 2.0**16 for weight in weights]
        before = [weight.detach().double() for weight in weights]
        optimizer.step()
        at = before if score_at == "before_step" else [weight.detach().double() for weight in weights]
        for w, g, mean, spread in zip(at, true, *averages, strict=True):
            mean.lerp_((w * g).abs(), 0.15)
            spread.lerp_(((w * g).abs() - mean).abs(), 0.15)
    each = [mean * spread for mean, spread in zip(*averages, strict=True)]
    expected = [
        lam + P.mean(0) + Q.mean(1) for P, lam, Q in zip(each[0::3], each[1::3], each[2::3], strict=True)
    ]
    for score, wanted in zip(controller.scores().values(), expected, strict=True):
        assert score.dtype == torch.float32
        assert torch.all(score > 0)
        torch.testing.assert_close(score.double(), wanted, rtol=1e-4, atol=0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "scaled"), [(torch.float16, True), (torch.bfloat16, False)])
@pytest.mark.parametrize("halves", [False, True], ids=["autocast", "half-weights"])
def test_a_whole_run_in_half_precision_ends_at_its_budget(dtype, scaled, halves, device):
    model = adapted(dtype if halves else torch.float32, device)
    controller, optimizer = start(model, fused=halves and scaled)
    scaler = torch.amp.GradScaler(device, init_scale=2.0**16, enabled=scaled)
    for x, y in mlp_batches(60):
        if controller.step == 16:
            break
        x = x.to(device, dtype if halves else torch.float32)  # noqa: PLW2901
        with torch.autocast(device, dtype=dtype, enabled=not halves):
            loss = model(x, y.to(device))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    assert controller.step == 16
    assert sum(controller.ranks().values()) == controller.budget == 4
    assert all(torch.isfinite(one).all() for one in controller.state_dict()["tensors"].values())
    assert all(torch.isfinite(weight).all() for weight in trainable(model))


def test_torch_refuses_to_unscale_float16_weights_for_a_plain_optimizer():
    """So float16 adapters want a fused optimizer, or factors in float32; nothing of ours has moved."""
    model = adapted(torch.float16)
    controller, optimizer = start(model, foreach=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    x, y = next(mlp_batches(1))
    scaler.scale(model(x.half(), y)).backward()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.step(optimizer)
    assert controller.step == 0


@pytest.mark.parametrize(("kind", "options"), AMP)
def test_a_nan_loss_under_a_scaler_is_its_business(kind, options):
    model = adapted()
    controller, optimizer = start(model, kind=kind, **options)
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    for number, (x, y) in enumerate(mlp_batches(4)):
        scaled_step(model, optimizer, scaler, x * (torch.nan if number == 2 else 1), y)
    assert controller.step == 3
    assert controller.skipped == 0
