"""What is read from a pretrained model: from a pinned package, a local folder or the hub."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from adalora.errors import ConfigError, DataError

from . import packages
from .checks import did_you_mean


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model; it fills rows up on the right.

    Raises:
        DataError: the model is not there; the message says how to get it.
        ConfigError: it has no fast tokenizer, which alone knows where a token came from.
    """
    tokenizer = from_pretrained(AutoTokenizer, name)
    if not tokenizer.is_fast:
        raise ConfigError(
            f"model is {name!r}, which has no fast tokenizer; allowed: a model with tokenizer.json."
        )
    if tokenizer.pad_token is None:  # decoders have none; what it stands for is masked, so any token will do
        tokenizer.pad_token = tokenizer.eos_token
    # Some tokenizers of decoders fill up on the left, but what splits rows into prompts and texts counts from
    # their start; `generate` is given prompts that are filled up on the left anyway.
    tokenizer.padding_side = "right"
    return tokenizer


def from_pretrained(auto_class: Any, name: str, **options: Any) -> Any:
    """Return ``auto_class.from_pretrained`` of a model.

    Args:
        auto_class: class of `transformers`: of a configuration, a tokenizer or a model.
        name: alias in `packages.MODELS`, local folder, or name on the hub.
        options: passed on.

    Raises:
        DataError: the model is not there; the message says how to get it.
    """
    place = place_of(name)
    packed = packed_in(Path(place))
    try:
        # Neither code that comes with a model is run, nor are weights read that are a pickle.
        own: dict[str, Any] = {"gguf_file": packed} if packed else {}
        if not packed and hasattr(auto_class, "from_config" if _is_auto(auto_class) else "_from_config"):
            own |= {"use_safetensors": True}
        return auto_class.from_pretrained(place, trust_remote_code=False, **own, **options)
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        allowed = (
            f"{', '.join(packages.MODELS)}, a local folder with config.json and weights, a name on the hub"
        )
        raise DataError(
            f"model is {name!r}, which is {_what_is_wrong(name, error)}; allowed: {allowed}."
            f"{did_you_mean(name, packages.MODELS)}"
        ) from error


def _is_auto(auto_class: Any) -> bool:
    return not hasattr(auto_class, "_from_config")


def place_of(name: str) -> str:
    """Return where a model lies: the folder of an alias, or the name as it is.

    Raises:
        DataError: the alias is of a package that is not installed.
    """
    return str(packages.find(packages.MODELS[name])) if name in packages.MODELS else name


def packed_in(folder: Path) -> str | None:
    """Return the GGUF file of a folder that holds one and no model of `transformers`."""
    found = [] if (folder / "config.json").exists() else sorted(folder.glob("*.gguf"))
    return found[0].name if len(found) == 1 else None


def forget_packing(model: Any) -> None:
    """Drop what a model knows of the GGUF file that it comes from.

    The weights are plain numbers by now; with this nothing would save or train them.
    """
    del model.config.quantization_config
    model.is_quantized, model.hf_quantizer = False, None


def _what_is_wrong(name: str, error: Exception) -> str:
    if Path(name).is_dir():
        return f"a folder without a whole model ({str(error).splitlines()[0]})"
    return "no folder, and could not be read from the hub (no such name, or no network)"
