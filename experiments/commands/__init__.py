"""The sub-commands by name."""

from collections.abc import Mapping
from types import MappingProxyType

from .command import Command

__all__ = ["COMMANDS", "Command"]

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "train": Command("train one model, with baselines, pictures and a report", "train"),
        "plan": Command("compute memory, files and time of a run before it starts", "plan"),
        "sweep": Command("train every combination of lists of settings, each once", "sweep"),
        "report": Command("write the tables of a sweep, beside what papers print", "report"),
        "methods": Command("list the methods, their papers, settings and parameter counts", "methods"),
        "analyze": Command("measure trained adapters: spectra, amplification, allocation", "analyze"),
        "compare": Command("compare trained adapters: subspace similarity, seeds", "compare"),
        "export": Command("write adapters as a LoRA of the peft library", "export"),
        "merge": Command("write the trained model as a plain one of transformers", "merge"),
        "import": Command("read an adapter of the peft library", "import_"),
        "figures": Command("train the runs behind docs/findings.md, and draw them", "figures"),
        "recipe": Command("compare AdaLoRA with LoRA on equal terms, for docs/recipe.md", "recipe"),
        "bench": Command("measure what adaptive rank costs on this machine", "bench"),
    }
)
