"""Pictures of allocations and subspaces, as matplotlib figures that belong to the caller alone."""

from .allocations import rank_strip, score_distributions, seed_stability
from .budget import budget_curve
from .evolution import rank_evolution
from .heatmap import rank_heatmap
from .matrices import amplification_bars, spectrum_curves
from .save import save_figure
from .similarity import base_similarity, seed_similarity, similarity_by_layer, similarity_heatmap

__all__ = [
    "amplification_bars",
    "base_similarity",
    "budget_curve",
    "rank_evolution",
    "rank_heatmap",
    "rank_strip",
    "save_figure",
    "score_distributions",
    "seed_similarity",
    "seed_stability",
    "similarity_by_layer",
    "similarity_heatmap",
    "spectrum_curves",
]
