"""The predicted length of steps, against updates that have moved as predicted."""

import math

import pytest
import torch
from torch import nn

import adalora
from experiments.recipe import derivation


@pytest.mark.parametrize("label", derivation._STARTS)
@pytest.mark.parametrize(("d1", "d2"), [(384, 256), (96, 512)])
def test_the_prediction_is_what_random_signs_give(label, d1, d2):
    """Every entry of every factor moves by the same, up or down."""
    config = derivation._settings(derivation._STARTS[label])
    model = nn.Sequential(nn.Linear(d2, d1))
    adapter = {**vars(config.adapter), "target_modules": ["0"], "exclude_modules": [], "train_modules": []}
    adalora.inject(model, adalora.AdapterConfig(**adapter))
    (layer,) = adalora.adapters(model).values()
    moved = 0.003
    for parameter in layer.update.parameters():
        parameter.data += moved * torch.randint(0, 2, parameter.shape).mul(2).sub(1)
    measured = layer.delta_weight().norm().item()
    assert derivation.predict(config, d1, d2, moved) == pytest.approx(measured, rel=0.12)


def test_nothing_is_clipped_or_pruned_while_it_is_measured():
    for contender in derivation._STARTS.values():
        config = derivation._settings(contender)
        assert config.training.max_grad_norm == 0
        assert config.training.lr_schedule == "constant"
        assert config.training.max_steps > max(derivation.STEPS)
        if contender.method == "adalora":
            warmup, *_ = config.allocation.timetable(config.training.max_steps)
            assert warmup >= max(derivation.STEPS)


def test_the_first_steps_of_both_are_equally_long_for_each_component():
    lora, ours = (
        derivation._settings(derivation._STARTS[name]) for name in ("LoRA", "AdaLoRA, long first steps")
    )
    lengths = [derivation.predict(one, 384, 384, 1e-9) for one in (lora, ours)]
    assert lengths[1] / lengths[0] == pytest.approx(math.sqrt(12 / 8))


def test_a_rate_of_lambda_is_a_scale_as_long_as_nothing_is_clipped():
    """k times the rate of λ, and k times s: the same ΔW at every step, but for Adam's ε."""

    def trained(alpha, rate, clip=None):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 7)).double()
        adalora.inject(model, adalora.AdapterConfig(rank=3, alpha=alpha, init="orthogonal"))
        (layer,) = adalora.adapters(model).values()
        factors, lam = [layer.update.P, layer.update.Q], [layer.update.lam]
        groups = [{"params": factors, "lr": 1e-2}, {"params": lam, "lr": rate}]
        optimizer = torch.optim.Adam(groups, eps=0)
        generator = torch.Generator().manual_seed(1)
        for _ in range(20):
            x = torch.randn(4, 5, generator=generator, dtype=torch.float64)
            y = torch.randn(4, 7, generator=generator, dtype=torch.float64)
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            # λ = 0 gives P and Q no gradient in the first step, and 0/0 would be no step.
            for factor in factors:
                factor.grad[factor.grad == 0] = 1.0
            if clip is not None:
                nn.utils.clip_grad_norm_([*factors, *lam], clip)
            optimizer.step()
        return layer.delta_weight()

    torch.testing.assert_close(trained(3.0, 4e-2), trained(12.0, 1e-2), rtol=1e-9, atol=1e-12)
    clipped = trained(3.0, 4e-2, clip=0.1), trained(12.0, 1e-2, clip=0.1)
    assert (clipped[0] - clipped[1]).norm() > 0.01 * clipped[0].norm()
