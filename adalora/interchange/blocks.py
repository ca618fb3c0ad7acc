"""How the product of each kind of layer lies in a file of `peft`; `unblock` is the way back.

The letters are peft's: A is the right factor, B the left one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..candidates import base_of
from ..errors import TargetError
from ..layers.attention import PROJECTIONS, SplitAttention
from ..layers.convolution import CONVOLUTIONS
from ..layers.experts import SplitExperts
from ..products import Product

Fold = Callable[[Product], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Block:
    """What stands in the file for one module of `peft`.

    Attributes:
        name: dotted name of the module, or of the parameter.
        rank: that it needs.
        scale: s.
        write: (rank, factor) -> tensors by key, of that rank, with B times the factor.
        parameter: whether the name is that of a parameter.
        step: the rank has to be a multiple of it.
    """

    name: str
    rank: int
    scale: float
    write: Callable[[int, float], dict[str, Tensor]]
    parameter: bool = False
    step: int = 1


def blocks(modules: Mapping[str, nn.Module], found: Mapping[str, Product], fold: Fold) -> list[Block]:
    """Return the blocks of an adapter; modules whose rank is 0 have none, unless DoRA rescales them.

    Args:
        modules: every module of the model, by name.
        found: the product of each adapted layer, by module name.
        fold: a product -> B and A, without its scale.

    Raises:
        TargetError: a layer has no form in `peft`; the message names it.
    """
    alive = {name: one for name, one in found.items() if one.rank > 0 or one.magnitude is not None}
    result: list[Block] = []
    for name, product in alive.items():
        owner = name.rpartition(".")[0]
        holder = modules.get(owner)
        if isinstance(holder, SplitAttention):
            if not any(block.name == owner for block in result):
                result.append(_attention(owner, holder, alive, fold))
        elif isinstance(holder, SplitExperts):
            result.append(_experts(owner, holder, name, alive, fold))
        else:
            result.append(_layer(name, base_of(modules[name]), product, fold))
    return result


def _layer(name: str, base: nn.Module, product: Product, fold: Fold) -> Block:
    groups = 1
    write: Any = _linear
    if isinstance(base, nn.Embedding):
        write = _embedding
    elif isinstance(base, CONVOLUTIONS):
        _require_plain(name, base, product)
        groups, write = base.groups, partial(_convolution, base)
    B, A = fold(product)
    rank = max(product.rank, 1)  # a magnitude needs factors beside it, be they zero

    def tensors(total: int, factor: float) -> dict[str, Tensor]:
        found: dict[str, Tensor] = write(*_padded(B * factor, A, total // groups))
        if product.magnitude is not None:
            shape = (1, -1, *[1] * (base.weight.dim() - 2)) if isinstance(base, CONVOLUTIONS) else (-1,)
            found["lora_magnitude_vector"] = product.magnitude.view(shape)
        return {f"{name}.{key}": tensor for key, tensor in found.items()}

    return Block(name, rank * groups, product.scale, tensors, step=groups)


def _require_plain(name: str, base: Any, product: Product) -> None:
    """Raise for what the convolution of `peft` passes by."""
    if any(size != 1 for size in base.dilation):
        raise _no_form(name, f"dilation {base.dilation}", "1, because its LoRA convolves without dilation")
    if base.padding_mode != "zeros":
        raise _no_form(name, f"padding_mode {base.padding_mode!r}", "'zeros', because its LoRA pads so")
    if product.magnitude is not None and base.groups > 1:
        raise _no_form(name, f"DoRA on {base.groups} groups", "DoRA on convolutions of one group")


def _no_form(name: str, what: str, allowed: str) -> TargetError:
    return TargetError(f"{name!r} has {what}, for which peft has no form; allowed: {allowed}.")


def _linear(B: Tensor, A: Tensor) -> dict[str, Tensor]:
    return {"lora_A.weight": A, "lora_B.weight": B}


def _embedding(B: Tensor, A: Tensor) -> dict[str, Tensor]:
    return {"lora_embedding_A": A, "lora_embedding_B": B}


def _convolution(base: Any, B: Tensor, A: Tensor) -> dict[str, Tensor]:
    """Repeat the filters for every group, which see that group's channels: r · groups filters over all."""
    groups, (rank, _), size = base.groups, A.shape, base.weight.shape[1:]
    filters = A.new_zeros(groups, rank, groups, *size)
    for group in range(groups):
        filters[group, :, group] = A.view(rank, *size)
    spatial = size[1:]
    return {
        "lora_A.weight": filters.reshape(groups * rank, groups * size[0], *spatial),
        "lora_B.weight": B.reshape(*B.shape, *[1] * len(spatial)),
    }


def _attention(name: str, holder: SplitAttention, found: Mapping[str, Product], fold: Fold) -> Block:
    """Put query, key and value in one block of the packed projection; `peft` has it beside the output's."""
    if not holder.attention._qkv_same_embed_dim:
        raise _no_form(name, "kdim or vdim", "attention whose keys and values are as wide as its queries")
    if f"{name}.out_proj" in found:
        # Seen in peft 0.21.2: what it adds to this weight, it adds twice.
        raise _no_form(name, "an update of out_proj", "updates of q_proj, k_proj and v_proj")
    parts = {k: found[f"{name}.{part}"] for k, part in enumerate(PROJECTIONS) if f"{name}.{part}" in found}
    if any(one.magnitude is not None for one in parts.values()):
        raise _no_form(name, "DoRA", "nn.MultiheadAttention without DoRA")
    width = holder.attention.embed_dim
    folded = {position: fold(product) for position, product in parts.items()}
    like = next(iter(folded.values()))[0]  # in the type in which λ has been folded in

    def tensors(total: int, factor: float) -> dict[str, Tensor]:
        B, A, column = like.new_zeros(3 * width, total), like.new_zeros(total, width), 0
        for position, product in parts.items():
            left, right = folded[position]
            columns = slice(column, column + product.rank)
            B[position * width : (position + 1) * width, columns] = left * product.scale * factor
            A[columns] = right
            column += product.rank
        nothing = _linear(like.new_zeros(width, total), like.new_zeros(total, width))
        return {
            **{f"{name}.{key}": tensor for key, tensor in _linear(B, A).items()},
            **{f"{name}.base_layer.out_proj.{key}": tensor for key, tensor in nothing.items()},
        }

    return Block(name, sum(product.rank for product in parts.values()), 1.0, tensors)


def _experts(owner: str, holder: SplitExperts, name: str, found: Mapping[str, Product], fold: Fold) -> Block:
    """Put a stack in the form of peft's wrapped parameters; of two, the first lies inside the second."""
    parts = [part for part in holder.experts._parameters if f"{owner}.{part}" in found]
    inside = len(parts) - 1 - parts.index(name.rpartition(".")[2])
    product = found[name]
    B, A = fold(product)

    def tensors(total: int, factor: float) -> dict[str, Tensor]:
        left, right = _padded(B * factor, A, total)
        experts, d1, _ = left.shape
        place = owner + ".base_layer" * inside
        return {
            f"{place}.lora_A.weight": right.reshape(experts * total, -1),
            f"{place}.lora_B.weight": left.permute(1, 2, 0).reshape(d1, total * experts),
        }

    return Block(name, product.rank, product.scale, tensors, parameter=True)


def _padded(B: Tensor, A: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return both factors with components of zero behind, up to a rank."""
    more = rank - A.shape[-2]
    left = torch.cat([B, B.new_zeros(*B.shape[:-1], more)], dim=-1)
    return left, torch.cat([A, A.new_zeros(*A.shape[:-2], more, A.shape[-1])], dim=-2)
