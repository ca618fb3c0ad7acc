"""What stands in a folder of the `peft` library, and which of it is understood here."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from ..files import read_json
from ..header import shortened
from ..naming import matching

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
TYPES = ("LORA", "ADALORA")

# The letters of peft: A is the right factor, B the left one, E the diagonal of AdaLoRA; M here is DoRA's m.
_FACTOR = re.compile(r"(.+)\.lora_(?:embedding_)?(A|B|E)(?:\.weight)?")
_MAGNITUDE = re.compile(r"(.+)\.lora_magnitude_vector(?:\.weight)?")

# Settings that say nothing of what the factors mean, or are read here.
_UNDERSTOOD = frozenset(
    {
        "alpha_pattern",
        "auto_mapping",
        "base_model_name_or_path",
        "beta1",
        "beta2",
        "corda_config",
        "deltaT",
        "ensure_weight_tying",
        "eva_config",
        "exclude_modules",
        "fan_in_fan_out",
        "inference_mode",
        "init_lora_weights",
        "init_r",
        "layers_pattern",
        "layers_to_transform",
        "loftq_config",
        "lora_alpha",
        "lora_dropout",
        "lora_ga_config",
        "megatron_core",
        "modules_to_save",
        "orth_reg_weight",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "r",
        "rank_pattern",
        "revision",
        "runtime_config",
        "target_modules",
        "target_parameters",
        "target_r",
        "task_type",
        "tfinal",
        "tinit",
        "total_step",
        "use_dora",
        "use_rslora",
    }
)
_LARGEST = 3e38
_STARTS = (None, True, False, "gaussian", "orthogonal", "eva")


@dataclass(frozen=True)
class Contents:
    """Names of the tensors in a folder.

    Attributes:
        factors: the keys of each module by letter, modules in the order of their numbers.
        others: the keys of tensors that are no factors, by name without peft's prefix.
        embeddings: the modules whose factors are written as those of an embedding.
    """

    factors: dict[str, dict[str, str]]
    others: dict[str, str]
    embeddings: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Source:
    """A folder that has been read.

    Attributes:
        folder: where.
        config: its settings.
        tensors: its tensors by key.
        contents: what they are.
    """

    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    contents: Contents

    def another_base(self, rows: list[str]) -> CheckpointError:
        """Return the error for an adapter whose names and shapes are not those of the model."""
        base = self.config.get("base_model_name_or_path") or "unnamed"
        return CheckpointError(
            f"the adapter in {self.folder} belongs to another model ({base}); {len(rows)} names or shapes "
            f"differ, first: {'; '.join(rows[:5])}."
        )


def contents(keys: Iterable[str]) -> Contents:
    """Sort the tensors of a file by what they are."""
    factors: dict[str, dict[str, str]] = {}
    others: dict[str, str] = {}
    for key in keys:
        name = key.removeprefix(PREFIX)
        factor, magnitude = _FACTOR.fullmatch(name), _MAGNITUDE.fullmatch(name)
        if factor:
            factors.setdefault(factor[1], {})[factor[2]] = key
        elif magnitude:
            factors.setdefault(magnitude[1], {})["M"] = key
        else:
            others[name] = key
    embeddings = frozenset(
        module for module, letters in factors.items() if ".lora_embedding_" in letters.get("A", "")
    )
    return Contents(dict(sorted(factors.items(), key=lambda item: _natural(item[0]))), others, embeddings)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort layer.2 before layer.10: a file of tensors has no order of modules."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in name.split(".")]


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``adapter_config.json``.

    Raises:
        CheckpointError: a file is missing or damaged, or the adapter is of another type.
    """
    config = read_json(folder / CONFIG)
    kind = config.get("peft_type")
    if kind not in TYPES:
        raise CheckpointError(
            f"{folder / CONFIG}: peft_type is {shortened(repr(kind))}; allowed: {', '.join(TYPES)}."
        )
    if not (folder / TENSORS).exists():
        pickle = (folder / "adapter_model.bin").exists()
        pickled = ", and adapter_model.bin is a pickle, which is not read" if pickle else ""
        raise CheckpointError(f"{folder} holds no {TENSORS}{pickled}; save the adapter as safetensors.")
    return config


def require_understood(folder: Path, config: Mapping[str, Any]) -> None:
    """Check that no setting changes what the adapter computes in a way that is not known here.

    Raises:
        CheckpointError: one does; the message names it, its value and what is allowed.
    """
    for name, value in config.items():
        allowed = None
        if name == "bias" and value != "none":
            allowed = "'none', since the base stays frozen"
        elif name == "init_lora_weights" and value not in _STARTS:
            allowed = (
                "a start that leaves the base weights alone; let peft convert the adapter as it saves it, by "
                "path_initial_model_for_weight_conversion"
            )
        elif name not in _UNDERSTOOD and name != "bias" and value:
            allowed = "off (null, false or empty)"
        if allowed is not None:
            raise CheckpointError(
                f"{folder / CONFIG}: {shortened(name)} is {shortened(repr(value))}; allowed: {allowed}."
            )


def scale_of(config: Mapping[str, Any], module: str, rank: int) -> float:
    """Return s as `peft` computes it, with its patterns of ranks and alphas.

    Args:
        config: of the folder.
        module: dotted name.
        rank: of the module's factors.

    Raises:
        CheckpointError: a setting is no number or pattern.
    """
    try:
        if config["peft_type"] == "ADALORA":
            initial = float(config.get("init_r", 12))
            alpha = float(config.get("lora_alpha") or 0)
            return (alpha if alpha > 0 else initial) / (initial + 1e-5)
        alpha = float(matching(config.get("alpha_pattern") or {}, module, config.get("lora_alpha", 8)))
        if not abs(alpha) <= _LARGEST:
            raise ValueError(f"{alpha} is no finite number of float32")
        return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    except (AttributeError, OverflowError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"{CONFIG}: lora_alpha, alpha_pattern or init_r gives no scale for {module}: {error}."
        ) from error


def names_in(config: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return a setting that is a list of names, or empty.

    Raises:
        CheckpointError: it is something else.
    """
    value = config.get(field) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise CheckpointError(f"{CONFIG}: {field} is {shortened(repr(value))}; allowed: a list of names.")
    return tuple(value)
