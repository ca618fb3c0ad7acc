"""`torch.nn.MultiheadAttention`, whose packed projections are taken apart into linear layers."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PROJECTIONS = ("q_proj", "k_proj", "v_proj")


class SplitAttention(nn.Module):
    """Multi-head attention whose four projections are modules of their own and can be adapted as such.

    It takes and returns what `torch.nn.MultiheadAttention` does, apart from nested tensors, and answers for
    the attributes of the attention that it holds.

    Args:
        attention: the attention; its weights are taken out of it.
        parts: what `attention_parts` has returned for it.
    """

    def __init__(self, attention: nn.MultiheadAttention, parts: dict[str, nn.Module]) -> None:
        super().__init__()
        self.attention = attention
        for name, part in parts.items():
            setattr(self, name, part)
        for key in ("in_proj_weight", "in_proj_bias", *(f"{name}_weight" for name in PROJECTIONS)):
            attention._parameters[key] = None
        attention.out_proj._parameters.update(weight=None, bias=None)
        self.train(attention.training)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_") and name != "_qkv_same_embed_dim":  # torch's own layers ask for that one
                raise
            return getattr(super().__getattr__("attention"), name)

    def forward(  # noqa: PLR0917 - the signature that callers know
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the attention's output and, if asked for, its weights; see `torch.nn.MultiheadAttention`."""
        batched = query.dim() == 3
        if not batched:
            query, key, value = (x.unsqueeze(0) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        q, k, v = self._heads(query, key, value)
        if is_causal and attn_mask is None:
            raise RuntimeError("is_causal needs attn_mask, as in torch.nn.MultiheadAttention.")
        # The hint is of use where nothing has to be added to the causal mask.
        hint = is_causal and key_padding_mask is None and not need_weights
        mask = None if hint else self._mask(attn_mask, key_padding_mask, q, k)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            logits = q * q.shape[-1] ** -0.5 @ k.mT
            weights = F.dropout(F.softmax(logits if mask is None else logits + mask, dim=-1), dropout)
            mixed = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=hint)
        out = self.out_proj(mixed.transpose(1, 2).flatten(2))
        if not batched:
            return out.squeeze(0), None if weights is None else weights.squeeze(0)
        return (out if self.batch_first else out.transpose(0, 1)), weights

    def joinable(self) -> bool:
        """Tell whether all projections are plain linear layers."""
        return all(type(getattr(self, name)) is nn.Linear for name in (*PROJECTIONS, "out_proj"))

    def join(self) -> nn.Module:
        """Return the attention with its weights back in place."""
        attention = self.attention
        projections = [cast(nn.Linear, getattr(self, name)) for name in PROJECTIONS]
        if attention._qkv_same_embed_dim:
            attention.in_proj_weight = _frozen(torch.cat([linear.weight for linear in projections]))
        else:
            for name, linear in zip(PROJECTIONS, projections, strict=True):
                setattr(attention, f"{name}_weight", linear.weight)
        if projections[0].bias is not None:
            attention.in_proj_bias = _frozen(torch.cat([linear.bias for linear in projections]))
        attention.out_proj.weight, attention.out_proj.bias = self.out_proj.weight, self.out_proj.bias
        return attention.train(self.training)

    def _heads(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """Project, and lay out as batch × heads × length × head size."""
        projected: list[Tensor] = [self.q_proj(query), self.k_proj(key), self.v_proj(value)]
        if self.bias_k is not None:
            for index, bias in ((1, self.bias_k), (2, self.bias_v)):
                projected[index] = torch.cat([projected[index], bias.expand(len(query), 1, -1)], dim=1)
        q, k, v = (x.view(*x.shape[:2], self.num_heads, -1).transpose(1, 2) for x in projected)
        return (q, F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))) if self.add_zero_attn else (q, k, v)

    def _mask(self, attn: Tensor | None, padding: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
        """Add up both masks, as numbers that are added to the logits."""
        masks = []
        if attn is not None:
            masks.append(attn if attn.dim() == 2 else attn.view(len(q), self.num_heads, *attn.shape[1:]))
        if padding is not None:
            masks.append(padding[:, None, None, :])
        if not masks:
            return None
        total = sum((_additive(mask, q.dtype) for mask in masks), start=q.new_zeros(()))
        return F.pad(total, (0, k.shape[2] - total.shape[-1]))


def is_attention(module: nn.Module) -> bool:
    """Tell whether a module is torch's attention with its weights in it."""
    weights = ("in_proj_weight", "q_proj_weight")
    return type(module) is nn.MultiheadAttention and any(
        module._parameters[name] is not None for name in weights
    )


def attention_parts(attention: nn.MultiheadAttention) -> dict[str, nn.Module]:
    """Return the four projections as linear layers over the attention's own memory; nothing changes."""
    if attention._qkv_same_embed_dim:
        weights = cast(Tensor, attention.in_proj_weight).detach().chunk(3)
    else:
        weights = tuple(getattr(attention, f"{name}_weight").detach() for name in PROJECTIONS)
    bias = attention.in_proj_bias
    biases = (None,) * 3 if bias is None else bias.detach().chunk(3)
    out = attention.out_proj
    weights, biases = (
        (*weights, out.weight.detach()),
        (*biases, None if out.bias is None else out.bias.detach()),
    )
    named = zip((*PROJECTIONS, "out_proj"), weights, biases, strict=True)
    return {name: _linear(weight, bias) for name, weight, bias in named}


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    linear.weight = _frozen(weight)
    if bias is not None:
        linear.bias = _frozen(bias)
    return linear


def _frozen(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach(), requires_grad=False)


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill(mask, float("-inf"))
