"""Bytes that a forward pass keeps for the backward pass."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from .cases import Case, batches
from .config import BenchConfig
from .contestants import CONTESTANTS, FLOOR, PEFT_LORA


def measure(case: Case, config: BenchConfig) -> dict[str, Any]:
    """Count for every contestant.

    Returns:
        By contestant: ``kept`` in bytes; ``share``, what the adapters add to the floor's; and
        ``against_peft``, that share over the one of peft's LoRA.
    """
    kept = {name: _of(name, case, config) for name in CONTESTANTS}
    share = {name: number - kept[FLOOR] for name, number in kept.items() if name != FLOOR}
    against = {name: number / share[PEFT_LORA] for name, number in share.items()}
    return {"kept": kept, "share": share, "against_peft": against}


def _of(name: str, case: Case, config: BenchConfig) -> int:
    racer = CONTESTANTS[name].build(case, config)
    (batch,) = batches(racer.model, case, 1, config.seed)
    return kept_bytes(racer.model, lambda: racer.loss(batch))


def kept_bytes(model: nn.Module, run: Callable[[], object]) -> int:
    """Return the bytes that ``run`` keeps, each memory once.

    Args:
        model: what ``run`` runs; its weights and buffers do not count, as they are there anyway.
        run: a forward pass.
    """
    own = {one.untyped_storage().data_ptr() for one in chain(model.parameters(), model.buffers())}
    seen: dict[int, int] = {}
    # While a tensor is held its memory is not given to another, so an address means one memory.
    held: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in own:
            seen[memory.data_ptr()] = memory.nbytes()
            held.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(seen.values())
