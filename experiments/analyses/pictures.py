"""Which pictures an analysis draws, and what they are called."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

import analysis
from analysis import MatrixNumbers, PairNumbers, Stability

from .numbers import Comparison, RunNumbers
from .runs import Run

# The pairs of matrices that the LoRA paper looks at, under the names that models give them.
_QUERY = re.compile(r"(^|[._])(query|q_proj|q|c_attn|q_lin|query_proj)$")
_VALUE = re.compile(r"(^|[._])(value|v_proj|v|v_lin|value_proj)$")


@dataclass(frozen=True)
class Drawn:
    """A picture.

    Attributes:
        name: of its file, without ending.
        caption: what it shows.
        figure: the picture itself.
    """

    name: str
    caption: str
    figure: Figure


def of_run(numbers: RunNumbers, before: str = "") -> Iterator[Drawn]:
    """Draw one run; ``before`` keeps the names of several apart."""
    run, rows = numbers.run, numbers.matrices
    ranks = {one.module: one.rank for one in run.records}
    if len(set(ranks.values())) > 1:
        yield Drawn(f"{before}ranks", "The rank that every matrix kept.", analysis.rank_heatmap(ranks))
    if run.history:
        evolution, strip, budget = (
            draw(run.history)
            for draw in (analysis.rank_evolution, analysis.rank_strip, analysis.budget_curve)
        )
        yield Drawn(f"{before}evolution", "How each matrix came to its rank.", evolution)
        yield Drawn(f"{before}strip", "The ranks at a few steps of the run.", strip)
        yield Drawn(f"{before}budget", "Triplets alive, and the lowest score that was kept.", budget)
    if any(values.max(initial=0) > 0 for row in run.triplets for values in row.scores.values()):
        yield Drawn(
            f"{before}scores",
            "The scores of all triplets at each budget update.",
            analysis.score_distributions(run.triplets),
        )
    if any(len(one.spectrum.sigma) for one in rows):
        yield Drawn(
            f"{before}spectra",
            "Singular values of the updates, and the energy in the first of them.",
            analysis.spectrum_curves(rows),
        )
    if any(one.against_base for one in rows):
        yield Drawn(
            f"{before}amplification",
            "How much each update amplifies the directions that it shares with its weight.",
            analysis.amplification_bars(rows),
        )


def of_runs(numbers: Sequence[RunNumbers]) -> Iterator[Drawn]:
    """Draw what takes all runs: φ between W₀ and ΔW of one matrix in each of them."""
    by_module = [{one.record.module: one for one in run.matrices if one.against_base} for run in numbers]
    both = [module for module in by_module[0] if all(module in found for found in by_module)]
    for kind, chosen in (("query", _QUERY), ("value", _VALUE)):
        modules = [module for module in both if chosen.search(module)]
        if modules:
            module = modules[len(modules) // 2]
            rows = {run.run.label: found[module] for run, found in zip(numbers, by_module, strict=True)}
            yield _base(f"base-{kind}", rows)
    if both and not any(_QUERY.search(module) or _VALUE.search(module) for module in both):
        module = both[len(both) // 2]
        yield _base(
            "base", {run.run.label: found[module] for run, found in zip(numbers, by_module, strict=True)}
        )


def _base(name: str, rows: dict[str, MatrixNumbers]) -> Drawn:
    caption = "φ between the singular vectors of a pretrained weight and those of its update."
    return Drawn(name, caption, analysis.base_similarity(rows))


def of_comparison(found: Comparison, before: str = "") -> Iterator[Drawn]:
    """Draw two runs: the factors as the LoRA paper does, and the singular vectors of ΔW."""
    labels = (found.first.label, found.second.label)
    for of in ("factor", "delta"):
        pairs = [one for one in found.pairs if one.side == "right" and one.of == of and one.grid.size]
        chosen = _chosen(pairs)
        if not chosen:
            continue
        what = "the right factor, A or Q" if of == "factor" else "the update ΔW"
        draw: Callable[..., Figure] = analysis.similarity_heatmap
        if (
            len({one.grid.shape for one in chosen}) == 1
            and chosen[0].grid.shape[0] == chosen[0].grid.shape[1]
        ):
            draw = analysis.seed_similarity
        middle = [ones[len(ones) // 2] for ones in _by_type(chosen).values()]
        if len({one.first.shape[1] for one in middle}) > 1:
            draw = analysis.similarity_heatmap  # one picture of chance is of one size
        yield Drawn(
            f"{before}{of}", f"φ in the middle layer: directions of {what}.", draw(middle, labels=labels)
        )
        yield Drawn(
            f"{before}{of}-layers",
            f"φ by layer: directions of {what}.",
            analysis.similarity_by_layer(chosen, labels=labels),
        )


def of_seeds(runs: Sequence[Run], found: Stability) -> Drawn:
    """Draw the ranks of several adaptive runs as one table."""
    figure = analysis.seed_stability(found, [run.label for run in runs])
    return Drawn("stability", "Mean rank of every matrix over the adaptive runs, and its deviation.", figure)


def _chosen(pairs: Sequence[PairNumbers]) -> list[PairNumbers]:
    """Return queries and values; where a model has none, its first two types."""
    named = [one for one in pairs if _QUERY.search(one.first.type) or _VALUE.search(one.first.type)]
    if named:
        return named
    types = list(_by_type(pairs))[:2]
    return [one for one in pairs if one.first.type in types]


def _by_type(pairs: Sequence[PairNumbers]) -> dict[str, list[PairNumbers]]:
    found: dict[str, list[PairNumbers]] = {}
    for one in pairs:
        found.setdefault(one.first.type, []).append(one)
    return found
