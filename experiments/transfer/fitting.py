"""The class of `transformers` that an adapter was trained on, found by the names and shapes that it has."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import transformers
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from adalora.targets import adaptable_shapes

from ..pretrained import from_pretrained
from .source import Source

_WITH_A_HEAD = (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoModelForQuestionAnswering,
)
_THAT_WRITE = (AutoModelForSeq2SeqLM, AutoModelForMaskedLM, AutoModelForCausalLM)

_MOST_LABELS = 2**20  # a configuration has a name for each; a header can claim any number of them


def fitting_class(base: str, sources: Sequence[Source]) -> tuple[Any, Any]:
    """Return the class, and the configuration with as many labels as the saved head has.

    The class that the configuration of the base names comes first, then those with a head that others train.
    Models are made without weights to see whether every module and shape of the adapters is there.

    Args:
        base: folder, name or alias of the base model.
        sources: adapters; where no class fits them, the one from which they differ least is returned.

    Raises:
        DataError: the base model is not there; the message says how to get it.
    """
    config = from_pretrained(AutoConfig, base)
    best: tuple[int, Any, Any] | None = None
    for kind, own in _candidates(config, sources):
        model = _hollow(kind, own)
        if model is None:
            continue
        count = _differences(model, sources)
        if best is None or count < best[0]:
            best = count, kind, own
        if count == 0:
            break
    return (AutoModel, config) if best is None else best[1:]


def _candidates(config: Any, sources: Sequence[Source]) -> Iterator[tuple[Any, Any]]:
    shapes = [shape for source in sources for shape in source.trained.values()]
    named = (getattr(transformers, name, None) for name in config.architectures or ())
    others = (*_WITH_A_HEAD, *_THAT_WRITE) if shapes else (*_THAT_WRITE, *_WITH_A_HEAD)
    kinds = [*filter(None, named), *others, AutoModel]
    # The rows of a head's last matrix are the labels; which of the tensors that is, the fit tells.
    rows = sorted({shape[0] for shape in shapes if shape and 0 < shape[0] <= _MOST_LABELS})
    for kind in kinds:
        yield kind, config
        for labels in rows if kind not in (*_THAT_WRITE, AutoModel) else ():
            own = copy.deepcopy(config)
            own.num_labels = labels
            yield kind, own


def _hollow(kind: Any, config: Any) -> nn.Module | None:
    """Return a model without weights; None where there is none of this kind for the configuration."""
    build = getattr(kind, "from_config", None) or kind._from_config
    try:
        with torch.device("meta"):
            model: nn.Module = build(copy.deepcopy(config))
    except ValueError:
        return None
    return model


def _differences(model: nn.Module, sources: Sequence[Source]) -> int:
    adaptable, modules = adaptable_shapes(model), dict(model.named_modules())
    tensors = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    count = 0
    for source in sources:
        for name, shape in source.modules.items():
            fits = name in adaptable or name in modules if shape is None else adaptable.get(name) == shape
            count += not fits
        count += sum(tensors.get(name) != shape for name, shape in source.trained.items())
    return count
