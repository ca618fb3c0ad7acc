"""The methods by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .. import files
from ..checks import unknown
from . import adapters, weights
from .bottlenecks import bottlenecks
from .combined import Combined
from .method import Method, Prepare
from .modules import Modules
from .tokens import tokens

_LORA, _ADALORA = "Hu et al. 2021, arXiv 2106.09685", "Zhang et al. 2023, arXiv 2303.10512"
_PREFIX = "Li and Liang 2021, arXiv 2101.00190"
_DORA, _QLORA = "Liu et al. 2024, arXiv 2402.09353", "Dettmers et al. 2023, arXiv 2305.14314"

# Each has as many to choose from. New weights and biases take larger steps than pretrained matrices.
_OF_FACTORS = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
_OF_PLUS = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3)  # B learns at 16 times these
_OF_WEIGHTS = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4)
_OF_BOTTLENECKS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3)
_OF_HEAD = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # the last one suits it best in configs/recipe.yaml
_OF_TOKENS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # a few vectors, in which every step moves one word

# Parts of the settings that few methods read. A part that is ignored is in no method's hash.
_RARE = ("bottleneck", "tokens")
_RANK, _WIDTH, _PREFIX_LENGTH = "adapter.rank", "bottleneck.width", "tokens.prefix"


def _adaptive(name: str, label: str, paper: str, **needs: Any) -> Method:
    """Return a row of AdaLoRA with further settings; ``__`` stands for the dot in their names."""
    return Method(
        name,
        label,
        paper,
        adapters.put_on,
        adapters.save,
        adapters.load,
        _OF_FACTORS,
        needs=_settings(adapter__update="svd", **needs),
        why=", whose rank adapts",
        ignored=_RARE,
        size=_RANK,
    )


def _fixed(
    name: str,
    label: str,
    paper: str,
    rates: tuple[float, ...] = _OF_FACTORS,
    brings: Mapping[str, Any] | None = None,
    **needs: Any,
) -> Method:
    """Return a row of LoRA, likewise."""
    return Method(
        name,
        label,
        paper,
        adapters.put_on,
        adapters.save,
        adapters.load,
        rates,
        needs=_settings(adapter__update="lora", **needs),
        brings=MappingProxyType(dict(brings or {})),
        ignored=("allocation", *_RARE),
        size=_RANK,
    )


def _settings(**values: Any) -> Mapping[str, Any]:
    return MappingProxyType({name.replace("__", "."): value for name, value in values.items()})


_NO_FACTORS = MappingProxyType({"training.left_ratio": 1.0, "training.factor_weight_decay": None})
_FLOATING = MappingProxyType({**_NO_FACTORS, "quantization.kind": None})
_TRAINED, _HEAD = weights.Weights(files.TRAINED), weights.Weights(files.HEAD)


def _own(
    name: str, label: str, paper: str, prepare: Prepare, rates: tuple[float, ...] = _OF_WEIGHTS
) -> Method:
    """Return a row of a method that trains weights of the model itself."""
    return Method(
        name,
        label,
        paper,
        prepare,
        _TRAINED.save,
        _TRAINED.load,
        rates,
        needs=_FLOATING,
        why=", which trains the model's own weights",
        ignored=("allocation", *_RARE),
    )


def _between(design: str, paper: str, **needs: Any) -> Method:
    """Return a row of a method that puts bottlenecks between the layers."""
    return _putting(
        bottlenecks(design),
        f"Adapter^{design.upper()}",
        paper,
        _OF_BOTTLENECKS,
        ignored=("allocation", "tokens"),
        needs=_settings(**needs),
        size=_WIDTH,
    )


def _putting(
    modules: Modules,
    label: str,
    paper: str,
    rates: tuple[float, ...],
    *,
    ignored: tuple[str, ...] = ("allocation", "bottleneck"),
    needs: Mapping[str, Any] = MappingProxyType({}),
    size: str = _PREFIX_LENGTH,
) -> Method:
    """Return a row of a method that puts modules of its own on."""
    return Method(
        modules.design,
        label,
        paper,
        modules.prepare,
        modules.save,
        modules.load,
        rates,
        needs=MappingProxyType({**_FLOATING, **needs}),
        why=", which puts no factors on",
        ignored=ignored,
        size=size,
    )


def _beside(modules: Modules, label: str) -> Method:
    """Return a row of LoRA with other modules beside it."""
    both = Combined(modules)
    return Method(
        modules.design,
        label,
        _LORA,
        both.prepare,
        both.save,
        both.load,
        _OF_FACTORS,
        needs=_settings(adapter__update="lora"),
        ignored=("allocation", "bottleneck"),
        size=_RANK,
    )


_ROWS = (
    _adaptive("adalora", "AdaLoRA", _ADALORA),
    _fixed("lora", "LoRA", _LORA),
    Method(
        "head",
        "head only",
        "Alain and Bengio 2016, arXiv 1610.01644",
        weights.free_head,
        _HEAD.save,
        _HEAD.load,
        _OF_HEAD,
        needs=_NO_FACTORS,
        why=", which trains no factors",
        ignored=("allocation", *_RARE),
    ),
    _own("full", "full fine-tuning", "Devlin et al. 2018, arXiv 1810.04805", weights.free_all),
    _own("ft-top2", "FT-Top2", "Li and Liang 2021, arXiv 2101.00190", weights.free_top),
    _own("bitfit", "BitFit", "Ben Zaken et al. 2021, arXiv 2106.10199", weights.free_biases, _OF_FACTORS),
    _fixed("rslora", "rsLoRA", "Kalajdzievski 2023, arXiv 2312.03732", adapter__scaling="rslora"),
    _fixed("lora+", "LoRA+", "Hayou et al. 2024, arXiv 2402.12354", _OF_PLUS, {"training.left_ratio": 16.0}),
    _fixed("dora", "DoRA", _DORA, adapter__dora=True),
    _adaptive("adalora-dora", "AdaLoRA + DoRA", f"{_ADALORA}; {_DORA}", adapter__dora=True),
    _fixed("qlora", "QLoRA", _QLORA, quantization__kind="nf4"),
    _adaptive("adalora-nf4", "AdaLoRA on NF4", f"{_ADALORA}; {_QLORA}", quantization__kind="nf4"),
    _between("h", "Houlsby et al. 2019, arXiv 1902.00751", bottleneck__dropped=None),
    _between("l", "Lin et al. 2020, arXiv 2004.03829", bottleneck__dropped=None),
    _between("p", "Pfeiffer et al. 2021, arXiv 2005.00247", bottleneck__dropped=None),
    _between("d", "Rücklé et al. 2020, arXiv 2010.11918"),
    _putting(tokens("preembed", every_layer=False), "PreEmbed", f"{_PREFIX}; {_LORA}", _OF_TOKENS),
    _putting(tokens("prelayer", every_layer=True), "PreLayer", f"{_PREFIX}; {_LORA}", _OF_TOKENS),
    _beside(tokens("lora+pe", every_layer=False), "LoRA+PE"),
    _beside(tokens("lora+pl", every_layer=True), "LoRA+PL"),
)
METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ROWS})


def get(name: str) -> Method:
    """Return the method called ``name``.

    Raises:
        ConfigError: there is no such method.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
