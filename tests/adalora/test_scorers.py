"""Scoring strategies against the equations, and the registry."""

import dataclasses

import pytest
import torch

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from adalora import scorers as registry
from adalora.scorers import make_scorer, triplet_scores
from tests.models import mlp


def some(shapes, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]


SHAPES = [(2, 5, 2), (2, 2), (2, 2, 3), (1, 4, 3), (1, 3), (1, 3, 6)]  # two matrices, and one of another size


def test_sensitivity_uncertainty_follows_the_equations():
    scorer = make_scorer("sensitivity_uncertainty", 0.8, 0.6)
    state = scorer.init(some(SHAPES, 0))
    bar = uncertainty = torch.zeros(2, 5, 2, dtype=torch.float64)
    for step in range(4):
        weights, grads = some(SHAPES, 2 * step), some(SHAPES, 2 * step + 1)
        scorer.observe(state, weights, [grad.clone() for grad in grads])
        current = (weights[0] * grads[0]).abs()
        bar = 0.8 * bar + 0.2 * current
        uncertainty = 0.6 * uncertainty + 0.4 * (current - bar).abs()
    torch.testing.assert_close(state["sensitivity"][0], bar, rtol=1e-12, atol=0)
    torch.testing.assert_close(state["uncertainty"][0], uncertainty, rtol=1e-12, atol=0)
    scores = scorer.score(state, weights)
    assert [score.shape for score in scores] == [(2, 2), (1, 3)]


def test_sensitivity_is_that_of_the_latest_step():
    scorer = make_scorer("sensitivity", 0.5, 0.5)
    state = scorer.init(some(SHAPES, 0))
    scorer.observe(state, some(SHAPES, 1), some(SHAPES, 2))
    weights, grads = some(SHAPES, 3), some(SHAPES, 4)
    scorer.observe(state, weights, [grad.clone() for grad in grads])
    products = [(w * g).abs() for w, g in zip(weights, grads, strict=True)]
    expected = products[1] + products[0].mean(1) + products[2].mean(2)
    torch.testing.assert_close(scorer.score(state, weights)[0], expected, rtol=1e-12, atol=0)


def test_magnitude_is_the_absolute_value_of_lambda():
    weights = some(SHAPES, 0)
    assert torch.equal(make_scorer("magnitude", 0.5, 0.5).score({}, weights)[1], weights[4].abs())


def test_a_triplet_is_the_sum_of_its_value_and_the_means_of_its_vectors():
    P, lam, Q = (
        torch.tensor([[1.0, 2], [3, 4]]),
        torch.tensor([10.0, 20]),
        torch.tensor([[1.0, 2, 3], [4, 5, 6]]),
    )
    assert triplet_scores([P, lam, Q])[0].tolist() == [10 + 2 + 2, 20 + 3 + 5]


@dataclasses.dataclass(frozen=True)
class LastFirst:
    """Keeps the triplets of the highest index."""

    def init(self, weights):
        return {}

    def observe(self, state, weights, grads):
        pass

    def score(self, state, weights):
        return [torch.arange(lam.shape[-1], dtype=lam.dtype).expand_as(lam) for lam in weights[1::3]]


def test_one_s_own_scorer_decides(monkeypatch):
    monkeypatch.setattr(registry, "_FACTORIES", dict(registry._FACTORIES))
    adalora.register_scorer("last-first", lambda beta1, beta2: LastFirst())
    model = adalora.inject(mlp(), AdapterConfig(rank=4, target_modules=["up"]))
    config = AllocationConfig(target_rank=1, total_steps=2, interval=1, scorer="last-first")
    controller = AdaLoRAController(model, config)
    for _ in range(2):
        controller.before_step()
        controller.after_step()
    assert model.up.update.mask.tolist() == [False, False, False, True]
    with pytest.raises(
        adalora.ConfigError, match="scorer name 'last-first' is taken; taken names: sensitivity_unc"
    ):
        adalora.register_scorer("last-first", lambda beta1, beta2: LastFirst())


def test_unknown_scorers_are_named_with_the_close_ones():
    with pytest.raises(adalora.ConfigError, match="scorer is 'magnitud'; allowed: magnitude"):
        make_scorer("magnitud", 0.5, 0.5)
    with pytest.raises(adalora.ConfigError, match="allowed: sensitivity_uncertainty, sensitivity, magnitude"):
        make_scorer("zzz", 0.5, 0.5)
