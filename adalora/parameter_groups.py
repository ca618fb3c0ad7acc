"""Groups of parameters for an optimizer: learning rates and weight decay of their own for the factors."""

from typing import Any

from torch import nn

from .checks import number, require
from .errors import StateError
from .updates import LoRAUpdate, SVDUpdate
from .walk import adapters


def parameter_groups(
    model: nn.Module,
    lr: float,
    ratio: float = 16.0,
    *,
    weight_decay: float = 0.0,
    other_weight_decay: float | None = None,
) -> list[dict[str, Any]]:
    """Return the trainable parameters of a model in groups, with LoRA+'s two learning rates.

    A step of Adam on A (or Q) moves the update's output by d₂ numbers at once, one on B (or P, λ) by r: the
    left side needs the larger rate. Source: Hayou et al. 2024, arXiv 2402.12354, who take a ratio near 16.

    Args:
        model: a model with an adapter.
        lr: learning rate of A, or Q, and of everything that is no factor, such as a new head.
        ratio: the rate of B, or P and λ, is ``lr · ratio``; 1 gives all the same.
        weight_decay: of the factors A, B, P, λ and Q.
        other_weight_decay: of the weights of modules trained in full; None for the same. Biases, norms and
            DoRA's magnitudes have none.

    Returns:
        Groups with ``name``, ``params``, ``lr`` and ``weight_decay``, for any optimizer of torch's kind;
        empty ones are left out.

    Raises:
        ConfigError: a number is not allowed.
        StateError: the model has no adapter that trains.
    """
    at_least = "a finite number of at least 0"
    above = "a finite number above 0"
    lr, ratio = number("lr", lr, above), number("ratio", ratio, above)
    require(lr > 0, "lr", lr, above)
    require(ratio > 0, "ratio", ratio, above)
    decay = number("weight_decay", weight_decay, at_least)
    other = (
        decay if other_weight_decay is None else number("other_weight_decay", other_weight_decay, at_least)
    )
    for name, value in (("weight_decay", decay), ("other_weight_decay", other)):
        require(value >= 0, name, value, at_least)

    left, right = _factors(model)
    factors = {id(parameter) for parameter in (*left, *right)}
    if not factors:
        raise StateError("the model has no adapter that trains; call inject(model, config) first.")
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in factors]
    groups = [
        _group("right factors", right, lr, decay),
        _group("left factors", left, lr * ratio, decay),
        _group("other weights", [p for p in rest if p.dim() > 1], lr, other),
        _group("biases, norms and magnitudes", [p for p in rest if p.dim() <= 1], lr, 0.0),
    ]
    return [group for group in groups if group["params"]]


def _factors(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the trainable factors of all updates: B, P and λ, and A and Q."""
    left, right = [], []
    for layer in adapters(model).values():
        for update in layer.named_updates().values():
            if isinstance(update, SVDUpdate):
                left += [update.P, update.lam]
                right.append(update.Q)
            elif isinstance(update, LoRAUpdate):
                left.append(update.B)
                right.append(update.A)
    return [p for p in left if p.requires_grad], [p for p in right if p.requires_grad]


def _group(name: str, parameters: list[nn.Parameter], lr: float, weight_decay: float) -> dict[str, Any]:
    return {"name": name, "params": parameters, "lr": lr, "weight_decay": weight_decay}
