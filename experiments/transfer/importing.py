"""``adalora import``: an adapter of the `peft` library as one of ours."""

from typing import Any

import adalora
from adalora.checkpoint import HEADER
from adalora.errors import ConfigError

from .base import find_base
from .probe import answers, largest, largest_difference, probe_of
from .readers import by_peft
from .settings import ImportSettings
from .source import ReadRun, find_source, require_output
from .summary import Summary


def import_folder(settings: ImportSettings, read_run: ReadRun) -> Summary:
    """Read the folder of `peft`, write one of ours, load it again, and compare.

    Args:
        settings: what, and to where.
        read_run: path of a run's settings -> the settings.

    Raises:
        CheckpointError: the folder holds no adapter, one that is not understood, or one of another model; or
            the output cannot be written.
        ConfigError: the folder is ours already.
        DataError: the base model is not there; the message says how to get it. Nothing has been written in
            each case.
    """
    source = find_source(settings.source, read_run)
    if not source.theirs:
        raise ConfigError(
            f"FOLDER is {settings.source!r}, which adalora.save has written; allowed: a folder of the peft "
            f"library, with adapter_config.json."
        )
    require_output(settings.output, HEADER, [source])
    base = find_base([source], settings.base)
    folder = require_output(settings.output, HEADER, [source], base.place)
    model: Any = base.make()
    source.put_on(model, "default")
    model.eval()
    adalora.save(model, folder)

    probe = probe_of(model)
    before = answers(model, probe) if probe else {}
    ranks = {name: layer.rank for name, layer in adalora.adapters(model).items()}
    del model
    differences, notes = {}, [*base.notes]
    if probe:
        ours: Any = adalora.load(base.make(), folder).eval()
        words = "between the imported model and the base with this folder, read by adalora.load"
        differences[words] = largest_difference(before, answers(ours, probe))
        theirs, reader = by_peft(base.make, source.place)
        if theirs is None:
            notes.append(f"Not compared with {source.folder} itself: {reader}.")
        else:
            words = f"between the imported model and the base with {source.folder}, read by {reader}"
            differences[words] = largest_difference(before, answers(theirs, probe))
    return Summary(
        title=f"imported {source.folder} to {folder}, an adapter of ours for {base.name}",
        folder=folder,
        ranks=ranks,
        probe=probe.about if probe else "",
        size=largest(before) if probe else 0.0,
        differences=differences,
        notes=notes,
    )
