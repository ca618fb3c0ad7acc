"""The whole benchmark: its sections in order, and what is said about how they were made."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from time import perf_counter
from typing import Any

import torch

from ..config import RunConfig
from ..prepare import prepare
from ..versions import versions
from . import (
    accuracy,
    adapters,
    control,
    gradients,
    inference,
    kept,
    matrices,
    ours,
    output,
    peak,
    ranks,
    steps,
    theirs,
    whole_run,
)
from .cases import Case, chosen
from .config import BenchConfig
from .processor import processor

Section = Callable[[], dict[str, Any]]


def bench(
    config: BenchConfig, reviews: RunConfig, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure, and write ``bench.json``, ``bench.png`` and ``tables.md``.

    Args:
        config: what is measured.
        reviews: the training run of the section ``accuracy``.
        tell: gets a line before and after each section.

    Returns:
        What ``bench.json`` holds.

    Raises:
        AdaLoRAError: a setting does not fit, or something is not installed. What can be known before the
            first measurement is said before it. No file has been written.
    """
    output.require_free(config)
    theirs.require_peft()
    if "accuracy" in config.sections:
        prepare(reviews)
    if config.threads:
        torch.set_num_threads(config.threads)
    cases = chosen(config.cases, config.model, config.batch, config.tokens)
    _rehearse(cases, config)
    record = {"settings": asdict(config), **_circumstances(config), **_measured(config, cases, reviews, tell)}
    output.write(config, record)
    return record


def _rehearse(cases: list[Case], config: BenchConfig) -> None:
    """Build what may not fit once and throw it away: it shall say so before the first section."""
    highest = max(config.rank, *config.sweep.ranks) if "ranks" in config.sections else config.rank
    for case in cases:
        theirs.adaptive(case, config)
        ours.with_triplets(case, replace(config, rank=highest if case is cases[0] else config.rank))


def _measured(
    config: BenchConfig, cases: list[Case], reviews: RunConfig, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Return what each section has found, and the seconds that it took."""
    found, seconds = {}, {}
    for name, section in _sections(config, cases, reviews).items():
        if name in config.sections:
            tell(f"{name} …")
            begin = perf_counter()
            found[name] = section()
            seconds[name] = perf_counter() - begin
            tell(f"{name}: {seconds[name]:.0f} s")
    return {"seconds": seconds, "sections": found}


def _sections(config: BenchConfig, cases: list[Case], reviews: RunConfig) -> Mapping[str, Section]:
    """Return all sections by name, those of all cases first."""

    def of_all(measure: Callable[[Case, BenchConfig], dict[str, Any]]) -> Section:
        return lambda: {case.name: measure(case, config) for case in cases}

    return {
        "steps": of_all(steps.measure),
        "run": of_all(whole_run.measure),
        "memory": of_all(kept.measure),
        "control": of_all(control.measure),
        "gradients": of_all(gradients.measure),
        "peak": partial(peak.measure, config),
        "matrices": partial(matrices.measure, cases[0], config),
        "ranks": partial(ranks.measure, cases[0], config),
        "accuracy": partial(accuracy.measure, reviews, config.seeds),
        "inference": partial(inference.measure, config),
        "adapters": partial(adapters.measure, config),
    }


def _circumstances(config: BenchConfig) -> dict[str, Any]:
    """Return everything that one has to know to repeat it."""
    found = versions(config.seed)
    found["packages"]["peft"] = version("peft")
    found["machine"]["processor"] = processor()
    return {"versions": found}
