"""Every type of layer that can be adapted, and how a dense weight is put in its place without the package."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn
from transformers import GptOssConfig, MixtralConfig, Qwen3MoeConfig
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssExperts
from transformers.models.mixtral.modeling_mixtral import MixtralExperts
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeExperts
from transformers.pytorch_utils import Conv1D

TOKENS = 6


@dataclass(frozen=True)
class Matrix:
    """A matrix of a layer: its module's name behind the layer's, its parameter, and how ΔW (d₁ × d₂) lies there."""

    parameter: str = "weight"
    part: str = ""
    lay: Callable = field(default=lambda delta, weight: delta)
    rows: tuple[int, int] | None = None  # the part of the parameter that it is; None for all


def turned(delta, weight):
    return delta.mT


@dataclass(frozen=True)
class LayerCase:
    name: str
    build: Callable
    inputs: Callable
    matrices: tuple[Matrix, ...] = (Matrix(),)
    linear: bool = True  # quantised bases exist for it
    dora: bool = True


def floats(*shape):
    return lambda dtype: (torch.randn(*shape, dtype=torch.float64).to(dtype).requires_grad_(),)


def attended(kdim=None):
    def inputs(dtype):
        query = torch.randn(2, TOKENS, 8, dtype=torch.float64).to(dtype).requires_grad_()
        if kdim is None:
            return query, query, query
        other = torch.randn(2, 5, kdim, dtype=torch.float64).to(dtype).requires_grad_()
        return query, other, other

    return inputs


def routed(experts):
    def inputs(dtype):
        x = torch.randn(TOKENS, 8, dtype=torch.float64).to(dtype).requires_grad_()
        # One expert is chosen by nobody.
        chosen = torch.stack([torch.randperm(experts - 1)[:2] for _ in range(TOKENS)])
        return x, chosen, torch.rand(TOKENS, 2, dtype=torch.float64).to(dtype)

    return inputs


def experts(module, config):
    def build():
        config._experts_implementation = "eager"
        layer = module(config)
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=0.3)
        return layer

    return build


def padded_ids(dtype):
    return (torch.tensor([[3, 0, 2, 9], [9, 2, 1, 3]]),)


PACKED = tuple(
    Matrix("in_proj_weight", name, rows=(8 * k, 8 * k + 8))
    for k, name in enumerate(("q_proj", "k_proj", "v_proj"))
)
APART = tuple(Matrix(f"{name}_weight", name) for name in ("q_proj", "k_proj", "v_proj"))
OUT = Matrix("out_proj.weight", "out_proj")
STACKS = (Matrix("gate_up_proj", "gate_up_proj"), Matrix("down_proj", "down_proj"))
TURNED_STACKS = (Matrix("gate_up_proj", "gate_up_proj", turned), Matrix("down_proj", "down_proj", turned))

SIZES = {"hidden_size": 8, "num_hidden_layers": 1}
MIXTRAL = MixtralConfig(intermediate_size=6, num_local_experts=4, **SIZES)
QWEN3_MOE = Qwen3MoeConfig(moe_intermediate_size=6, num_experts=4, **SIZES)
GPT_OSS = GptOssConfig(intermediate_size=6, num_local_experts=4, **SIZES)


def conv(lay=lambda delta, weight: delta.reshape(weight.shape)):
    return (Matrix(lay=lay),)


CASES = (
    LayerCase("linear", lambda: nn.Linear(8, 6), floats(2, TOKENS, 8)),
    LayerCase("linear, no bias", lambda: nn.Linear(8, 6, bias=False), floats(TOKENS, 8)),
    LayerCase("Conv1D", lambda: Conv1D(6, 8), floats(2, TOKENS, 8), (Matrix(lay=turned),)),
    LayerCase("conv1d", lambda: nn.Conv1d(4, 6, 3, padding="same", dilation=2), floats(2, 4, 9), conv(), linear=False),
    LayerCase("conv1d, unbatched", lambda: nn.Conv1d(4, 6, 3, padding=1), floats(4, 9), conv(), linear=False),
    LayerCase("conv2d, groups", lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2),
              floats(2, 4, 7, 5), conv(), linear=False),
    LayerCase("conv2d, depthwise", lambda: nn.Conv2d(4, 8, 3, groups=4, padding=1, padding_mode="reflect"),
              floats(2, 4, 5, 5), conv(), linear=False),
    LayerCase("conv2d, circular", lambda: nn.Conv2d(3, 6, 3, padding=2, dilation=2, padding_mode="circular", bias=False),
              floats(2, 3, 6, 6), conv(), linear=False),
    LayerCase("conv3d", lambda: nn.Conv3d(2, 5, 2, stride=2, padding=1, padding_mode="replicate"),
              floats(1, 2, 4, 4, 4), conv(), linear=False),
    LayerCase("embedding", lambda: nn.Embedding(10, 6), padded_ids, (Matrix(lay=turned),), linear=False, dora=False),
    LayerCase("embedding, padding", lambda: nn.Embedding(10, 6, padding_idx=2), padded_ids, (Matrix(lay=turned),),
              linear=False, dora=False),
    LayerCase("attention", lambda: nn.MultiheadAttention(8, 2, batch_first=True), attended(), (*PACKED, OUT), linear=False),
    LayerCase("attention, values alone", lambda: nn.MultiheadAttention(8, 2, bias=False, batch_first=True), attended(),
              (PACKED[2],), linear=False),
    LayerCase("attention, other sizes", lambda: nn.MultiheadAttention(8, 2, kdim=7, vdim=7, batch_first=True, add_bias_kv=True),
              attended(7), (*APART, OUT), linear=False),
    LayerCase("experts, Mixtral", experts(MixtralExperts, MIXTRAL), routed(4), STACKS, linear=False, dora=False),
    LayerCase("experts, Qwen3-MoE", experts(Qwen3MoeExperts, QWEN3_MOE), routed(4), STACKS, linear=False, dora=False),
    LayerCase("experts, GPT-OSS", experts(GptOssExperts, GPT_OSS), routed(4), TURNED_STACKS, linear=False, dora=False),
)  # fmt: skip


class Holder(nn.Module):
    """A model of one layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *inputs):
        out = self.layer(*inputs)
        return out[0] if isinstance(out, tuple) else out
