"""The glue to an optimizer: its own step hooks, closures, and what a GradScaler leaves on it."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer

from .errors import StateError


def unwrap(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer that does the work, where `accelerate` or another library has wrapped it.

    A wrapper may skip a step (gradient accumulation, an overflow) without telling hooks of its own.
    """
    inner = getattr(optimizer, "optimizer", None)
    return unwrap(inner) if isinstance(inner, Optimizer) else optimizer


def require_parameters(optimizer: Optimizer, parameters: Iterable[tuple[str, Tensor]]) -> None:
    """Raise unless the optimizer holds every one of the named parameters.

    Raises:
        StateError: some are missing (they are named) or frozen, or the optimizer evaluates the loss several
            times a step.
    """
    if isinstance(optimizer, LBFGS):
        raise StateError(
            "optimizer is LBFGS, which evaluates the loss several times a step; allowed: an optimizer that "
            "takes one gradient a step, such as AdamW."
        )
    parameters = list(parameters)
    frozen = [name for name, parameter in parameters if not parameter.requires_grad]
    if frozen:
        raise StateError(
            f"{len(frozen)} of the adapter's parameters are frozen ({frozen[0]}, …); of several adapters "
            f"those train that set_adapter(model, …) has named last."
        )
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    missing = [name for name, parameter in parameters if id(parameter) not in held]
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise StateError(
            f"optimizer lacks {len(missing)} of the adapter's parameters ({shown}); build it after inject, "
            f"from [p for p in model.parameters() if p.requires_grad]."
        )


def overflowed(optimizer: Optimizer | None) -> bool:
    """Tell whether a GradScaler found an inf in the gradients of this step.

    A plain optimizer is not called then. A fused one is, with ``found_inf`` set on it, and skips its update
    by itself. Only in that case is there a value to wait for.
    """
    found: Tensor | None = getattr(optimizer, "found_inf", None)
    return found is not None and bool(found.item())


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """Return every parameter that an optimizer holds."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def checked(optimizer: Optimizer | None) -> bool:
    """Tell whether a GradScaler has looked at the gradients that a fused optimizer has now."""
    return getattr(optimizer, "found_inf", None) is not None


def grad_scale(optimizer: Optimizer | None) -> Tensor | None:
    """Return the factor that still scales the gradients: a GradScaler leaves it to a fused optimizer."""
    return getattr(optimizer, "grad_scale", None)


# The weights that are steered on an optimizer: two controllers of one adapter would fight over its masks.
_STEERED: WeakKeyDictionary[Optimizer, set[int]] = WeakKeyDictionary()


# The step under way of these is left out by one controller, so others on the same optimizer do it too.
_LEFT_OUT: WeakKeyDictionary[Optimizer, int] = WeakKeyDictionary()


def leave_out(optimizer: Optimizer | None, who: object) -> None:
    """Let whoever else steers on an optimizer leave out the step under way, whose gradients are gone."""
    if optimizer is not None:
        _LEFT_OUT[optimizer] = id(who)


def left_out(optimizer: Optimizer | None, who: object) -> bool:
    """Tell whether somebody else has left out the step under way; what one did oneself is over."""
    return optimizer is not None and _LEFT_OUT.get(optimizer, id(who)) != id(who)


def end_step(optimizer: Optimizer | None) -> None:
    """Let the next step of an optimizer count again."""
    if optimizer is not None:
        _LEFT_OUT.pop(optimizer, None)


def register(
    optimizer: Optimizer,
    weights: Iterable[Tensor],
    before: Callable[[Optimizer], None],
    after: Callable[[Optimizer], None],
) -> ExitStack:
    """Call ``before`` between the gradients and the update of every step, and ``after`` behind the update.

    Args:
        optimizer: gets the hooks.
        weights: the weights that are steered.
        before: called with the optimizer.
        after: called with the optimizer.

    Returns:
        What removes the hooks when it is closed.

    Raises:
        StateError: one of the weights is steered on this optimizer already.
    """
    steered, mine = _STEERED.setdefault(optimizer, set()), {id(weight) for weight in weights}
    if steered & mine:
        raise StateError(
            "another controller steers this adapter on the same optimizer; call detach() on that one first."
        )

    def pre_hook(
        optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            before(optimizer)
            return None

        # With a closure (Lightning passes one) the gradients do not exist before the step calls it.
        @torch.enable_grad()
        def closure_then_before() -> Any:
            loss = closure()
            before(optimizer)
            return loss

        rest = {key: value for key, value in kwargs.items() if key != "closure"}
        return (args[0], closure_then_before, *args[2:]), rest

    def post_hook(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG001
        after(optimizer)

    steered |= mine
    stack = ExitStack()
    stack.callback(steered.difference_update, mine)
    stack.callback(optimizer.register_step_pre_hook(pre_hook).remove)
    stack.callback(optimizer.register_step_post_hook(post_hook).remove)
    return stack
