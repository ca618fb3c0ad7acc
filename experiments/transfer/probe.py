"""What a model answers to a fixed batch, to compare two models by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor

ROWS, LENGTH, SEED = 4, 16, 0


@dataclass(frozen=True)
class Probe:
    """A batch.

    Attributes:
        inputs: as the model takes them.
        about: what it is, in words.
    """

    inputs: Mapping[str, Tensor]
    about: str


def probe_of(model: Any) -> Probe | None:
    """Return a batch of random token ids, or of random images; None for a model that does not answer those.

    Special tokens are left out, as some models read lengths from them; for those that read the answer at the
    end of the text, each row ends with the token for it.
    """
    probe = _batch(model)
    try:
        if probe:
            answers(model, probe)
    except Exception:
        return None
    return probe


def _batch(model: Any) -> Probe | None:
    taken = signature(model.forward).parameters
    generator = torch.Generator().manual_seed(SEED)
    if "input_ids" in taken:
        inputs = {"input_ids": _tokens(model.config, generator)}
        if "decoder_input_ids" in taken:
            inputs["decoder_input_ids"] = _tokens(model.config, generator)
        return Probe(inputs, f"{ROWS} × {LENGTH} random token ids, seed {SEED}")
    size = getattr(model.config, "image_size", None)
    if "pixel_values" in taken and isinstance(size, int):
        pixels = torch.randn(1, 3, size, size, generator=generator)
        return Probe({"pixel_values": pixels}, f"a random image of {size} × {size} pixels, seed {SEED}")
    return None


def _tokens(config: Any, generator: torch.Generator) -> Tensor:
    text = config.get_text_config()
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    special = {value for name in names for value in _ids(getattr(config, name, None))}
    plain = [token for token in range(text.vocab_size) if token not in special] or [0]
    tokens = torch.tensor(plain)[torch.randint(len(plain), (ROWS, LENGTH), generator=generator)]
    ends = [token for token in _ids(getattr(config, "eos_token_id", None)) if token < text.vocab_size]
    if ends:
        tokens[:, -1] = ends[0]
    return tokens


def _ids(value: int | list[int] | None) -> list[int]:
    return [] if value is None else value if isinstance(value, list) else [value]


@torch.no_grad()
def answers(model: Any, probe: Probe) -> dict[str, Tensor]:
    """Return the model's logits over a probe, by name; of a model without logits its hidden states."""
    batches = [probe.inputs]
    if getattr(model.config, "pad_token_id", 0) is None:  # some take one row at a time then
        rows = range(len(next(iter(probe.inputs.values()))))
        batches = [{name: one[row : row + 1] for name, one in probe.inputs.items()} for row in rows]
    outputs = [_logits(model(**batch)) for batch in batches]
    return {name: torch.cat([one[name] for one in outputs]).float() for name in outputs[0]}


def _logits(output: Mapping[str, Any]) -> dict[str, Tensor]:
    found = {name: one for name, one in output.items() if "logits" in name and isinstance(one, Tensor)}
    return found or {"last_hidden_state": output["last_hidden_state"]}


def largest_difference(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """Return the largest |difference| of two models' answers; NaN where one has a NaN."""
    return _largest(first[name] - second[name] for name in first)


def largest(found: Mapping[str, Tensor]) -> float:
    """Return the largest |logit|; NaN where there is one."""
    return _largest(found.values())


def _largest(tensors: Any) -> float:
    values = [one.abs().max().item() for one in tensors]
    return math.nan if any(math.isnan(value) for value in values) else max(values)
