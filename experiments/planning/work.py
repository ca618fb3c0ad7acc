"""The multiplications of a training step, counted from the shapes of a model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import nn

from adalora.candidates import base_of, candidates
from adalora.layers import AdaptedLayer
from adalora.layers.embedding import Embedding

from ..methods.stacks import stacks
from ..methods.tokens import Tokens
from ..positions import positions_of
from .subject import Subject

_EACH = 2  # a number is multiplied and added
_HEAD = -1  # in the place of a stack: outside of all of them
_CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "moe_k", "top_k_experts")  # as families call it


@dataclass(frozen=True)
class Work:
    """Floating-point operations of one optimizer step on rows as long as the settings allow, at least.

    Two for each number of a matrix and each token. Not counted: what attention does with pairs of tokens,
    norms and activations, the optimizer, what 4 or 8 bits take to read, and all that depends on the text.

    Attributes:
        tokens: of a row, as long as the settings allow, in each stack of the model; trained ones, too.
        rows: in a step.
        forward: operations of the forward pass.
        inputs: operations of the gradients that go on to a layer further below.
        weights: operations of the gradients of what is trained.
    """

    tokens: tuple[int, ...]
    rows: int
    forward: int
    inputs: int
    weights: int

    @property
    def operations(self) -> int:
        """All of them."""
        return self.forward + self.inputs + self.weights


@dataclass(frozen=True)
class _Product:
    """A matrix that is multiplied: where, its numbers and those of its updates, and how many are trained."""

    stack: int
    layer: int
    numbers: int
    trained: int


def work(subject: Subject) -> Work | None:
    """Return the operations of a step; None where rows are no texts, so that there are no tokens to count."""
    if not subject.problem.lengths:
        return None
    model: Any = subject.model
    found = stacks(model)
    tokens = _tokens(subject, len(found))
    lowest = _lowest(model, found)
    training = subject.config.training
    rows = training.batch_size * training.accumulation
    forward = inputs = weights = 0
    for one in _products(model, found):
        # Heads see one token of a row; the matrix that chooses the next token is among the last stack's.
        number = _EACH * (1 if one.stack == _HEAD else tokens[one.stack]) * rows
        forward += number * one.numbers
        weights += number * one.trained
        # A gradient stops at the lowest layer that trains: what that one itself needs is not counted.
        inputs += number * one.numbers if lowest is not None and (one.stack, one.layer) > lowest else 0
    return Work(tuple(tokens), rows, forward, inputs, weights)


def _tokens(subject: Subject, number: int) -> list[int]:
    data, lengths = subject.config.data, subject.problem.lengths
    config: Any = subject.model.config
    both = bool(getattr(config, "is_encoder_decoder", False))
    first, further = data.max_length, data.target_length if "target_length" in lengths else 0
    room = positions_of(config)
    whole = first if both else first + further
    held = [module for module in subject.model.modules() if isinstance(module, Tokens)]
    whole += sum(one.prefix + one.infix for one in held)  # trained tokens stand in the first stack alone
    whole = whole if room is None else min(whole, room)
    return [whole, *[further or first] * (number - 1)] if both else [whole] * number


def _lowest(model: nn.Module, found: list[list[nn.Module]]) -> tuple[int, int] | None:
    """Return the first layer in which something trains, (0, −1) for what stands before all layers."""
    places = _places(found)
    inside = {id(p): place for module, place in places.items() for p in module._parameters.values()}
    trained: list[tuple[int, int]] = []
    begun = False
    for parameter in model.parameters():
        begun = begun or id(parameter) in inside
        if parameter.requires_grad and id(parameter) in inside:
            trained.append(inside[id(parameter)])
        elif parameter.requires_grad and not begun:
            trained.append((0, -1))
    if any(isinstance(module, Tokens) for module in model.modules()):  # in front of the first layer
        trained.append((0, -1))
    return min(trained, default=None)


def _places(found: list[list[nn.Module]]) -> Mapping[nn.Module, tuple[int, int]]:
    return {
        module: (stack, depth)
        for stack, layers in enumerate(found)
        for depth, layer in enumerate(layers)
        for module in layer.modules()
    }


def _products(model: Any, found: list[list[nn.Module]]) -> Iterator[_Product]:
    places = _places(found)
    writes = getattr(model, "get_output_embeddings", lambda: None)()
    seen: set[int] = set()
    for one in candidates(model):
        base = base_of(one.module)
        if one.kind is None or isinstance(one.kind, Embedding) or id(one.module) in seen:
            continue
        seen.add(id(one.module))
        holder = one.module if one.owner is None else one.owner.module
        place = places.get(holder, (_HEAD, 0))
        if found and writes is not None and writes in (one.module, base):
            place = (len(found) - 1, len(found[-1]))
        *stack, d1, d2 = one.kind.shape(base)
        active = min(stack[0], _experts(model.config)) if stack else 1
        own = active * d1 * d2
        weight = next((p for p in holder._parameters.values() if p is not None), None)
        updates = active * _update(one.module) // prod(stack)
        free = own if base is one.module and weight is not None and weight.requires_grad else 0
        yield _Product(*place, own + updates, updates + free)


def _update(module: nn.Module) -> int:
    """Return the numbers in the factors of an adapted layer."""
    if not isinstance(module, AdaptedLayer):
        return 0
    return sum(p.numel() for held in module.updates.values() for p in held.parameters())


def _experts(config: Any) -> int:
    """Return how many experts a token goes to; one where the family does not say."""
    settings = config.get_text_config()
    return next((int(getattr(settings, name)) for name in _CHOSEN if getattr(settings, name, None)), 1)
