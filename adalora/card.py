"""The model card beside a saved adapter: what it is, what it has learned, and how to load it."""

import dataclasses
import json
import math
import os
import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import torch

from .checks import number, require
from .config import AdapterConfig
from .errors import CheckpointError
from .files import commit, text_writer
from .header import Header
from .rank_map import printable, rank_map
from .updates import UPDATES
from .version import __version__

CARD, PICTURE = "README.md", "ranks.svg"
MARK = "<!-- written by adalora.save; remove this line to keep changes of your own -->"

_METHODS = {
    "svd": ("AdaLoRA", "every frozen weight W₀ has an update s · P diag(λ) Q, whose rank adapts"),
    "lora": ("LoRA", "every frozen weight W₀ has an update s · B A of fixed rank"),
}
_SCALINGS = {"lora": "s = α/r", "rslora": "s = α/√r (rsLoRA)", "width": "s = α/r · √(d₁/3)"}
_STARTS = {
    "gaussian": "random factors, from N(0, 0.02²)",
    "orthogonal": "random factors with orthonormal columns or rows",
    "kaiming": "random factors, from U(−1/√d₂, 1/√d₂)",
    "pissa": "the largest singular values of the weights (PiSSA)",
    "milora": "the smallest singular values of the weights (MiLoRA)",
}
_HERE, _THERE = "path/to/this/folder", "path/to/a/new/folder"


def write_card(
    folder: Path, header: Header, metrics: Mapping[str, float] | None = None, *, peft: bool = False
) -> None:
    """Write ``README.md`` and ``ranks.svg`` beside a saved adapter, in place of those of an earlier save.

    A file of that name that has not the line of ours, because it is someone's own, is left as it is.

    Args:
        folder: where the adapter lies.
        header: its header.
        metrics: what it has reached, finite numbers by name.
        peft: whether the folder is one of `peft`.

    Raises:
        ConfigError: a metric is not a finite number.
        CheckpointError: a file could not be written; the adapter is whole, and so is each file.
    """
    texts = {
        PICTURE: f"{rank_map(header.ranks, header.config.rank)}{MARK}\n",
        CARD: model_card(header, metrics, peft=peft),
    }
    try:
        for name, text in texts.items():
            if is_ours(folder / name):
                commit(folder, {}, name, text_writer(text))
    except (CheckpointError, OSError) as error:
        raise CheckpointError(
            f"the adapter in {folder} is saved and whole, but its model card is not: {error}"
        ) from error


def is_ours(path: Path) -> bool:
    """Return whether a file may be written: there is none, or one with our line in it."""
    if not os.path.lexists(path):
        return True
    return path.is_file() and MARK.encode() in path.read_bytes().splitlines()


def checked(metrics: Mapping[str, float] | None) -> dict[str, float]:
    """Return metrics as Python's own numbers.

    Raises:
        ConfigError: they are no mapping from names to finite numbers; the message names what is none.
    """
    if metrics is None:
        return {}
    require(isinstance(metrics, Mapping), "metrics", metrics, "numbers by name, or None")
    for name in metrics:
        require(isinstance(name, str), "a name in metrics", name, "a string")
    return {name: number(f"metrics[{name!r}]", value, "a finite number") for name, value in metrics.items()}


def model_card(header: Header, metrics: Mapping[str, float] | None = None, *, peft: bool = False) -> str:
    """Return the card of an adapter as Markdown, with the front matter that model hubs read.

    Args:
        header: header of the saved adapter.
        metrics: what it has reached, finite numbers by name.
        peft: whether it lies in a folder of `peft`.

    Raises:
        ConfigError: a metric is not a finite number.
    """
    numbers = checked(metrics)
    base = header.base_model
    title = f"{_METHODS[header.config.update][0]} adapter" + (f" for {_text(base)}" if base.strip() else "")
    settings = dataclasses.asdict(header.config)
    parts = [
        _front_matter(header, "peft" if peft else "adalora"),
        MARK,
        f"# {title}",
        "Small matrices, trained beside the weights of a frozen base model, which is not in this folder.",
        _table("property", "value", _about(header)),
        "## Ranks",
        f"![Rank of each adapted matrix]({PICTURE})",
        _ranks(header),
        "## Settings",
        _table("setting", "value", {_text(name): _value(value) for name, value in settings.items()}),
        "## Metrics",
        _table("metric", "value", {_text(name): f"{value:.6g}" for name, value in numbers.items()})
        if numbers
        else "None recorded.",
        "## Versions",
        _table("package", "version", _versions()),
        "## How to load it",
        *_how_to_load(header, peft=peft),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(header: Header, library: str) -> str:
    lines = ["---"]
    # Hubs refuse a card whose base model is no name of theirs, such as a path on the machine of the training.
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", header.base_model, re.ASCII):
        lines += [f"base_model: {json.dumps(header.base_model)}", "base_model_relation: adapter"]
    lines += [f"library_name: {library}", "tags:", *(f"- {tag}" for tag in _tags(header.config)), "---"]
    return "\n".join(lines)


def _tags(config: AdapterConfig) -> Iterator[str]:
    yield "adalora" if config.update == "svd" else "lora"
    if config.dora:
        yield "dora"
    if config.scaling == "rslora":
        yield "rslora"
    if config.init in ("pissa", "milora"):
        yield config.init


def _about(header: Header) -> dict[str, str]:
    config = header.config
    name, what = _METHODS[config.update]
    dora = ", with DoRA's magnitude for every row of W₀ + ΔW" if config.dora else ""
    trained = sum(math.prod(shape) for shape in header.trained.values())
    modules = list(dict.fromkeys(key.rpartition(".")[0] or key for key in header.trained))
    return {
        "base model": _text(header.base_model) if header.base_model.strip() else "not recorded",
        "method": f"{name}: {what}{dora}",
        "scale": _SCALINGS[config.scaling],
        "started from": _STARTS[config.init],
        "adapted modules": f"{len(header.modules):,}",
        "parameters of the adapter": f"{_parameters(header):,}",
        "modules trained in full": f"{_listed(modules)} ({trained:,} numbers)" if modules else "none",
    }


def _parameters(header: Header) -> int:
    """Count the numbers in the triplets that are alive, and in DoRA's magnitudes."""
    total = 0
    for module, (*_, d1, d2) in header.modules.items():
        shapes = UPDATES[header.config.update].shapes(d1, d2, 1)
        one = sum(math.prod(shape) for name, shape in shapes.items() if name != "mask")
        total += header.ranks[module] * one + (d1 if header.config.dora else 0)
    return total


def _ranks(header: Header) -> str:
    kept = sum(header.ranks.values())
    matrices = sum(math.prod(shape[:-2]) for shape in header.modules.values())
    initial = header.config.rank * matrices
    return f"Of a total rank of {initial:,} at the start, {kept:,} is kept, in {matrices:,} matrices."


def _versions() -> dict[str, str]:
    found = {"adalora": __version__, "torch": str(torch.__version__), "transformers": version("transformers")}
    return {name: _text(one) for name, one in {**found, "python": platform.python_version()}.items()}


def _how_to_load(header: Header, *, peft: bool) -> Iterator[str]:
    imports, model = [], "...  # the base model, as it was before the training"
    if header.base_model.strip():
        imports = [
            "from transformers import AutoModelForSequenceClassification  # or the class that was trained"
        ]
        # The name cannot leave its line, and the bracket that could begin a tag is written as its code.
        name = repr(header.base_model).replace("<", "\\x3c")
        model = f"AutoModelForSequenceClassification.from_pretrained({name})"
    if header.trained:
        shapes = [f"{key} ({', '.join(map(str, shape))})" for key, shape in header.trained.items()]
        yield f"The base model needs what was trained in full, in the same shapes: {_listed(shapes)}."
    if peft:
        load = [f"base = {model}", f'model = PeftModel.from_pretrained(base, "{_HERE}").eval()']
        yield _code("from peft import PeftModel", *imports, "", *load)
        yield "In adalora:"
        yield _code("import adalora", "", f"model = {model}", f'adalora.import_peft(model, "{_HERE}").eval()')
        return
    yield _code("import adalora", *imports, "", f"model = {model}", f'adalora.load(model, "{_HERE}").eval()')
    yield (
        "In `peft`, from a folder of plain LoRA, which `adalora export` on the command line writes too. "
        "What that format cannot hold is refused by name."
    )
    yield _code(
        "from peft import PeftModel",
        "",
        f'adalora.export_peft(model, "{_THERE}")',
        f"base = {model}",
        f'model = PeftModel.from_pretrained(base, "{_THERE}").eval()',
    )


def _code(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```"])


def _listed(names: list[str], most: int = 12) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(_text, names[:most])) + rest


def _table(left: str, right: str, rows: Mapping[str, str]) -> str:
    lines = [f"| {left} | {right} |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else _text(str(value))


def _text(text: str) -> str:
    """Return text that Markdown and HTML show as it is: what may mean something to them becomes a code."""
    special = r"[^\w .,/()=%+-]|(?<![^\W_])_|_(?![^\W_])"  # an underscore inside a word means nothing
    return re.sub(special, lambda found: f"&#{ord(found[0])};", printable(text))
