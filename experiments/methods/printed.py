"""The numbers of trainable parameters that a paper prints, and those that its models' layouts have."""

from dataclasses import dataclass, field

import torch

from adalora import AdapterConfig

from ..config import BottleneckConfig, RunConfig, TokensConfig
from .counts import trainable
from .layouts import LAYOUTS


@dataclass(frozen=True)
class Printed:
    """A row of a paper's table, and what it is here.

    Attributes:
        model: one of `LAYOUTS`.
        method: one of the methods.
        words: its settings as the paper says them.
        adapter: its settings here, if it is one.
        millions: trainable parameters that the paper prints, in millions and as it writes them.
        table: where.
        bottleneck: its settings here, if it puts modules between the layers.
        tokens: its settings here, if it has trained tokens.
    """

    model: str
    method: str
    words: str
    adapter: AdapterConfig
    millions: str
    table: str
    bottleneck: BottleneckConfig = field(default_factory=BottleneckConfig)
    tokens: TokensConfig = field(default_factory=TokensConfig)

    def counted(self) -> int:
        """Return the number of trainable parameters, without a head for the task, as the paper counts."""
        with torch.device("meta"):
            model = LAYOUTS[self.model]()
        config = RunConfig(
            "count",
            "none",
            self.model,
            method=self.method,
            adapter=self.adapter,
            bottleneck=self.bottleneck,
            tokens=self.tokens,
        )
        return trainable(model, config)


def _lora(rank: int, targets: list[str] | str = "query-value") -> AdapterConfig:
    return AdapterConfig(update="lora", rank=rank, target_modules=targets)


def _between(
    model: str, design: str, width: int, millions: str, table: str, *, dropped: int | None = None
) -> Printed:
    words = f"r={width}" + (f", {dropped} of 12 layers dropped" if design == "d" else "")
    settings = BottleneckConfig(width, dropped)
    return Printed(model, f"adapter-{design}", words, _NONE, millions, table, bottleneck=settings)


def _around(method: str, prefix: int, infix: int, millions: str, table: str, *, rank: int = 0) -> Printed:
    words = f"l_p={prefix}, l_i={infix}" + (f", r_q=r_v={rank}" if rank else "")
    adapter = _lora(rank) if rank else _NONE
    return Printed("GPT-3 175B", method, words, adapter, millions, table, tokens=TokensConfig(prefix, infix))


_NONE = AdapterConfig()
_QV = "W_q, W_v"  # in GPT-2 one fused matrix: 4·r·d numbers in either form
# Of Hu et al. 2021, arXiv 2106.09685. Some printed figures are not what the layouts have: GPT-2 M in full,
# LoRA on GPT-2, wide adapters on RoBERTa-large, Adapter^H on GPT-2 M, PreLayer, and LoRA beside tokens.
# For Adapter^D, and for adapters on GPT-2, our copy of the paper names no width: these come to its figures or
# next to them. PreLayer on GPT-2 is left out, since it names no l_p, and no l_p comes to 0.35 M.
PRINTED = (
    Printed("RoBERTa-base", "bitfit", "", _NONE, "0.1", "Table 2"),
    Printed("RoBERTa-base", "lora", f"r=8, {_QV}", _lora(8), "0.3", "Table 2"),
    Printed("RoBERTa-large", "lora", f"r=8, {_QV}", _lora(8), "0.8", "Table 2"),
    Printed("DeBERTa-XXL", "lora", f"r=16, {_QV}", _lora(16), "4.7", "Table 2"),
    Printed("GPT-2 M", "full", "", _NONE, "354.92", "Table 3"),
    Printed("GPT-2 M", "ft-top2", "", _NONE, "25.19", "Table 3"),
    Printed("GPT-2 M", "lora", f"r=4, {_QV}", _lora(4), "0.35", "Table 3"),
    Printed("GPT-2 L", "full", "", _NONE, "774.03", "Table 3"),
    Printed("GPT-2 L", "lora", f"r=4, {_QV}", _lora(4), "0.77", "Table 3"),
    Printed("GPT-3 175B", "lora", "r_v=2", _lora(2, ["v_proj"]), "4.7", "Table 4"),
    Printed("GPT-3 175B", "lora", "r_q=r_v=8", _lora(8), "37.7", "Table 4"),
    _between("RoBERTa-base", "d", 48, "0.3", "Table 2", dropped=8),
    _between("RoBERTa-base", "d", 48, "0.9", "Table 2", dropped=0),
    _between("RoBERTa-large", "p", 64, "3.0", "Table 2"),
    _between("RoBERTa-large", "p", 16, "0.8", "Table 2"),
    _between("RoBERTa-large", "h", 64, "6.0", "Table 2"),
    _between("RoBERTa-large", "h", 8, "0.8", "Table 2"),
    _between("GPT-2 M", "l", 6, "0.37", "Table 3"),
    _between("GPT-2 M", "l", 224, "11.09", "Table 3"),
    _between("GPT-2 M", "h", 112, "11.09", "Table 3"),
    _between("GPT-2 L", "l", 8, "0.88", "Table 3"),
    _between("GPT-2 L", "l", 248, "23.00", "Table 3"),
    _between("GPT-3 175B", "h", 1, "7.1", "Table 4"),
    _between("GPT-3 175B", "h", 8, "40.1", "Table 4"),
    _between("GPT-3 175B", "h", 16, "77.9", "Table 15"),
    _around("preembed", 256, 8, "3.2", "Table 4"),
    _around("preembed", 512, 8, "6.4", "Table 15"),
    _around("prelayer", 2, 2, "5.1", "Table 15"),
    _around("prelayer", 8, 8, "20.2", "Table 4"),
    _around("lora+pe", 8, 4, "37.8", "Table 15", rank=8),
    _around("lora+pl", 8, 4, "52.8", "Table 15", rank=8),
)
