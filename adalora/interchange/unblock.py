"""The factors of each layer from a file of `peft`: the inverse of `blocks`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..candidates import Candidate, base_of, candidates
from ..errors import AdaLoRAError, CheckpointError
from ..header import shortened
from ..layers import LayerKind, largest_rank
from ..layers.attention import PROJECTIONS
from ..layers.convolution import CONVOLUTIONS
from ..layers.experts import SplitExperts
from ..products import truncated
from ..walk import walk
from .folder import Source, names_in, scale_of

_INSIDE = ".base_layer"
_NAMES = {"A": "lora_A", "B": "lora_B", "E": "lora_E", "M": "lora_magnitude_vector"}


@dataclass(frozen=True)
class Factors:
    """What one layer gets: ΔW = scale · left diag(lam) right.

    Attributes:
        left: … × d₁ × r.
        lam: … × r, or None for ones.
        right: … × r × d₂.
        scale: s.
        magnitude: DoRA's m, or None.
    """

    left: Tensor
    lam: Tensor | None
    right: Tensor
    scale: float
    magnitude: Tensor | None = None

    @property
    def rank(self) -> int:
        """Number of components."""
        return self.right.shape[-2]

    def is_whole(self) -> bool:
        """Tell whether all factors have the same rank, and the magnitude a number for each row."""
        *stack, d1, rank = self.left.shape
        lam = self.lam is None or self.lam.shape == (*stack, rank)
        magnitude = self.magnitude is None or self.magnitude.shape == (d1,)
        return self.right.shape[:-1] == (*stack, rank) and lam and magnitude


def factors_of(source: Source, model: nn.Module) -> dict[str, Factors]:
    """Return the factors of every layer of the model that the file has an update for, by its name here.

    Raises:
        CheckpointError: names or shapes differ from those of the model, or a factor is missing, or a layer of
            the two libraries does not compute the same.
    """
    layers = {one.name: one for one in candidates(model) if one.kind is not None}
    modules = dict(walk(model))
    result: dict[str, Factors] = {}
    rows: list[str] = []
    for name, letters in source.contents.factors.items():
        own = {letter: source.tensors[key] for letter, key in letters.items()}
        _require_whole(source, name, own)
        try:
            parts = _parts(source, name, own, layers, modules)
            for one in (parts or {}).values():
                one.is_whole()
        except AdaLoRAError:  # says itself what is wrong
            raise
        except (IndexError, KeyError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
            shapes = ", ".join(f"{letter} {tuple(tensor.shape)}" for letter, tensor in own.items())
            raise CheckpointError(
                f"{source.folder}: the factors of {name} do not fit each other ({shapes}): {error}."
            ) from error
        if parts is None:
            rows.append(f"{name}: {tuple(own['B'].shape)} by {tuple(own['A'].shape)} saved, absent here")
            continue
        for place, one in parts.items():
            shape = _shape(layers[place])
            given = (*one.left.shape[:-1], one.right.shape[-1])
            if given == shape and one.is_whole():
                result[place] = _fitting(one, layers[place])
            else:
                rows.append(f"{place}: {given} saved, {shape} here")
    if rows:
        raise source.another_base(rows)
    if not result:
        names = ", ".join(list(source.tensors)[:3]) or "none"
        raise CheckpointError(f"{source.folder} holds no factor of a LoRA; its tensors: {names}.")
    return result


def _require_whole(source: Source, name: str, own: Mapping[str, Tensor]) -> None:
    wanted = ["A", "B"]
    wanted += ["E"] if source.config["peft_type"] == "ADALORA" else []
    wanted += ["M"] if source.config.get("use_dora") else []
    strange = [str(tensor.dtype) for tensor in own.values() if not tensor.is_floating_point()]
    if strange:
        raise CheckpointError(f"{source.folder}: {name} has factors of type {strange[0]}; allowed: floats.")
    missing = [_NAMES[letter] for letter in wanted if letter not in own]
    if missing:
        raise CheckpointError(f"{source.folder}: {name} has no {', '.join(missing)}; the file is damaged.")


def _parts(
    source: Source,
    name: str,
    own: Mapping[str, Tensor],
    layers: Mapping[str, Candidate],
    modules: Mapping[str, nn.Module],
) -> dict[str, Factors] | None:
    """Return the factors of the layers that one module of the file stands for; None where there is none."""
    owner = name.replace(_INSIDE, "")
    if name in layers:
        return {name: _layer(source, name, own, base_of(layers[name].module))}
    if f"{owner}.q_proj" in layers and owner == name:
        return _attention(source, name, own)
    if owner != name and owner.endswith(".out_proj") and owner in layers:
        if bool(own["B"].any()):
            raise CheckpointError(
                f"{source.folder}: {owner} has an update, which peft adds to the output of an "
                f"nn.MultiheadAttention twice; allowed: an update of zeros there. Merge it in peft instead."
            )
        return {}
    if f"{owner}.down_proj" in layers and owner in modules:
        return _experts(source, name, own, layers, modules[owner])
    return None


def _layer(source: Source, name: str, own: Mapping[str, Tensor], base: Any) -> Factors:
    left, right = own["B"], own["A"]
    rank = right.shape[0]
    saved = "a convolution" if right.dim() > 2 else "a linear layer"
    saved = "an embedding" if name in source.contents.embeddings else saved
    embedding, convolution = isinstance(base, nn.Embedding), isinstance(base, CONVOLUTIONS)
    flat = "E" in own and not embedding  # AdaLoRA's filters lie as rows
    if (saved == "an embedding") != embedding or ((saved == "a convolution") != convolution and not flat):
        here = f"a {type(base).__name__} here"
        raise source.another_base([f"{name}: {saved} saved, {here}"])
    if isinstance(base, CONVOLUTIONS):
        if any(size != 1 for size in base.dilation) or base.padding_mode != "zeros":
            raise CheckpointError(
                f"{source.folder}: {name} has dilation {base.dilation} and padding_mode "
                f"{base.padding_mode!r}, by which the LoRA of peft passes; allowed: neither. Merge it there."
            )
        left, right = left.flatten(1), _filters(source, name, right, base.groups)
    return Factors(
        left,
        own["E"].flatten() if "E" in own else None,
        right,
        scale_of(source.config, name, rank),
        own["M"].flatten() if "M" in own else None,
    )


def _filters(source: Source, name: str, A: Tensor, groups: int) -> Tensor:
    """Return r filters over the channels of one group, where the file has them for every group."""
    if groups == 1 or A.dim() == 2:  # AdaLoRA's are flat already
        return A.flatten(1)
    blocks = A.reshape(groups, A.shape[0] // groups, groups, A.shape[1] // groups, -1)
    own = blocks.diagonal(dim1=0, dim2=2).movedim(-1, 0)
    outside = blocks.abs().sum() - own.abs().sum()
    if not bool((own == own[:1]).all()) or outside > 1e-6 * own.abs().sum():
        raise CheckpointError(
            f"{source.folder}: the filters of {name} see the channels of other groups, so that no weight of "
            f"{groups} groups can hold them; allowed: convolutions of one group."
        )
    return own[0].flatten(1)


def _attention(source: Source, name: str, own: Mapping[str, Tensor]) -> dict[str, Factors]:
    """Return query, key and value of a packed projection, without the components that they do not use."""
    scale = scale_of(source.config, name, own["A"].shape[0])
    result: dict[str, Factors] = {}
    lefts = own["B"].view(3, -1, own["B"].shape[-1])
    for part, left in zip(PROJECTIONS, lefts, strict=True):
        used = left.ne(0).any(0)
        if bool(used.any()):
            result[f"{name}.{part}"] = Factors(left[:, used], None, own["A"][used], scale)
    return result or {f"{name}.q_proj": Factors(lefts[0], None, own["A"], scale)}


def _experts(
    source: Source,
    name: str,
    own: Mapping[str, Tensor],
    layers: Mapping[str, Candidate],
    module: nn.Module,
) -> dict[str, Factors]:
    """Return the stack of one wrapped parameter; of two, the first lies inside the second."""
    owner = name.replace(_INSIDE, "")
    experts = module.experts if isinstance(module, SplitExperts) else module
    asked = names_in(source.config, "target_parameters")
    parameters = experts._parameters
    wrapped = [
        f"{owner}.{one}"
        for one in parameters
        if any(f"{owner}.{one}" == key or f"{owner}.{one}".endswith(f".{key}") for key in asked)
    ]
    depth = name.count(_INSIDE)
    if depth >= len(wrapped):
        raise IndexError(f"target_parameters {shortened(repr(list(asked)))} has no parameter for it")
    place = wrapped[len(wrapped) - 1 - depth]
    count = _shape(layers[place])[0]
    A, B = own["A"], own["B"]
    rank = A.shape[0] // count
    left = B.reshape(B.shape[0], rank, count).permute(2, 0, 1)
    return {place: Factors(left, None, A.reshape(count, rank, -1), scale_of(source.config, place, rank))}


def _shape(layer: Candidate) -> tuple[int, ...]:
    return cast(LayerKind, layer.kind).shape(base_of(layer.module))


def _fitting(one: Factors, layer: Candidate) -> Factors:
    """Return the same ΔW with no more components than it can have, which is what ours may have."""
    largest = largest_rank(cast(LayerKind, layer.kind), base_of(layer.module))
    if one.rank <= largest:
        return one
    lam = torch.ones_like(one.right[..., 0]) if one.lam is None else one.lam
    left, lam, right, _ = truncated(one.left, lam, one.right, largest)
    if one.lam is None:
        left, lam = left * lam.unsqueeze(-2), torch.empty(0)
    return Factors(left, None if one.lam is None else lam, right, one.scale, one.magnitude)
