"""Numbers and pictures from adapters: where the rank went, and how it came there."""

from .locate import Place, locate
from .pictures import budget_curve, rank_evolution, rank_heatmap, save_figure
from .table import RankTable, rank_table
from .tensorboard import log_controller, log_scalars

__all__ = [
    "Place",
    "RankTable",
    "budget_curve",
    "locate",
    "log_controller",
    "log_scalars",
    "rank_evolution",
    "rank_heatmap",
    "rank_table",
    "save_figure",
]
