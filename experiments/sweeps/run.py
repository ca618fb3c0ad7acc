"""``adalora sweep``: train what is not there yet, and tell what came out."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ..config import RunConfig
from ..results import in_columns, shown
from .engine import Engine
from .runs import require_data
from .store import Store

_VALIDATION = "validation"


def sweep(configs: Sequence[RunConfig], output: Path, *, engine: Engine, retry: bool, label: str) -> str:
    """Train the runs that have neither a result nor a failure, and return the table of all of them.

    Args:
        configs: the runs.
        output: folder for the results.
        engine: where they are trained.
        retry: try those again that have failed.
        label: what stands before the progress bar.

    Raises:
        AdaLoRAError: data or model are not there, or results cannot be written; what has finished is kept.
    """
    store = Store(output)
    if retry:
        for config in configs:
            store.forget_failure(config)
    finished = [config for config in configs if store.has(config)]
    failed = [config for config in configs if store.failure(config) is not None]
    waiting = [config for config in configs if not store.has(config) and store.failure(config) is None]
    sys.stderr.write(
        f"{len(configs)} runs: {len(finished)} finished, {len(failed)} failed, {len(waiting)} to train\n"
    )
    require_data(waiting)
    if waiting:
        engine(waiting, store, label=label)
    return table(configs, store)


def table(configs: Sequence[RunConfig], store: Store) -> str:
    """Return the runs as a table: name, headline metric on the test rows, seconds, and why one has failed.

    Raises:
        CheckpointError: a file is damaged.
    """
    scores = {config.name: _score(config, store) for config in configs if store.has(config)}
    metrics = list(dict.fromkeys(metric for metric, _, _ in scores.values()))
    rows = [["run", *metrics, "seconds"], *(_row(config, scores, metrics) for config in configs)]
    reasons = [store.failure(config) for config in configs]
    lines = in_columns(rows).splitlines()
    lines[1:] = [
        line if reason is None else f"{line}   failed: {reason}"
        for line, reason in zip(lines[1:], reasons, strict=True)
    ]
    failures = len(reasons) - reasons.count(None)
    if failures:
        lines += ["", f"{failures} of {len(configs)} runs have failed; --retry tries them again."]
    return "\n".join(lines)


def _row(
    config: RunConfig, scores: dict[str, tuple[str, float | None, float]], metrics: Sequence[str]
) -> list[str]:
    if config.name not in scores:
        return [config.name, *("-" for _ in metrics), "-"]
    metric, value, seconds = scores[config.name]
    cell = "-" if value is None else shown(metric, value)
    return [config.name, *(cell if one == metric else "-" for one in metrics), f"{seconds:.0f}"]


def _score(config: RunConfig, store: Store) -> tuple[str, float | None, float]:
    """Return the headline metric, its value on the first test part, and the seconds of the training."""
    found = store.read(config)
    # The validation rows come first, and are the test rows too where there are no others.
    part = next((name for name in found["scores"] if name != _VALIDATION), _VALIDATION)
    return found["headline"], found["scores"][part][found["headline"]], found["seconds"]
