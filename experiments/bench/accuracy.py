"""Whether a model learns as much where its layers keep their inputs in 8 bits."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from adalora.updates.parts import Precision

from ..config import RunConfig
from ..train import train

KINDS: tuple[Precision, ...] = ("exact", "int8")


def measure(reviews: RunConfig, seeds: Sequence[int]) -> dict[str, Any]:
    """Train the same run with exact inputs and with such in 8 bits, for every seed.

    Returns:
        ``task``, ``metric`` and ``seeds``; ``scores``, the metric by kind, one number a seed; and
        ``difference``, the mean of 8 bits less that of exact inputs, in points of 100.
    """
    scores: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for seed in seeds:
        for kind in KINDS:
            metric, value = _train(reviews, kind, seed)
            scores[kind].append(value)
    difference = 100 * (mean(scores["int8"]) - mean(scores["exact"]))
    found = {"task": reviews.task, "metric": metric, "seeds": list(seeds)}
    return {**found, "scores": scores, "difference": difference}


def _train(reviews: RunConfig, kind: Precision, seed: int) -> tuple[str, float]:
    """Return the name of the task's headline metric, and its value on the first test part."""
    with TemporaryDirectory() as folder:
        results = train(
            replace(
                reviews,
                name="bench",
                seed=seed,
                adapter=replace(reviews.adapter, save_input=kind),
                baseline=replace(reviews.baseline, head=False),
                evaluation=replace(reviews.evaluation, every=0),
                output_dir=folder,
            )
        )
    first = next(iter(results.lines[-1].scores.values()))
    return results.headline, first[results.headline]
