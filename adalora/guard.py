"""What happens to a step whose gradients are not finite: it raises, or it is left out by everybody."""

import warnings
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.optim import Optimizer

from . import finite, hooks


class Guard:
    """Looks at the gradients of a step before anything has changed.

    Args:
        model: whose parameters are named in an error.
        choice: what happens to a step with a NaN or an infinite gradient.

    Attributes:
        skipped: steps left out so far.
    """

    def __init__(self, model: nn.Module, choice: Literal["raise", "skip"]) -> None:
        self._model = model
        self._choice = choice
        self._told = False
        self.skipped = 0

    def leaves_out(
        self, optimizer: Optimizer | None, adapter: Sequence[tuple[str, Tensor]], step: int
    ) -> bool:
        """Tell whether the step under way is left out; no parameter has a gradient then.

        Args:
            optimizer: its parameters are looked at; where it is None, the adapter's alone. What a GradScaler
                has looked at already is taken as found.
            adapter: the adapter's parameters, with their names.
            step: the number that the step would have.

        Raises:
            StateError: a gradient is not finite, and such steps are not to be left out.
        """
        if hooks.left_out(optimizer, self):
            return True
        watched = hooks.parameters_of(optimizer) if optimizer else [weight for _, weight in adapter]
        if hooks.checked(optimizer) or finite.all_finite(watched):
            return False
        if self._choice == "raise":
            raise finite.refusal(self._model, adapter, watched, step)
        if not self._told:  # first of all: with warnings as errors nothing has changed
            self._told = True
            warnings.warn(
                f"the gradients of step {step} are not finite; such steps are left out, and .skipped counts "
                f"them.",
                stacklevel=3,
            )
        finite.drop(watched)
        hooks.leave_out(optimizer, self)
        self.skipped += 1
        return True
