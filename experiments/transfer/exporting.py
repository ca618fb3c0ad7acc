"""``adalora export``: one or several trained adapters as one LoRA of the `peft` library."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

import adalora
from adalora.interchange.folder import CONFIG
from adalora.products import Product, products

from .base import Base, find_base
from .probe import Probe, answers, largest, largest_difference, probe_of
from .readers import read_back
from .scores import scores_of
from .settings import ExportSettings
from .source import ReadRun, Source, find_sources, require_output
from .summary import Summary

_SUM = "sum"


@dataclass(frozen=True)
class _Given:
    """The model before the export.

    Attributes:
        model: with the adapters.
        asked: weights by adapter name, or the name of the single adapter that counts whole.
        probe: what it is asked.
        answers: what it answers.
    """

    model: Any
    asked: str | dict[str, float]
    probe: Probe | None
    answers: dict[str, Any]


def export(settings: ExportSettings, read_run: ReadRun) -> Summary:
    """Write the folder of `peft`, read it back, and compare.

    Args:
        settings: what, and to where.
        read_run: path of a run's settings -> the settings.

    Raises:
        CheckpointError: a source holds no adapter, or one of another model; or the output cannot be written.
        ConfigError: a setting does not fit the sources.
        DataError: the base model is not there; the message says how to get it.
        TargetError: a layer has an update for which `peft` has no form. Nothing has been written in any
            case.
    """
    sources = find_sources(settings.sources, read_run)
    require_output(settings.output, CONFIG, sources)
    base = find_base(sources, settings.base)
    folder = require_output(settings.output, CONFIG, sources, base.place)
    given = _given(sources, base, settings.weights)

    asked, notes, fitted = given.asked, [*base.notes], {}
    if settings.rank is not None:
        notes.append(_combine(given, settings.rank))
        asked = _SUM
        fitted = answers(given.model, given.probe) if given.probe else {}
    # The sum of several has reached nothing yet.
    single = asked is given.asked and isinstance(asked, str)
    metrics = scores_of(sources[0].folder, sources[0].run) if single else {}
    done = adalora.export_peft(
        given.model, folder, asked, fold=settings.fold, pad=settings.pad, metrics=metrics
    )
    model, reader = read_back(base.make, folder)
    rows = []
    if given.probe:
        found = answers(model, given.probe)
        whole = "the model with its adapter" if len(sources) == 1 else "the weighted sum"
        before = {f"{whole} at rank {settings.rank}": fitted} if fitted else {}
        rows = [
            (
                f"between {words} and the base with this folder, read by {reader}",
                largest_difference(one, found),
            )
            for words, one in {**before, whole: given.answers}.items()
        ]
    return Summary(
        title=f"exported {_words(sources, settings.weights)} to {folder}, a LoRA of peft for {base.name}",
        folder=folder,
        ranks=done.ranks,
        probe=given.probe.about if given.probe else "",
        size=largest(given.answers) if given.probe else 0.0,
        differences=dict(rows[:1]),
        notes=notes,
        expected=dict(rows[1:]),
    )


def _given(sources: Sequence[Source], base: Base, weights: Sequence[float]) -> _Given:
    model = base.make()
    names = [f"{number}-{_plain(source)}" for number, source in enumerate(sources, 1)]
    for name, source in zip(names, sources, strict=True):
        source.put_on(model, name)
    asked = dict(zip(names, weights, strict=True)) if weights else names[0]
    adalora.set_adapter(model, asked)
    model.eval()
    probe = probe_of(model)
    return _Given(model, asked, probe, answers(model, probe) if probe else {})


def _combine(given: _Given, rank: int) -> str:
    """Make one adapter of a rank, and say what that leaves out."""
    weights = {given.asked: 1.0} if isinstance(given.asked, str) else given.asked
    discarded = adalora.combine(given.model, weights, _SUM, rank)
    given.model.eval()
    worst = max(discarded, key=discarded.__getitem__)
    if discarded[worst] == 0:
        return f"Discarded energy: none, because no module has a rank above {rank}."
    share = _overall(given.model, discarded)
    return (
        f"Discarded energy, a share of Σσ²: {share:.2%} overall, {discarded[worst]:.2%} at worst ({worst})."
    )


def _overall(model: nn.Module, discarded: Mapping[str, float]) -> float:
    """Return the share of Σσ² over all modules, from the shares of each and what is left in it."""
    whole = {
        module: _energy(product) / (1 - discarded[module])
        for module, product in products(model, {_SUM: 1.0}).items()
    }
    total = sum(whole.values())
    return sum(discarded[module] * energy for module, energy in whole.items()) / total if total else 0.0


def _energy(product: Product) -> float:
    """Return ‖ΔW‖² = Σσ² from the factors alone."""
    left = product.left.double() * (product.lam.double() * product.scale).unsqueeze(-2)
    right = product.right.double()
    return ((left.mT @ left) * (right @ right.mT)).sum().item()


def _plain(source: Source) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", source.folder.resolve().name)


def _words(sources: Sequence[Source], weights: Sequence[float]) -> str:
    if not weights:
        return str(sources[0].folder)
    return " + ".join(
        f"{weight:g} · {source.folder}" for weight, source in zip(weights, sources, strict=True)
    )
