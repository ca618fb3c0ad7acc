"""Who takes part: one row for each way of training a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from . import ours, plain, theirs
from .cases import Case
from .config import BenchConfig
from .racer import Racer

FLOOR, PEFT_LORA = "floor", "peft_lora"


@dataclass(frozen=True)
class Contestant:
    """A way of training a model.

    Attributes:
        name: as the JSON says it.
        label: as tables and pictures say it.
        build: (case, settings) -> what takes the steps.
    """

    name: str
    label: str
    build: Callable[[Case, BenchConfig], Racer]


CONTESTANTS: Mapping[str, Contestant] = MappingProxyType(
    {
        one.name: one
        for one in (
            Contestant(FLOOR, "floor", plain.floor),
            Contestant("full", "full fine-tuning", plain.full),
            Contestant(PEFT_LORA, "peft LoRA", theirs.lora),
            Contestant("peft_adalora", "peft AdaLoRA", theirs.adaptive),
            Contestant("lora", "LoRA", ours.lora),
            Contestant("adalora", "AdaLoRA", ours.adaptive),
            Contestant("adalora_shrunk", "AdaLoRA, shrunk", ours.shrunk),
            Contestant("adalora_bf16", "AdaLoRA, inputs in bf16", partial(ours.adaptive, save_input="bf16")),
            Contestant("adalora_int8", "AdaLoRA, inputs in int8", partial(ours.adaptive, save_input="int8")),
        )
    }
)

# Rounding inputs saves memory and not time: these two take part where memory is counted.
ROUNDED = ("adalora_bf16", "adalora_int8")
TIMED = tuple(name for name in CONTESTANTS if name not in ROUNDED)
