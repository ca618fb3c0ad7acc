"""Putting an adapter on a model."""

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import nn

from .candidates import base_of
from .config import AdapterConfig
from .errors import ConfigError, StateError, TargetError
from .injected import active_adapters, injected_configs, record
from .layers import AdaptedLayer, Origin
from .plan import plan
from .surgery import take_apart, tell
from .switch import activate
from .targets import Survey, Target, survey
from .tied import require_untied, untie
from .trained import copy_apart, keep_apart, require_apart, trained_parameters
from .updates import SPECTRAL
from .walk import adapters, replace

M = TypeVar("M", bound=nn.Module)


def inject(model: M, config: AdapterConfig, name: str = "default") -> M:
    """Put an adapter on ``model`` in place and freeze everything else but ``config.train_modules``.

    The model's outputs do not change, whatever the start, as far as the type of the base weights can hold the
    residual of a start from singular vectors. Random starts come from torch's global generator. A second
    adapter under another name is added to those that are active, and only the new one trains; see
    `adalora.set_adapter`. Each trains ``config.train_modules`` of its own: the first one where they are,
    every further one copies, which begin as the modules are now. What they were before is kept beside.

    Args:
        model: any module; its targeted layers are replaced by `AdaptedLayer`s that hold them.
        config: what to put where.
        name: name of the adapter.

    Returns:
        The same model.

    Raises:
        ConfigError: the name has characters beside letters, digits, ``_`` and ``-``, or torch has taken it.
        TargetError: no such modules; the rank is above min(d₁, d₂) of one of them; DoRA is asked for on a
            layer that it is not defined on; or two of them share their weight.
        StateError: the model has an adapter of that name, or is merged. The model is unchanged in each case.
    """
    found, tied = _prepare(model, config, name)
    for target in found.targets:
        _require_rank(target, config.rank)
    _warn(found, tied, config.rank)
    return _put_on(model, config, name, found.targets, {}, tied=bool(tied))


def inject_saved(
    model: M, config: AdapterConfig, name: str, origins: Mapping[str, Origin], modules: Iterable[str]
) -> M:
    """Do what `inject` does without a word, with known starts from singular vectors, by module name.

    The adapter is put on ``modules``, whatever pattern is in ``config``.

    Every update has one component, until the caller gives it its own number of them: ``config.rank`` may be
    above what some layers can have, and is not believed before the tensors are there.
    """
    found, tied = _prepare(model, config, name, modules)
    return _put_on(model, config, name, found.targets, origins, tied=bool(tied), rank=1)


def _prepare(
    model: nn.Module, config: AdapterConfig, name: str, only: Iterable[str] | None = None
) -> tuple[Survey, dict[str, str]]:
    """Check all that can be; return what was found, and what the targets are tied to."""
    # Updates and magnitudes live in torch's own containers, which refuse the names of their methods.
    taken = hasattr(nn.ModuleDict(), name) or hasattr(nn.ParameterDict(), name)
    if taken or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ConfigError(
            f"name is {name!r}; allowed: letters, digits, '_' and '-', and no attribute of torch's "
            f"containers."
        )
    _require_free(model, name)
    found = survey(model, config, only)
    for target in found.targets:
        _require_fits(target, config)
    tied = require_untied(model, found.targets)
    trained_parameters(model, config)
    if injected_configs(model):
        require_apart(model, config, found.targets)
    return found, tied


def _put_on(
    model: M,
    config: AdapterConfig,
    name: str,
    targets: list[Target],
    origins: Mapping[str, Origin],
    *,
    tied: bool,
    rank: int | None = None,
) -> M:
    plans = [plan(target, config, origins.get(target.names[0]), rank) for target in targets]

    # Everything that can fail has been done; from here on the model changes.
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None  # an optimizer that holds it must not move it once more
    take_apart(model, targets)
    for target, planned in zip(targets, plans, strict=True):
        layer = target.module
        if not isinstance(layer, AdaptedLayer):
            layer = AdaptedLayer(layer, target.kind)
            for place in target.names:
                replace(model, place, layer)
        planned.put_on(layer, name)
    if tied and config.init in SPECTRAL:  # the residual has parted them
        untie(model)
    configs = injected_configs(model)
    if configs:
        copy_apart(model, config, name)
    else:
        keep_apart(model, config)
    for parameter in trained_parameters(model, config, name):
        parameter.requires_grad_(True)
    record(model, {**configs, name: config}, active_adapters(model))
    activate(model, {**active_adapters(model), name: 1.0})
    tell(model)
    return model


def _require_free(model: nn.Module, name: str) -> None:
    for layer_name, layer in adapters(model).items():
        if name in layer.updates:
            raise StateError(
                f"the model already has an adapter named {name!r} (on {layer_name!r}); "
                f"give the new one another name: inject(model, config, name=…)."
            )
        if layer.merged:
            raise StateError("the model is merged; call unmerge_(model) before a further inject.")
        if not layer.enabled:
            raise StateError("the adapters are disabled; leave the block of disabled(model) first.")


def _require_rank(target: Target, rank: int) -> None:
    base, name = base_of(target.module), target.names[0]
    if rank > target.largest_rank:
        d1, d2 = target.shape[-2:]
        groups = getattr(base, "groups", 1)
        why = f" (its {groups} groups share the filters, so d2 counts one group)" if groups > 1 else ""
        raise TargetError(
            f"rank is {rank}; allowed for {name!r} of shape ({d1}, {d2}){why}: 1 to "
            f"{target.largest_rank}. Lower the rank or put the module in exclude_modules."
        )


def _require_fits(target: Target, config: AdapterConfig) -> None:
    base, name = base_of(target.module), target.names[0]
    if config.dora and target.kind.channels(base) is None:
        raise TargetError(
            f"dora is True, and {name!r} is of type {type(base).__name__}; allowed: linear layers "
            f"and convolutions. Put the module in exclude_modules, or give it an adapter of its own."
        )
    rescaled = isinstance(target.module, AdaptedLayer) and len(target.module.magnitudes) > 0
    if config.init in SPECTRAL and rescaled:
        raise TargetError(
            f"init is {config.init!r}, and {name!r} has an adapter with DoRA, which would rescale the "
            f"residual and not what was taken out of it; allowed here: a random start."
        )


def _warn(found: Survey, tied: Mapping[str, str], rank: int) -> None:
    """Say what the adapter acts on alone, and what ``"all-linear"`` leaves frozen: nobody has named it."""
    for name, other in tied.items():
        warnings.warn(
            f"{name!r} shares its weight with {other!r}. The adapter acts on {name!r} alone, and a merge "
            f"unties the two.",
            stacklevel=3,
        )
    left = [f"{target.names[0]} {target.shape[-2:]}" for target in found.small]
    if left:
        warnings.warn(
            f"'all-linear' leaves out {len(left)} layers that are too small for rank {rank} and stay "
            f"frozen: {_some(left)}. Name them in train_modules to train them in full, or in "
            f"exclude_modules to leave them out knowingly.",
            stacklevel=3,
        )
    unknown = [f"{one.name} ({type(one.module).__name__})" for one in found.strange]
    if unknown:
        warnings.warn(
            f"'all-linear' leaves out {len(unknown)} layers of types that nobody here knows, which stay "
            f"frozen: {_some(unknown)}. Put them in exclude_modules to leave them out knowingly.",
            stacklevel=3,
        )


def _some(words: list[str]) -> str:
    return ", ".join(words[:3]) + (", …" if len(words) > 3 else "")
