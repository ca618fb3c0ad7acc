"""Pictures of a rank allocation, as matplotlib figures that belong to the caller alone."""

from .budget import budget_curve
from .evolution import rank_evolution
from .heatmap import rank_heatmap
from .save import save_figure

__all__ = ["budget_curve", "rank_evolution", "rank_heatmap", "save_figure"]
