"""The layouts on which folders go both ways, each with 12 layers: ``layer.1`` and ``layer.11`` are both there."""

import copy
from dataclasses import dataclass

import torch

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.peft_side import move
from tests.families import FAMILIES


@dataclass(frozen=True)
class Layout:
    family: str
    layers: str
    targets: tuple[str, ...]
    parts: tuple[str, ...]  # some of the targets that AdaLoRA of peft is put on
    head: str = ""

    def build(self):
        torch.manual_seed(5)
        sizes = dict.fromkeys(self.layers.split(), 12)
        return FAMILIES[self.family].build(**sizes).requires_grad_(False).eval()

    def batch(self):
        batch = FAMILIES[self.family].batch()
        if self.family == "t5":
            batch["decoder_input_ids"] = batch.pop("labels")
        batch.pop("labels", None)
        return batch


LAYOUTS = {
    "bert": Layout("bert", "num_hidden_layers", ("query", "key", "value", "dense"), ("query", "value"), "classifier"),
    "gpt2": Layout("gpt2", "n_layer", ("c_attn", "c_proj", "c_fc"), ("c_attn", "c_fc")),
    "llama": Layout("llama", "num_hidden_layers",
                    ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), ("q_proj", "up_proj")),
    "t5": Layout("t5", "num_layers", ("q", "k", "v", "o", "wi", "wo"), ("q", "v")),
}  # fmt: skip


def rankings(model, highest, seed=0):
    """Return a rank for every adapted module, from none to all, so that layers 1 and 11 differ."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: int(torch.randint(highest + 1, (), generator=generator)) for name in adalora.adapters(model)
    }


def adapted(layout, update="svd", *, rank=4, dora=False, **changes):
    """Return a model of 12 layers and its twin, adapted, moved, and pruned to different ranks."""
    base = layout.build()
    config = {
        "rank": rank,
        "alpha": 8.0,
        "target_modules": list(layout.targets),
        "init": "gaussian",
        **changes,
    }
    model = adalora.inject(copy.deepcopy(base), AdapterConfig(update=update, dora=dora, **config)).eval()
    move(model, size=0.2)
    if update == "svd":
        for name, kept in rankings(model, rank).items():
            layer = adalora.adapters(model)[name].update
            layer.keep_(torch.arange(rank) < kept)
    return base, model
