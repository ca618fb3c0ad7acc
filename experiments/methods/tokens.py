"""Prefix tuning as the LoRA paper has it: trained tokens around the text, the model itself frozen.

``preembed`` trains their embeddings. ``prelayer`` trains what every layer gets in their places: the
embeddings, and instead of what each layer but the last gives there a trained vector. What the last one gives
there goes to no layer, so it is left as it comes; that makes L·d·(l_p + l_i) numbers, as the paper counts.

`peft` has neither: its prompt tuning knows no infix, and its prefix tuning trains keys and values, twice as
many numbers.

- The prefix stands in front of the row; the infix behind its last token that is not padding, [SEP] included,
  or, where a decoder gets labels for its text, in front of the first token that has one.
- Outputs keep the caller's columns: heads, labels and losses know nothing of the tokens. In a decoder the
  prompt's last token is followed by the infix, and so its output is that of the infix's last token.
- ``generate`` puts the tokens in when it reads the prompt, filled up on the left; after that they are in the
  cache, without which (``use_cache=False``) the infix would move along with the text.
- An encoder with a decoder has them in the encoder. The decoder attends to the text alone, which has seen
  them.
- They have token type 0, and take part in the count of positions.
"""

import inspect
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from adalora.errors import ConfigError

from ..config import TokensConfig
from ..positions import positions_of
from .families import family_of
from .modules import Modules, Put
from .places import Places, ends_of
from .stacks import stacks

NAME = "trained_tokens"
_HIDDEN = -100  # a label that the loss leaves out


class Tokens(nn.Module):
    """Trained tokens, and the hooks by which a stack of layers takes them for part of its text.

    Args:
        start: what the layers get in their places at first: the first layer, or every one, × tokens × d.
        prefix: how many of the tokens stand in front.
        causal: whether a position sees only those before it.
        room: positions that the stack has; None where nothing bounds them.
    """

    def __init__(self, start: Tensor, prefix: int, *, causal: bool, room: int | None) -> None:
        super().__init__()
        self.values = nn.Parameter(start)
        self.prefix, self.infix = prefix, start.shape[1] - prefix
        self.causal, self.room = causal, room
        self._ends: Tensor | None = None
        self._places: Places | None = None

    def note_labels(self, _: nn.Module, __: Any, given: dict[str, Any]) -> None:
        """Before a decoder with a head that writes: note where the text begins that it is to write."""
        labels = given.get("labels")
        self._ends = None
        if labels is not None:
            told, columns = labels != _HIDDEN, labels.shape[1]
            first = torch.where(told.any(1), told.int().argmax(1), columns)
            self._ends = first

    def enter(self, stack: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> tuple[Any, Any]:
        """Before the stack: put the tokens among those of the text, once for each text.

        Raises:
            ConfigError: there is no room, the mask is of another shape, or the stack is a copy in a thread.
        """
        if getattr(stack, "_is_replica", False):  # its hooks would all write to the one module that they know
            raise ConfigError(
                "trained tokens cannot be used under nn.DataParallel, which the Trainer puts around a model "
                "where it sees several GPUs; allowed: a process a GPU (torchrun), or CUDA_VISIBLE_DEVICES=0."
            )
        given = {**dict(zip(inspect.signature(stack.forward).parameters, args, strict=False)), **given}
        past = given.get("past_key_values")
        seen = 0 if past is None else int(past.get_seq_length())
        mask = given.get("attention_mask")
        if mask is not None and (not isinstance(mask, Tensor) or mask.ndim != 2):
            raise ConfigError(
                "attention_mask has another shape than rows × columns, so trained tokens cannot be put among "
                "the text; allowed: such a mask, and the cache that generate takes by default."
            )
        return (), (self._go_on(given, seen, mask) if seen else self._begin(stack, given, mask))

    def _begin(self, stack: Any, given: dict[str, Any], mask: Tensor | None) -> dict[str, Any]:
        embeds = given.get("inputs_embeds")
        if embeds is None:
            embeds = stack.get_input_embeddings()(given["input_ids"])
        rows, length = embeds.shape[:2]
        self._require_room(length)
        if mask is None:
            mask = torch.ones(rows, length, dtype=torch.long, device=embeds.device)
        ends, self._ends = self._ends, None
        ends = ends_of(mask) if ends is None else torch.minimum(ends, ends_of(mask))
        places = Places.of(ends, length, self.prefix, self.infix, causal=self.causal)
        self._places = places
        number = self.prefix + self.infix
        special = self.values[0].to(embeds.dtype).expand(rows, -1, -1)
        given |= {"input_ids": None, "inputs_embeds": places.weave(special, embeds)}
        given["attention_mask"] = places.weave(mask.new_ones(rows, number), mask)
        types = given.get("token_type_ids")
        if types is not None:
            given["token_type_ids"] = places.weave(types.new_zeros(rows, number), types)
        given.pop("position_ids", None)  # these are of the text alone
        if self.causal:
            given["position_ids"] = _positions(given["attention_mask"])
        return given

    def _go_on(self, given: dict[str, Any], seen: int, mask: Tensor | None) -> dict[str, Any]:
        """The cache has the tokens; the mask and the positions must know of them."""
        self._places = None
        found = given.get("input_ids")
        found = given["inputs_embeds"] if found is None else found
        rows, new = found.shape[:2]
        if mask is None:
            mask = torch.ones(
                rows, seen + new - self.prefix - self.infix, dtype=torch.long, device=found.device
            )
        # A prompt is filled up in front, so all is ones from its first token on, wherever the infix is.
        front, back = mask.new_ones(rows, self.prefix), mask.new_ones(rows, self.infix)
        mask = torch.cat([front, mask, back], dim=1)
        if (
            self.room is not None and mask.shape[1] > self.room
        ):  # padding takes no positions, but time to count
            self._require_room(int((mask != 0).sum(dim=1).max()) - self.prefix - self.infix)
        return given | {"attention_mask": mask, "position_ids": _positions(mask)[:, -new:]}

    def _require_room(self, length: int) -> None:
        number = self.prefix + self.infix
        if self.room is not None and length + number > self.room:
            raise ConfigError(
                f"tokens.prefix + tokens.infix is {number}, and a text has {length} tokens, but the model "
                f"has {self.room} positions; allowed: fewer tokens, or a smaller data.max_length."
            )

    def replace(self, index: int, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Before a layer: put trained activations in the places of the tokens."""
        if self._places is None:
            return args
        return (self._places.replace(args[0], self.values[index]), *args[1:])

    def trim(self, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Before a pooler: leave the text alone."""
        return args if self._places is None else (self._places.trim(args[0]), *args[1:])

    def leave(self, _: nn.Module, __: Any, output: Any) -> Any:
        """After the stack: return what it says of the text. Attentions are left as they are."""
        places, self._places = self._places, None
        if places is None:
            return output
        if isinstance(output, tuple):
            return (places.trim(output[0]), *(_trimmed(one, places) for one in output[1:]))
        output.last_hidden_state = places.trim(output.last_hidden_state)
        if output.get("hidden_states") is not None:
            output.hidden_states = tuple(map(places.trim, output.hidden_states))
        return output


def tokens(name: str, *, every_layer: bool) -> Modules:
    """Return trained tokens for the row called ``name``: those of the first layer, or of every one."""
    return Modules(name, "tokens", Tokens, partial(_put_on, every_layer), _settings)


def _put_on(every_layer: bool, model: Any, settings: TokensConfig) -> Put:
    """Put tokens on a model.

    Raises:
        ConfigError: the model's family is not known, the model has no room for them, or it embeds into
            another width than that of its layers.
    """
    family = family_of(model)
    stack: Any = family.stack(model.base_model)
    (layers,) = stacks(stack)
    room = positions_of(model.config)
    number = settings.prefix + settings.infix
    if room is not None and number >= room:
        raise ConfigError(
            f"tokens.prefix + tokens.infix is {number}, but the model has {room} positions; allowed: fewer."
        )
    start = _start(stack, layers if every_layer else layers[:1], number, model.config.hidden_size)
    held = Tokens(start, settings.prefix, causal=family.causal, room=room)
    put = Put()
    put.attach(stack, NAME, held)
    if family.causal and model.get_output_embeddings() is not None:
        put.hook(model.register_forward_pre_hook(held.note_labels, with_kwargs=True))
    put.hook(stack.register_forward_pre_hook(held.enter, with_kwargs=True))
    for index in range(1, len(start)):
        put.hook(layers[index].register_forward_pre_hook(partial(held.replace, index)))
    if getattr(stack, "pooler", None) is not None:
        put.hook(stack.pooler.register_forward_pre_hook(held.trim))
    put.hook(stack.register_forward_hook(held.leave))
    return put


@torch.no_grad()
def _start(stack: Any, layers: list[nn.Module], number: int, width: int) -> Tensor:
    """Return the embeddings of random words, and what the frozen layers make of them: layers × tokens × d."""
    embedding = stack.get_input_embeddings()
    weight = embedding.weight
    words = embedding(torch.randint(len(weight), (1, number), device=weight.device))
    if len(layers) > 1 and words.shape[-1] != width:
        raise ConfigError(
            f"model embeds into {words.shape[-1]} numbers and its layers have {width}, so no layer can take "
            f"the other's activations; allowed: method: preembed, or another model."
        )
    if weight.is_meta:  # where only shapes count
        return torch.empty(len(layers), *words.shape[1:], device=weight.device)
    inputs: list[Tensor] = [words[0]]
    handles = [
        layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0])) for layer in layers[1:]
    ]
    training = stack.training
    stack.eval()
    try:
        if handles:
            stack(inputs_embeds=words)
    finally:
        stack.train(training)
        for handle in handles:
            handle.remove()
    return torch.stack(inputs)


def _positions(mask: Tensor) -> Tensor:
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def _trimmed(member: Any, places: Places) -> Any:
    """Return a member of a model's output without the tokens: hidden states have three dimensions."""
    states = isinstance(member, tuple) and all(isinstance(one, Tensor) and one.ndim == 3 for one in member)
    return tuple(map(places.trim, member)) if states else member


def _settings(model: nn.Module) -> TokensConfig:
    """Read the settings off a model that has tokens on."""
    held = next(module for module in model.modules() if isinstance(module, Tokens))
    return TokensConfig(held.prefix, held.infix)
