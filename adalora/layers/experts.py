"""Fused experts of mixture models: 3-D parameters, taken apart into stacks of matrices.

`transformers` writes the experts of every mixture model (Mixtral, Qwen3-MoE, GPT-OSS, …) to one interface:
3-D parameters ``gate_up_proj`` (or ``up_proj``) and ``down_proj``, perhaps biases, and flags that say how
they lie. `SplitExperts` computes what they compute, one expert at a time, with each parameter in a module of
its own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..updates import Parts, Precision
from .fused import linear_with_update
from .kind import PlainKind, gated, untouched


class Dispatch(NamedTuple):
    """Which rows go to which expert, and where they come from.

    Attributes:
        counts: number of rows of each expert; the rows are sorted by expert.
        token: the token of each row.
        tokens: number of tokens of the batch.
    """

    counts: list[int]
    token: Tensor
    tokens: int


class ExpertMatrices(nn.Module):
    """A stack of linear layers, one for each expert, over rows that are sorted by expert.

    Args:
        weight: experts × d₁ × d₂, or experts × d₂ × d₁ where ``transposed``.
        bias: experts × d₁, or None.
        transposed: how the weight lies.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, *, transposed: bool) -> None:
        super().__init__()
        self.weight = weight
        self.bias = bias
        self.transposed = transposed

    def forward(self, x: Tensor, dispatch: Dispatch) -> Tensor:
        """Apply expert e to its rows of x (rows × d₂), which are sorted by expert; returns rows × d₁."""
        weight = self.weight.mT if self.transposed else self.weight
        return _by_expert(x, dispatch, lambda rows, e: F.linear(rows, weight[e], _of(self.bias, e)))

    def extra_repr(self) -> str:
        """Show the shape in the printed model."""
        return f"shape={tuple(self.weight.shape)}, transposed={self.transposed}, bias={self.bias is not None}"


class Experts(PlainKind):
    """The kind of `ExpertMatrices`."""

    def shape(self, base: ExpertMatrices) -> tuple[int, ...]:
        """Return (experts, d₁, d₂)."""
        return tuple(self.matrix(base, base.weight).shape)

    def matrix(self, base: ExpertMatrices, weight: Tensor) -> Tensor:
        """Return the stack with d₁ before d₂."""
        return weight.mT if base.transposed else weight

    def arrange(self, base: ExpertMatrices, matrix: Tensor) -> Tensor:
        """Return the stack as the base weight lies."""
        return matrix.mT if base.transposed else matrix

    def apply(
        self,
        base: Any,
        left: Tensor,
        right: Tensor,
        dropout: float,
        *inputs: Any,
        gates: Tensor | None = None,
    ) -> Tensor:
        """Return left[e] (right[e] x) for the rows of each expert e."""
        x, dispatch = inputs
        x = F.dropout(x.to(right.dtype), dropout)
        parts = [None] * len(left) if gates is None else torch.split(gates, dispatch.counts)
        return _by_expert(
            x, dispatch, lambda rows, e: F.linear(gated(F.linear(rows, right[e]), parts[e]), left[e])
        )

    def spread(self, base: Any, spread: Callable[[Tensor], Tensor], *inputs: Any) -> Tensor:
        """Take the tokens, and of them that of each row."""
        x, dispatch = inputs
        return spread(x.new_empty(dispatch.tokens, 1))[dispatch.token]

    def fused(self, base: Any, parts: Parts, precision: Precision, *inputs: Any) -> Tensor | None:
        """Return each expert's layer and update in one operation."""
        if not untouched(base):
            return None
        x, dispatch = inputs
        weight, updates = self.matrix(base, base.weight), parts.unstack()
        return _by_expert(
            x,
            dispatch,
            lambda rows, e: linear_with_update(rows, weight[e], _of(base.bias, e), updates[e], precision),
        )

    def channels(self, base: Any) -> int | None:
        """Return None: DoRA's paper has no magnitude for experts that some tokens pass by."""
        return None


class SplitExperts(nn.Module):
    """Fused experts whose matrices are modules of their own, and can be adapted as such.

    Args:
        experts: the experts as `transformers` has built them; their matrices are taken out of them.
        parts: what `expert_parts` has returned for them.
    """

    def __init__(self, experts: nn.Module, parts: dict[str, nn.Module]) -> None:
        super().__init__()
        self.experts = experts
        for name, part in parts.items():
            setattr(self, name, part)
            for key in (name, f"{name}_bias"):
                if key in experts._parameters:
                    experts._parameters[key] = None
        self.train(experts.training)

    def forward(self, hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Tensor:
        """Return the weighted sum of the chosen experts' outputs.

        Args:
            hidden_states: tokens × d.
            top_k_index: tokens × k, the experts chosen for each token; others are skipped.
            top_k_weights: tokens × k, their weights.
        """
        experts, parts = cast(Any, self.experts), cast(dict[str, nn.Module], self._modules)
        chosen, order = torch.sort(top_k_index.flatten(), stable=True)
        counts = torch.bincount(chosen, minlength=experts.num_experts)[: experts.num_experts].tolist()
        order = order[: sum(counts)]
        tokens = order // top_k_index.shape[1]
        dispatch = Dispatch(counts, tokens, len(hidden_states))
        rows = hidden_states[tokens]
        if _has_gate(self.experts):
            rows = experts._apply_gate(parts["gate_up_proj"](rows, dispatch))
        else:
            rows = experts.act_fn(parts["up_proj"](rows, dispatch))
        rows = parts["down_proj"](rows, dispatch)
        if getattr(experts, "has_post_expert_norm", False):
            rows = experts.post_expert_norm(rows)
        rows = rows * top_k_weights.flatten()[order].unsqueeze(1)
        total = torch.zeros_like(hidden_states, dtype=rows.dtype).index_add(0, tokens, rows)
        return total.to(hidden_states.dtype)

    def joinable(self) -> bool:
        """Tell whether all matrices are plain ones."""
        return all(type(getattr(self, name)) is ExpertMatrices for name in part_names(self.experts))

    def join(self) -> nn.Module:
        """Return the experts with their matrices back in place."""
        for name in part_names(self.experts):
            part = cast(ExpertMatrices, getattr(self, name))
            setattr(self.experts, name, part.weight)
            if part.bias is not None:
                setattr(self.experts, f"{name}_bias", part.bias)
        return self.experts.train(self.training)


def is_experts(module: nn.Module) -> bool:
    """Tell whether a module is written to transformers' interface of fused experts, with matrices in it."""
    flags = ("num_experts", "is_transposed", "has_bias", "_apply_gate")
    return all(hasattr(module, flag) for flag in flags) and all(
        module._parameters.get(name) is not None for name in part_names(module)
    )


def part_names(experts: nn.Module) -> tuple[str, str]:
    """Name the parameters that hold the experts' matrices."""
    return ("gate_up_proj" if _has_gate(experts) else "up_proj"), "down_proj"


def experts_obstacle(experts: nn.Module) -> str | None:
    """Say which of the experts' parameters is no stack of matrices that fits the other, or return None."""
    fused = cast(Any, experts)
    first, last = part_names(experts)
    d1, d2 = (-1, -2) if fused.is_transposed else (-2, -1)
    into, out = getattr(fused, first), getattr(fused, last)
    order = "d2, d1" if fused.is_transposed else "d1, d2"
    for name, weight in ((first, into), (last, out)):
        if weight.dim() != 3 or len(weight) != fused.num_experts:
            return (
                f"its expert parameter {name!r} has shape {tuple(weight.shape)}; allowed: "
                f"({fused.num_experts}, {order})"
            )
    gates = 2 if _has_gate(experts) else 1
    if into.shape[d1] != gates * out.shape[d2] or into.shape[d2] != out.shape[d1]:
        return (
            f"its expert parameters {first!r} of shape {tuple(into.shape)} and {last!r} of shape "
            f"{tuple(out.shape)} do not fit each other; allowed: d1 of the first is {gates} times d2 of the "
            f"last, and d2 of the first is d1 of the last"
        )
    return None


def expert_parts(experts: nn.Module) -> dict[str, nn.Module]:
    """Return the experts' matrices as modules that hold the very same parameters; nothing changes."""
    fused = cast(Any, experts)
    return {
        name: ExpertMatrices(
            getattr(fused, name),
            getattr(fused, f"{name}_bias") if fused.has_bias else None,
            transposed=fused.is_transposed,
        )
        for name in part_names(experts)
    }


def _has_gate(experts: nn.Module) -> bool:
    return bool(getattr(experts, "has_gate", True))  # older versions know gated experts only


def _by_expert(x: Tensor, dispatch: Dispatch, function: Any) -> Tensor:
    parts = torch.split(x, dispatch.counts)
    return torch.cat([function(rows, e) for e, rows in enumerate(parts) if len(rows)] or [function(x, 0)])


def _of(bias: Tensor | None, expert: int) -> Tensor | None:
    return None if bias is None else bias[expert]
