"""Adaptive-rank fine-tuning: AdaLoRA for any model and any training loop."""

from typing import TYPE_CHECKING, Any

from .allocation import Allocation
from .checkpoint import load, save
from .combine import combine
from .compact import compact_
from .config import AdapterConfig, AllocationConfig
from .controller import AdaLoRAController
from .errors import AdaLoRAError, CheckpointError, ConfigError, DataError, StateError, TargetError
from .inject import inject
from .interchange import Exported, export_peft, import_peft
from .layers import AdaptedLayer
from .merge import merge_, merged, unload, unmerge_
from .orthogonality import orthogonality_penalty
from .parameter_groups import parameter_groups
from .quantize import footprint, quantize_
from .routing import route
from .scorers import Scorer, register_scorer
from .switch import disabled, set_adapter
from .updates import LoRAUpdate, SVDUpdate
from .version import __version__
from .walk import adapters

if TYPE_CHECKING:
    from .callback import AdaLoRACallback

__all__ = [
    "AdaLoRACallback",
    "AdaLoRAController",
    "AdaLoRAError",
    "AdaptedLayer",
    "AdapterConfig",
    "Allocation",
    "AllocationConfig",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "Exported",
    "LoRAUpdate",
    "SVDUpdate",
    "Scorer",
    "StateError",
    "TargetError",
    "__version__",
    "adapters",
    "combine",
    "compact_",
    "disabled",
    "export_peft",
    "footprint",
    "import_peft",
    "inject",
    "load",
    "merge_",
    "merged",
    "orthogonality_penalty",
    "parameter_groups",
    "quantize_",
    "register_scorer",
    "route",
    "save",
    "set_adapter",
    "unload",
    "unmerge_",
]


def __getattr__(name: str) -> Any:
    # The Trainer takes seconds to import; who trains with a loop of their own does not wait for it.
    if name == "AdaLoRACallback":
        from .callback import AdaLoRACallback  # noqa: PLC0415

        return AdaLoRACallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
