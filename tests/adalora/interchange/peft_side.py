"""What the tests of both directions share: adapters far from their start, `peft`'s own view of a folder, and snapshots."""

import copy
import json
import warnings
from contextlib import contextmanager

import pytest
import torch
from peft import PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from torch import nn
from transformers.pytorch_utils import Conv1D

import adalora
from adalora import AdapterConfig
from tests.layer_cases import CASES, PACKED, Holder, LayerCase, attended, conv, floats

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
WRITTEN = ["README.md", CONFIG, TENSORS, "ranks.svg"]
RANK, ALPHA = 3, 4.0

# Said by peft of what is right all the same. That keys are missing or that fan_in_fan_out is wrong stays an error.
_HARMLESS = (
    r".*is_gradient_checkpointing. is deprecated",
    r".*groups > 1. Merging is not supported",
    r"Setting `save_embedding_layers`",
    r".*LoRA tensor\(s\) have invalid shape",  # AdaLoRA with a rank of zero
    r"Could not find a config file",
    r"The following rank_pattern keys did not match .*\.lora_E'",  # AdaLoRA's pattern is of parameters
)
# The ranks of parameters work, but are looked for among the names of modules.
_HARMLESS_WITH_PARAMETERS = r"The following (rank|alpha)_pattern keys did not match"

# What the table has only in a form that peft has none for: stretched, mirrored, or with an output projection.
PLAIN = (
    LayerCase("conv1d, same", lambda: nn.Conv1d(4, 6, 3, padding="same"), floats(2, 4, 9), conv(), linear=False),
    LayerCase("conv2d", lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0)), floats(2, 4, 7, 5), conv(),
              linear=False),
    LayerCase("conv2d, pointwise", lambda: nn.Conv2d(5, 6, 1, bias=False), floats(2, 5, 3, 3), conv(), linear=False),
    LayerCase("conv2d, depthwise and zeros", lambda: nn.Conv2d(4, 8, 3, groups=4, padding=1), floats(2, 4, 5, 5), conv(),
              linear=False),
    LayerCase("conv3d, zeros", lambda: nn.Conv3d(2, 5, 2, stride=2, padding=1), floats(1, 2, 4, 4, 4), conv(),
              linear=False),
    LayerCase("attention, packed", lambda: nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True), attended(),
              PACKED, linear=False),
)  # fmt: skip
LAYERS = {case.name: case for case in (*CASES, *PLAIN)}

# What the format cannot hold: with any update, and with DoRA alone.
NEVER = {
    "conv1d": "dilation",
    "conv2d, depthwise": "padding_mode",
    "conv2d, circular": "dilation|padding_mode",
    "conv3d": "padding_mode",
    "attention": "out_proj",  # seen in peft 0.21.2: it adds the update of the output projection twice
    "attention, other sizes": "kdim|vdim",
}
NOT_WITH_DORA = {
    "conv2d, groups": "groups",
    "conv2d, depthwise and zeros": "groups",
    "attention, packed": "MultiheadAttention",
    "attention, values alone": "MultiheadAttention",
}


def defined(dora):
    """Name the layers that an adapter can be on."""
    return [name for name, case in LAYERS.items() if case.dora or not dora]


def held(dora):
    """Name the layers whose adapters the format holds."""
    refused = {*NEVER, *(NOT_WITH_DORA if dora else ())}
    return [name for name in defined(dora) if name not in refused]


def plain(case):
    """Return the frozen model of one layer, the same at each call."""
    torch.manual_seed(7)
    return Holder(case.build()).requires_grad_(False).eval()


def adapted(case, update="svd", *, dora=False, prune=True, **changes):
    """Return a plain model and its twin with an adapter, moved away from its start and perhaps pruned."""
    base = plain(case)
    names = ["layer" if one.part == "" else f"layer.{one.part}" for one in case.matrices]
    config = {
        "rank": RANK,
        "alpha": ALPHA,
        "init": "gaussian",
        "target_modules": names,
        "dora": dora,
        **changes,
    }
    model = adalora.inject(copy.deepcopy(base), AdapterConfig(update=update, **config)).eval()
    move(model)
    if update == "svd" and prune:
        for layer in adalora.adapters(model).values():
            layer.update.lam.data[..., -1] = -layer.update.lam.data[..., -1].abs()
            layer.update.keep_(uneven(layer.update.mask.shape))
    return base, model


def uneven(shape):
    """Return a mask that keeps the first and the last triplet; of a stack it keeps from none to all."""
    if len(shape) == 1:
        return torch.arange(shape[0]) % 2 == 0
    return torch.arange(shape[1]) < torch.arange(shape[0])[:, None] % (shape[1] + 1)


def move(model, name="default", size=0.3):
    """Put an adapter anywhere but at its start; what has to stay zero stays zero."""
    for layer in adalora.adapters(model).values():
        if name not in layer.updates:
            continue
        for key, tensor in layer.adapter_tensors(name).items():
            if isinstance(tensor, nn.Parameter):  # the mask and what a start took out stay
                still = (tensor == 0).all(-2, keepdim=True) if key in ("A", "Q") else torch.tensor(False)
                tensor.data += size * torch.randn_like(tensor) * ~still


def inputs_of(case, dora=False):
    torch.manual_seed(8)
    found = [x.detach() for x in case.inputs(torch.float32)]
    if case.name == "conv1d, unbatched" and dora:  # peft adds the bias along the wrong dimension here
        found = [found[0].unsqueeze(0)]
    return found


@torch.no_grad()
def run(model, inputs):
    if isinstance(inputs, dict):
        return model(**inputs).logits
    return model(*inputs)


def assert_near(actual, expected, tolerance=1e-5):
    assert actual.shape == expected.shape
    scale = max(1.0, expected.abs().max().item())
    error = (actual - expected).abs().max().item() / scale
    assert error <= tolerance, f"relative error {error:.2e}"


@contextmanager
def told(*others):
    """Let peft say what is harmless; any other warning is an error."""
    with warnings.catch_warnings():
        for message in (*_HARMLESS, *others):
            warnings.filterwarnings("ignore", message=message)
        yield


def in_peft(base, folder):
    """Load a folder as peft does, onto a copy of ``base``, and check that every tensor in it has found its place."""
    with told(*([_HARMLESS_WITH_PARAMETERS] if settings(folder).get("target_parameters") else [])):
        model = PeftModel.from_pretrained(copy.deepcopy(base), str(folder)).eval()
        taken = get_peft_model_state_dict(model, save_embedding_layers=False)
    assert set(taken) == set(load_file(folder / TENSORS))
    return model


def merged_in_peft(model):
    with told():
        return copy.deepcopy(model).merge_and_unload().eval()


def made_by_peft(base, config, seed=3, size=0.3):
    """Return a model of peft's on a copy of ``base``, with every tensor of the adapter away from its start."""
    with told():
        model = get_peft_model(copy.deepcopy(base), config).eval()
    torch.manual_seed(seed)
    for name, tensor in model.named_parameters():
        if tensor.requires_grad:
            noise = size * torch.randn_like(tensor)
            tensor.data += noise.abs() if "magnitude" in name else noise
    return model


def saved_by_peft(model, folder):
    with told():
        model.save_pretrained(str(folder))
    return folder


def is_transposed(base):
    return any(isinstance(module, Conv1D) for module in base.modules())


def settings(folder):
    return json.loads((folder / CONFIG).read_text())


def peft_ranks(model):
    """Return the rank that peft gave to each module."""
    return {
        name.removeprefix("base_model.model."): module.r["default"]
        for name, module in model.named_modules()
        if getattr(module, "r", None)
    }


def contents(folder):
    """Return every file below a folder; None where it is not there."""
    if not folder.exists():
        return None
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def snapshot(model):
    """Note all that an error must leave as it was."""
    return {
        "modules": {name: (id(module), module.training) for name, module in model.named_modules()},
        "parameters": {name: (id(p), p.requires_grad) for name, p in model.named_parameters()},
        "state": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "active": {name: dict(layer.active) for name, layer in adalora.adapters(model).items()},
        "generator": torch.get_rng_state(),
    }


def assert_unchanged(model, before):
    after = snapshot(model)
    for what in ("modules", "parameters", "active"):
        assert after[what] == before[what], what
    assert after["state"].keys() == before["state"].keys()
    for name, tensor in before["state"].items():
        torch.testing.assert_close(after["state"][name], tensor, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(after["generator"], before["generator"])


def refuses_to_import(folder, error, message, model, name="default"):
    """Check that a folder is refused, and that model and folder stay as they were."""
    before, there = snapshot(model), contents(folder)
    with pytest.raises(error, match=message):
        adalora.import_peft(model, folder, name=name)
    assert_unchanged(model, before)
    assert contents(folder) == there
