"""The lines that `adalora plan` prints."""

from .estimate import Estimate
from .text import binary, decimal, duration


def page(found: Estimate) -> str:
    """Return what a run needs as lines, what does not fit at the end."""
    config = found.subject.config
    rows = [*_model(found), *_memory(found), *_disk(found), *_time(found)]
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"{name:<{width}}{value}".rstrip() for name, value in rows]
    told = [*(f"note: {note}" for note in found.notes()), *found.obstacles()]
    head = f"plan of {config.name}: {found.subject.method.label} on {config.model}, task {config.task}"
    return "\n".join([head, "", *lines, "", *(told or ["fits this machine, activations apart."])])


def _model(found: Estimate) -> list[tuple[str, str]]:
    base, sizes, config = found.subject.base, found.sizes, found.subject.config
    rows = [("model", f"{base.weights:,} weights, {binary(base.loaded)} in float32")]
    if base.quantised:
        kind = config.quantization.kind
        rows.append(("quantised", f"{base.quantised:,} in {kind}; then {binary(base.kept)} with constants"))
    if sizes.matrices:
        rows.append(("adapted", f"{sizes.matrices:,} matrices at rank {config.adapter.rank}"))
    start, end = sizes.start, sizes.end
    rows.append(("trained", _counts(start.weights, start.adapter, start.others, adapted=sizes.matrices > 0)))
    if found.adapts:
        rows.append(
            ("  at the end", _counts(end.weights, end.adapter, end.others, adapted=True) + _spread(found))
        )
    return rows


def _counts(weights: int, adapter: int, others: int, *, adapted: bool) -> str:
    return f"{weights:,}" + (f" (adapter {adapter:,}, others {others:,})" if adapted else "")


def _spread(found: Estimate) -> str:
    allocation = found.subject.config.allocation
    if not allocation.compact:
        return ", for compact: false keeps pruned triplets"
    return f", if all matrices keep rank {allocation.target_rank}"


def _memory(found: Estimate) -> list[tuple[str, str]]:
    sizes, config = found.sizes, found.subject.config
    rows = [("memory", f"{binary(sizes.training)} and activations, which are not estimated")]
    rows.append(("  model", binary(sizes.model)))
    rows.append(("  gradients", binary(sizes.gradients)))
    rows.append(("  optimizer", binary(sizes.optimizer)))
    if found.adapts:
        rows.append(("  controller", f"{binary(sizes.controller)}, scorer {config.allocation.scorer}"))
    rows.append(("  to load", f"{binary(found.subject.base.loaded)} of main memory"))
    return rows


def _disk(found: Estimate) -> list[tuple[str, str]]:
    sizes, training = found.sizes, found.subject.config.training
    start, end = sizes.start.file, sizes.end.file
    kept = "adapter file" if sizes.matrices else "trained file"
    rows = [(kept, binary(start) + (f" at the start, {binary(end)} at the end" if found.adapts else ""))]
    if sizes.end.resume:
        rows.append(("  averages", f"{binary(sizes.start.resume)}, {binary(sizes.end.resume)} at the end"))
    often = f"every {training.save_every} steps" if training.save_every else "training.save_every is 0: none"
    rows.append(("checkpoint", f"{binary(sizes.checkpoint)}, {often}"))
    rows.append(("disk", f"{binary(found.disk)} at most, checkpoints and adapter"))
    return rows


def _time(found: Estimate) -> list[tuple[str, str]]:
    steps, work = found.subject.steps, found.work
    counted = f"{steps:,}" if steps is not None else f"not known: {found.subject.why}"
    rows = [("steps", counted)]
    if work is None or found.rate is None or found.seconds is None:
        return [*rows, ("time", "not estimated: the rows are no texts")]
    tokens = " and ".join(f"{number:,}" for number in dict.fromkeys(work.tokens))
    split = f"forward {decimal(work.forward, 'FLOP')}, backward {decimal(work.inputs + work.weights, 'FLOP')}"
    rows.append(("a step", f"{work.rows} rows filled up to {tokens} tokens: at least {split}"))
    precision, device = found.subject.config.training.precision, found.machine.device
    rows.append(("measured", f"{decimal(found.rate, 'FLOP/s')}, products in {precision} on {device}"))
    rows.append(("time", f"such a step at least {duration(found.seconds)}{_total(found, steps)}"))
    return rows


def _total(found: Estimate, steps: int | None) -> str:
    if steps is None or found.seconds is None:
        return ""
    return f", all steps at least {duration(steps * found.seconds)}; baseline and evaluation are not in it"
