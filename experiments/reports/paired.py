"""Every entry against one of its task and model, seed by seed: paired t-tests, corrected for their number."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from scipy.stats import ttest_rel

from adalora.errors import ConfigError

from ..checks import did_you_mean
from ..sweeps.names import in_words
from .layout import Layout
from .lines import Line
from .scores import best_of, mean_of
from .words import written

FEWEST = 2
_TOO_FEW = "not enough seeds"
_CONSTANT = "every seed differs alike"


@dataclass(frozen=True)
class Test:
    """One entry against the reference.

    Attributes:
        line: the entry.
        reference: what it is tested against.
        metric: of which.
        seeds: those that both have.
        difference: mean difference over these seeds; None without any.
        p: of the two-sided paired t-test; None where there is none.
        holm: corrected by Holm for all tests of the task and model.
        why: why there is no p; empty where there is one.
    """

    __test__ = False  # pytest takes it for one of its own

    line: Line
    reference: Line
    metric: str
    seeds: tuple[int, ...]
    difference: float | None
    p: float | None
    holm: float | None
    why: str


def paired_tests(lines: Sequence[Line], layout: Layout, part: str) -> list[Test]:
    """Return the tests of all entries that have results, by task and model, on the first metric shown.

    Args:
        lines: the entries.
        layout: says what they are tested against.
        part: on which numbers.

    Raises:
        ConfigError: ``compare`` fits no entry, or several of one task and model.
    """
    tests = []
    if layout.compare is not None:
        _require_one(lines, layout.compare)
    for ground in dict.fromkeys(line.ground for line in lines):
        rivals = [line for line in lines if line.ground == ground and line.outcome.results]
        if rivals:
            metric = layout.metrics[0] if layout.metrics else rivals[0].headline
            reference = _reference(rivals, layout, metric, part)
            if reference is not None:
                tests += _of_ground([one for one in rivals if one is not reference], reference, metric, part)
    return tests


def _reference(rivals: Sequence[Line], layout: Layout, metric: str, part: str) -> Line | None:
    """Return what all others are tested against; None while it has no number."""
    if layout.compare is not None:
        rivals = [line for line in rivals if _fits(line, layout.compare)]
    means = {id(line): mean for line in rivals if (mean := mean_of(line, metric, part)) is not None}
    best = best_of(means.values(), metric)
    return next((line for line in rivals if best is not None and means.get(id(line)) == best), None)


def _of_ground(others: Sequence[Line], reference: Line, metric: str, part: str) -> list[Test]:
    theirs = reference.values(metric, part)
    found = []
    for line in others:
        ours = line.values(metric, part)
        seeds = tuple(seed for seed in ours if seed in theirs)
        pairs = [(ours[seed], theirs[seed]) for seed in seeds]
        p, why = _p(pairs)
        apart = fmean(one - other for one, other in pairs) if pairs else None
        found.append((line, seeds, apart, p, why))
    corrected = iter(holm([p for *_, p, _ in found if p is not None]))
    return [
        Test(line, reference, metric, seeds, apart, p, None if p is None else next(corrected), why)
        for line, seeds, apart, p, why in found
    ]


def _p(pairs: Sequence[tuple[float, float]]) -> tuple[float | None, str]:
    """Return the p of a paired t-test, or why there is none; nothing differs where all pairs are equal."""
    if len(pairs) < FEWEST:
        return None, _TOO_FEW
    apart = [one - other for one, other in pairs]
    if max(apart) - min(apart) <= 1e-12 * max(1.0, *map(abs, apart)):
        return (1.0, "") if abs(fmean(apart)) <= 1e-12 else (None, _CONSTANT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # differences that are nearly equal
        return float(ttest_rel(*zip(*pairs, strict=True)).pvalue), ""


def holm(ps: Sequence[float]) -> list[float]:
    """Return p values corrected by Holm 1979, "A simple sequentially rejective multiple test procedure".

    The smallest of m is multiplied by m, the next by m - 1 and so on; none gets below a smaller one, or
    above 1.
    """
    corrected, before = dict[int, float](), 0.0
    for place, number in enumerate(sorted(range(len(ps)), key=lambda one: ps[one])):
        before = max(before, min(1.0, (len(ps) - place) * ps[number]))
        corrected[number] = before
    return [corrected[number] for number in range(len(ps))]


def _fits(line: Line, changes: Mapping[str, Any]) -> bool:
    return all(written(line.value(name)) == written(value) for name, value in changes.items())


def _require_one(lines: Sequence[Line], changes: Mapping[str, Any]) -> None:
    """Refuse a reference that no entry is, or several of one task and model are."""
    fitting = [line for line in lines if _fits(line, changes)]
    if not fitting:
        names = [line.name for line in lines]
        raise ConfigError(
            f"report: compare is {in_words(changes)}, which fits no entry; allowed: settings of one of "
            f"{', '.join(names[:8])}{', …' if len(names) > 8 else ''}."
            f"{did_you_mean('-'.join(f'{n}_{v}' for n, v in changes.items()), names)}"
        )
    for line in fitting:
        same = [one for one in fitting if one.ground == line.ground]
        if len(same) > 1:
            raise ConfigError(
                f"report: compare is {in_words(changes)}, which fits {same[0].name} and {same[1].name}; "
                f"allowed: settings that tell one entry of each task and model."
            )
