"""How important a triplet is: strategies, and a registry for one's own.

A scorer looks at flat lists of stacks, three for each size of matrix in the order P, λ, Q. The matrices stand
in front: n × d₁ × r, n × r and n × r × d₂ (where an update is of a stack of matrices itself, such as a
mixture's experts, behind n); triplets of lower-ranked matrices are filled up with zeros, whose scores do not
count. Everything that it remembers is in a `State` that the controller owns, saves and loads; the scorer
itself is frozen.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .errors import ConfigError

State = dict[str, list[Tensor]]
"""Named lists of tensors like the weights, or like the λ among them."""


class Scorer(Protocol):
    """Scores triplets from the weights and gradients that it is shown at every step."""

    def init(self, weights: Sequence[Tensor]) -> State:
        """Return the state before the first step."""
        ...

    def observe(self, state: State, weights: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Take in one step.

        Args:
            state: from `init`, changed in place.
            weights: the weights.
            grads: ``grads[k]`` is the gradient of ``weights[k]``, zero where there was none; nobody needs it
                afterwards, so it may be overwritten.
        """
        ...

    def score(self, state: State, weights: Sequence[Tensor]) -> list[Tensor]:
        """Return S of the shape of λ for each stack: higher is kept longer.

        With ``budget_unit="parameter"`` S is divided by what a triplet costs, so it has to be at least 0.
        """
        ...


def triplet_scores(elements: Sequence[Tensor]) -> list[Tensor]:
    """Combine scores of single parameters into S_i = s(λ_i) + mean_j s(P_ji) + mean_j s(Q_ij).

    Args:
        elements: s(w) for each stack of P (n × d₁ × r), λ (n × r) and Q (n × r × d₂) in turn.

    Returns:
        One tensor of the shape of λ for each three. Source: arXiv 2303.10512, equation 8.
    """
    threes = zip(elements[0::3], elements[1::3], elements[2::3], strict=True)
    return [s_lam + s_P.mean(-2) + s_Q.mean(-1) for s_P, s_lam, s_Q in threes]


def _zeros(weights: Sequence[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(weight) for weight in weights]


def _sensitivity(weights: Sequence[Tensor], grads: Sequence[Tensor]) -> list[Tensor]:
    """Return I = |w · ∂L/∂w|, how the loss may change when w is set to zero, in the place of ``grads``."""
    products = list(grads)
    torch._foreach_mul_(products, list(weights))
    torch._foreach_abs_(products)
    return products


@dataclass(frozen=True)
class SensitivityUncertainty:
    """s = Ī · U: smoothed sensitivity times smoothed uncertainty, the paper's choice.

    Ī ← β₁Ī + (1−β₁)I and U ← β₂U + (1−β₂)|I − Ī|, with the new Ī; both start at zero.
    Source: arXiv 2303.10512, equations 9 to 11.
    """

    beta1: float
    beta2: float

    def init(self, weights: Sequence[Tensor]) -> State:
        """Start both averages at zero."""
        return {"sensitivity": _zeros(weights), "uncertainty": _zeros(weights)}

    def observe(self, state: State, weights: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Move both averages by one step."""
        current = _sensitivity(weights, grads)
        torch._foreach_lerp_(state["sensitivity"], current, 1 - self.beta1)
        torch._foreach_sub_(current, state["sensitivity"])
        torch._foreach_abs_(current)
        torch._foreach_lerp_(state["uncertainty"], current, 1 - self.beta2)

    def score(self, state: State, weights: Sequence[Tensor]) -> list[Tensor]:
        """Return S of each triplet from Ī · U."""
        return triplet_scores(torch._foreach_mul(state["sensitivity"], state["uncertainty"]))


@dataclass(frozen=True)
class Sensitivity:
    """s = I of the latest step, without smoothing: the paper's first ablation."""

    def init(self, weights: Sequence[Tensor]) -> State:
        """Start at zero."""
        return {"sensitivity": _zeros(weights)}

    def observe(self, state: State, weights: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Replace the sensitivity by that of this step."""
        torch._foreach_copy_(state["sensitivity"], _sensitivity(weights, grads))

    def score(self, state: State, weights: Sequence[Tensor]) -> list[Tensor]:
        """Return S of each triplet from I."""
        return triplet_scores(state["sensitivity"])


@dataclass(frozen=True)
class Magnitude:
    """S_i = |λ_i|, which needs no memory: the paper's second ablation."""

    def init(self, weights: Sequence[Tensor]) -> State:
        """Remember nothing."""
        return {}

    def observe(self, state: State, weights: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Do nothing: λ itself is the score."""

    def score(self, state: State, weights: Sequence[Tensor]) -> list[Tensor]:
        """Return |λ|."""
        return list(torch._foreach_abs(list(weights[1::3])))


ScorerFactory = Callable[[float, float], Scorer]

_FACTORIES: dict[str, ScorerFactory] = {
    "sensitivity_uncertainty": SensitivityUncertainty,
    "sensitivity": lambda beta1, beta2: Sensitivity(),
    "magnitude": lambda beta1, beta2: Magnitude(),
}


def register_scorer(name: str, factory: ScorerFactory) -> None:
    """Make a scorer available as ``AllocationConfig(scorer=name)``.

    Args:
        name: a name that is not taken.
        factory: called with β₁ and β₂ of the configuration; returns a `Scorer`.

    Raises:
        ConfigError: the name is taken.
    """
    if name in _FACTORIES:
        raise ConfigError(
            f"scorer name {name!r} is taken; taken names: {', '.join(_FACTORIES)}. Choose another."
        )
    _FACTORIES[name] = factory


def make_scorer(name: str, beta1: float, beta2: float) -> Scorer:
    """Build a registered scorer.

    Raises:
        ConfigError: no scorer has that name; the message lists the close or the known ones.
    """
    if name not in _FACTORIES:
        names = difflib.get_close_matches(name, _FACTORIES, cutoff=0.4) or list(_FACTORIES)
        raise ConfigError(
            f"scorer is {name!r}; allowed: {', '.join(names)}, or a name given to adalora.register_scorer."
        )
    return _FACTORIES[name](beta1, beta2)
