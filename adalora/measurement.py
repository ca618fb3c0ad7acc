"""What is measured at every step: the penalty and its gradient, and the importance of triplets."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .compact import take
from .orthogonality import Form, penalty_and_gradients
from .pruning import living
from .scorers import Scorer, State
from .shards import here, part, whole
from .stacks import Layout
from .updates import SVDUpdate


class Measurement:
    """Copies of weights and gradients in stacks, and what a scorer remembers of them.

    With the copies side by side the number of operations depends on the number of sizes, not on the number of
    matrices. They are in float32 at least: Ī · U would vanish in float16. Of parameters in shards they hold
    the whole, on every process: a penalty needs whole factors, and a score needs whole triplets.

    Args:
        updates: the updates to measure, in module order.
        scorer: how triplets are scored.

    Attributes:
        layout: how the stacks lie.
        state: what the scorer remembers.
    """

    def __init__(self, updates: Sequence[SVDUpdate], scorer: Scorer) -> None:
        self._updates = list(updates)
        self._scorer = scorer
        self.refit()

    def refit(self) -> None:
        """Lay everything out anew, for other ranks, types or devices; what the scorer remembers is gone."""
        self.find_parameters()
        self.layout = Layout(self._updates)
        self._weights, self._grads = self.layout.zeros(), self.layout.zeros()
        self._weight_views = self.layout.views(self._weights)
        self._grad_views = self.layout.views(self._grads)
        self.state: State = self._scorer.init(self._weights)
        self._there, self._living = self.layout.zeros()[1::3], self.layout.zeros()[1::3]
        self._living_views = self.layout.rows(self._living)
        torch._foreach_add_(self.layout.rows(self._there), 1)
        self._count(None)

    def find_parameters(self) -> None:
        """Look for the parameters: whoever shards or assigns weights puts other objects in their place."""
        self._parameters: list[Tensor] = [weight for u in self._updates for weight in (u.P, u.lam, u.Q)]

    @torch.no_grad()
    def shrink(self, kept: Sequence[Tensor], before: Mapping[str, list[Tensor]]) -> None:
        """Follow updates whose tensors have shrunk.

        Args:
            kept: indices of the triplets that each update still has.
            before: what `averages` returned before they shrank.
        """
        self.refit()
        for name, tensors in self.averages().items():
            each = len(tensors) // len(kept)
            for number, (new, old) in enumerate(zip(tensors, before[name], strict=True)):
                dim = -2 if number % each == 2 else -1  # P, λ, Q, or λ alone
                new.copy_(take(old, kept[number // each], dim))

    @property
    def fits(self) -> bool:
        """Whether the stacks are still of the updates' ranks, types and devices."""
        return self.layout.key == Layout(self._updates).key

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors that are kept from step to step; what a step makes on the way is left out.

        Four bytes a number, N = Σ r (d₁ + d₂ + 1) over the matrices: 2 N for copies of weights and gradients,
        2 N for the averages of the paper's scorer, and Σ (2 r + r²) for what the penalty counts.
        """
        kept = [*self._weights, *self._grads, *self._there, *self._living, *self._identities]
        kept += [tensor for stacks in self.state.values() for tensor in stacks]
        kept += [] if self.layout.order is None else [self.layout.order]
        return sum(tensor.nbytes for tensor in kept)

    # Step by step

    @torch.no_grad()
    def take_weights(self) -> None:
        """Copy the weights as they are now."""
        self.layout.fill(self._weights, self._weight_views, whole(self._parameters))

    @torch.no_grad()
    def add_penalty_gradient(self, gamma: float, form: Form, scale: Tensor | None) -> Tensor:
        """Add the penalty's gradient at the copied weights to the gradients; return γ·R.

        Args:
            gamma: γ.
            form: see `orthogonality_penalty`.
            scale: what the gradients are multiplied by; None for 1.
        """
        columns, rows = self._counted_factors()
        factor = gamma if scale is None else gamma * scale
        out = self._grads[0::3], self._grads[2::3]
        value = penalty_and_gradients(columns, rows, self._identities, form=form, factor=factor, out=out)
        # A matrix that took no part in the step is left alone, as an optimizer leaves it alone.
        pairs = [
            (here(weight.grad), part(view, weight.grad))
            for number, (weight, view) in enumerate(zip(self._parameters, self._grad_views, strict=True))
            if number % 3 != 1 and weight.grad is not None and weight.numel() > 0
        ]
        if pairs:
            grads, views = (list(side) for side in zip(*pairs, strict=True))
            torch._foreach_add_(grads, views)
        return gamma * value

    @torch.no_grad()
    def take_gradients(self, scale: Tensor | None) -> None:
        """Copy the gradients as they are now, divided by ``scale``; what the penalty has left goes.

        Half-precision ones are divided in float32, in which a small one stays above zero.
        """
        grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in self._parameters]
        self.layout.fill(self._grads, self._grad_views, whole(grads))
        if scale is not None:
            for stack in self._grads:
                stack.mul_(scale.reciprocal().to(stack.device))

    @torch.no_grad()
    def observe(self) -> None:
        """Show the scorer the copied weights and the copied gradients."""
        self._scorer.observe(self.state, self._weights, self._grads)

    def count_living(self) -> None:
        """Let the penalty count only the triplets that live now."""
        torch._foreach_copy_(self._living_views, [update.mask for update in self._updates])
        self._count(None if bool(living(self._updates).all()) else self._living)

    # Asked

    def triplets(self) -> Tensor:
        """Return S of every triplet in module order, on one device."""
        return self.layout.triplets(self._score())

    def scores(self) -> list[Tensor]:
        """Return S of the shape of λ for each update."""
        return self.layout.rows(self._score())

    def averages(self) -> dict[str, list[Tensor]]:
        """Return the parts of the state that belong to each update: three tensors each, or one like λ."""
        return {
            name: self.layout.views(stacks) if len(stacks) == len(self._weights) else self.layout.rows(stacks)
            for name, stacks in self.state.items()
        }

    # Inside

    def _score(self) -> list[Tensor]:
        self.take_weights()  # as they are after the step: a scorer may look at them
        return self._scorer.score(self.state, self._weights)

    def _counted_factors(self) -> tuple[list[Tensor], list[Tensor]]:
        columns, rows = self._weights[0::3], self._weights[2::3]
        if self._counted is None:
            return columns, rows
        return (
            [P * on.unsqueeze(-2) for P, on in zip(columns, self._counted, strict=True)],
            [Q * on.unsqueeze(-1) for Q, on in zip(rows, self._counted, strict=True)],
        )

    def _count(self, counted: list[Tensor] | None) -> None:
        """Count the triplets that are 1 in stacks like λ; None for all that there are."""
        self._counted = counted
        self._identities = [torch.diag_embed(stack) for stack in counted or self._there]
