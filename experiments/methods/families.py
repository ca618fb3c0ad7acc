"""What each family of `transformers` calls the places where something can be put in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import nn

from adalora.errors import ConfigError


@dataclass(frozen=True)
class Family:
    """One family of models.

    Attributes:
        attention: the projection at the end of self-attention, within a layer.
        mlp: the projection at the end of the MLP, within a layer.
        norm: the norm behind the MLP and its residual, within a layer; None where norms stand in front.
        causal: whether a position sees only those before it.
        stack: base model -> the module that embeds the text and runs it through the layers.
    """

    attention: str
    mlp: str
    norm: str | None
    causal: bool
    stack: Callable[[Any], nn.Module]


def _itself(base: nn.Module) -> nn.Module:
    return base


def _encoder(base: Any) -> nn.Module:
    encoder: nn.Module = base.get_encoder()
    return encoder


def _decoder(base: Any) -> nn.Module:
    decoder: nn.Module = base.decoder
    return decoder


_OF_BERT = ("attention.output.dense", "output.dense", "output.LayerNorm", False, _itself)
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "bert": Family(*_OF_BERT),
        "roberta": Family(*_OF_BERT),
        "deberta-v2": Family(*_OF_BERT),
        "gpt2": Family("attn.c_proj", "mlp.c_proj", None, True, _itself),
        "llama": Family("self_attn.o_proj", "mlp.down_proj", None, True, _itself),
        "opt": Family("self_attn.out_proj", "fc2", None, True, _decoder),
        "bart": Family("self_attn.out_proj", "fc2", "final_layer_norm", False, _encoder),
    }
)


def family_of(model: Any) -> Family:
    """Return the family of a model.

    Raises:
        ConfigError: it is of none in the table, or is an encoder that runs as a decoder.
    """
    config = getattr(model, "config", None)
    kind = getattr(config, "model_type", type(model).__name__)
    if kind not in FAMILIES or not hasattr(model, "base_model"):
        raise ConfigError(
            f"model is of type {kind!r}, of which it is not known where to put modules or tokens in; "
            f"allowed: {', '.join(FAMILIES)}, or another method."
        )
    family = FAMILIES[kind]
    if getattr(config, "is_decoder", False) and not family.causal:
        raise ConfigError(
            f"model is of type {kind!r} and set up as a decoder; allowed: an encoder, or another method."
        )
    return family
