"""The numbers of trainable parameters that a paper prints, and those that its models' layouts have."""

from dataclasses import dataclass

import torch

from adalora import AdapterConfig

from ..config import RunConfig
from .counts import trainable
from .layouts import LAYOUTS


@dataclass(frozen=True)
class Printed:
    """A row of a paper's table, and what it is here.

    Attributes:
        model: one of `LAYOUTS`.
        method: one of the methods.
        words: its settings as the paper says them.
        adapter: its settings here.
        millions: trainable parameters that the paper prints, in millions and as it writes them.
        table: where.
    """

    model: str
    method: str
    words: str
    adapter: AdapterConfig
    millions: str
    table: str

    def counted(self) -> int:
        """Return the number of trainable parameters, without a head for the task, as the paper counts."""
        with torch.device("meta"):
            model = LAYOUTS[self.model]()
        return trainable(
            model, RunConfig("count", "none", self.model, method=self.method, adapter=self.adapter)
        )


def _lora(rank: int, targets: list[str] | str = "query-value") -> AdapterConfig:
    return AdapterConfig(update="lora", rank=rank, target_modules=targets)


_NONE = AdapterConfig()
_QV = "W_q, W_v"  # in GPT-2 one fused matrix: 4·r·d numbers in either form
# Of Hu et al. 2021, arXiv 2106.09685. For GPT-2 M in full and for LoRA on GPT-2 the printed figures are not
# what the layouts have.
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
)
