"""The tables of the benchmark, each made from its JSON and from nothing else."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from .aims import AIMS, Aim, comparable, measured
from .contestants import CONTESTANTS, FLOOR
from .grid import bounds, figure, grid, mebibytes, milliseconds, percent, ratio

Record = Mapping[str, Any]

NOT_MEASURED = "not measured"


def markdown(record: Record) -> str:
    """Return everything as one page: the machine, and all `tables` below their headings."""
    parts = ["# Benchmark", circumstances(record)]
    for name, table in tables(record).items():
        parts += [f"## {_HEADINGS[name]}", table]
    return "\n\n".join(parts) + "\n"


def tables(record: Record) -> dict[str, str]:
    """Return the table of every section that was measured, by name; ``asked`` is the first of them.

    Args:
        record: what ``bench.json`` holds.
    """
    made = {
        name: make(record["sections"][name]) for name, make in _MAKERS.items() if name in record["sections"]
    }
    return {"asked": asked(record), **made} if comparable(record) else made


def circumstances(record: Record) -> str:
    """Return in one sentence on what all numbers were measured, and with what."""
    found, settings = record["versions"], record["settings"]
    machine, packages = found["machine"], found["packages"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, "
        f"{settings['device']}, {settings['dtype']}; torch {packages['torch']}, transformers "
        f"{packages['transformers']}, peft {packages['peft']}; rank {settings['rank']} to "
        f"{settings['target_rank']}, LoRA {settings['target_rank']}; seed {settings['seed']}, commit "
        f"{found['commit']}."
    )


def asked(record: Record) -> str:
    """Return what was asked of the sections that were measured, beside what was measured."""
    rows = [_compare(aim, record) for aim in AIMS if aim.path[0] in record["sections"]]
    return grid(("figure", "asked", "aim", "measured", "met"), rows)


def _compare(aim: Aim, record: Record) -> list[str]:
    value, unit = measured(aim, record), aim.unit
    wanted = [aim.figure, bounds(aim.asked, unit), bounds(aim.aim, unit)]
    if value is None:
        return [*wanted, NOT_MEASURED, ""]
    met = "aim" if value in aim.aim else "asked" if value in aim.asked else "no"
    return [*wanted, figure(value, unit), met]


def _label(name: str) -> str:
    return CONTESTANTS[name].label


def _steps(found: Record) -> str:
    names = list(next(iter(found.values()))["ratios"])
    rows = [[_label(name), *(ratio(case["ratios"][name]) for case in found.values())] for name in names]
    floor = [f"{milliseconds(case['seconds'][FLOOR])} ms" for case in found.values()]
    return grid(("over the floor", *found), [*rows, ["a step of the floor", *floor]])


def _run(found: Record) -> str:
    head = (
        "case",
        "steps",
        "peft, s",
        "ours, s",
        "peft over ours",
        "in each step",
        "warm-up",
        "pruning",
        "final",
    )
    return grid(head, [_run_row(name, case) for name, case in found.items()])


def _run_row(name: str, case: Record) -> list[str]:
    seconds, phases = case["seconds"], case["phases"].values()
    times = [f"{seconds['peft_adalora']:.1f}", f"{seconds['adalora']:.1f}", f"{case['ratio']:.3f}"]
    medians = [f"{phase['median']:.2f}" for phase in phases]
    return [name, str(case["steps"]), *times, ratio(case["per_step"]), *medians]


def _memory(found: Record) -> str:
    names = list(next(iter(found.values()))["share"])
    floor = ["floor", *(mebibytes(case["kept"][FLOOR]) for case in found.values())]
    return grid(("MiB kept", *found), [floor, *(_memory_row(name, found) for name in names)])


def _memory_row(name: str, found: Record) -> list[str]:
    cells = [f"{mebibytes(case['kept'][name])} ({case['against_peft'][name]:.2f})" for case in found.values()]
    return [_label(name), *cells]


def _peak(found: Record) -> str:
    rows = [[_label(name), mebibytes(number)] for name, number in found["peak"].items()]
    return grid((f"peak MiB, {found['case']}", "training"), rows)


def _control(found: Record) -> str:
    rows = [
        [name, milliseconds(case["seconds"]), percent(case["share"]["median"])]
        for name, case in found.items()
    ]
    return grid(("case", "controller, ms a step", "of the step"), rows)


def _matrices(found: Record) -> str:
    head = (f"matrices of {found['case']}", "controller, ms a step", "operations", "with a budget update")
    rows = [
        [number, milliseconds(row["seconds"]), *(str(one) for one in row["operations"].values())]
        for number, row in found["rows"].items()
    ]
    return grid(head, rows)


def _ranks(found: Record) -> str:
    rows = [[rank, ratio(one)] for rank, one in found["ratios"].items()]
    return grid((f"rank, {found['case']}", "AdaLoRA over the floor"), rows)


def _gradients(found: Record) -> str:
    head = ("case", "inputs", "gradient of", "overall", "worst matrix")
    rows = [
        [name, kind, factor, percent(row["overall"]), f"{percent(row['worst'])}, {row['matrix']}"]
        for name, case in found.items()
        for kind, factors in case.items()
        for factor, row in factors.items()
        if factor != "largest"
    ]
    return grid(head, rows)


def _accuracy(found: Record) -> str:
    """Return one row a seed, and the means."""
    exact, rounded = found["scores"]["exact"], found["scores"]["int8"]
    rows = [
        [str(seed), f"{100 * one:.1f}", f"{100 * other:.1f}", f"{100 * (other - one):+.1f}"]
        for seed, one, other in zip(found["seeds"], exact, rounded, strict=True)
    ]
    means = [f"{100 * sum(own) / len(own):.2f}" for own in (exact, rounded)]
    head = (f"{found['task']}, {found['metric']}, seed", "exact", "int8", "difference")
    return grid(head, [*rows, ["mean", *means, f"{found['difference']:+.2f}"]])


def _inference(found: Record) -> str:
    names = list(found["cells"][0]["ratios"])
    rows = [
        [
            str(cell["batch"]),
            str(cell["length"]),
            milliseconds(cell["base"]),
            *(ratio(cell["ratios"][name]) for name in names),
        ]
        for cell in found["cells"]
    ]
    return grid(("batch", "length", "base, ms", *names), rows)


def _adapters(found: Record) -> str:
    rows = [
        [f"a forward pass of one sentence, {found['case']}", f"{milliseconds(found['forward'])} ms"],
        ["a switch, over it", ratio(found["switch"])],
        *([f"batch of three adapters, {size}, over one", ratio(one)] for size, one in found["mixed"].items()),
    ]
    return grid(("several adapters", "median of the rounds [quartiles]"), rows)


_MAKERS: Mapping[str, Callable[[Record], str]] = MappingProxyType(
    {
        "steps": _steps,
        "run": _run,
        "memory": _memory,
        "peak": _peak,
        "control": _control,
        "matrices": _matrices,
        "ranks": _ranks,
        "gradients": _gradients,
        "accuracy": _accuracy,
        "inference": _inference,
        "adapters": _adapters,
    }
)

_HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "asked": "What was asked for",
        "steps": "A training step, over the floor: median of the rounds [quartiles]",
        "run": "A whole run with adaptive rank",
        "memory": "Kept for the backward pass (the adapters' share over that of peft's LoRA)",
        "peak": "Peak memory of a training, each in a process of its own, libraries not counted",
        "control": "The controller alone",
        "matrices": "The controller and the number of matrices",
        "ranks": "A training step and the rank",
        "gradients": "Relative error of the factors' gradients with rounded inputs",
        "accuracy": "Learning with rounded inputs, in per cent",
        "inference": "A forward pass of a decoder, over the plain one: median of the rounds [quartiles]",
        "adapters": "Several adapters on one model",
    }
)
