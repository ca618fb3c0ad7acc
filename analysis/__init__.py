"""Numbers and pictures from adapters: what they have learned, where the rank went, and how it came there."""

from adalora.locate import Place, locate

from .allocation import Course, Stability, TripletRow, course, returned, stability
from .amplification import Amplification, amplification, amplification_by_rank, truncated_amplification
from .chance import Chance, chance
from .intruders import Intruders, intruders
from .matrices import AgainstBase, MatrixNumbers, Triplets, measure
from .pairs import PairNumbers, Shared, compare, record_similarity, shared
from .pictures import (
    amplification_bars,
    base_similarity,
    budget_curve,
    rank_evolution,
    rank_heatmap,
    rank_strip,
    save_figure,
    score_distributions,
    seed_similarity,
    seed_stability,
    similarity_by_layer,
    similarity_heatmap,
    spectrum_curves,
)
from .product import SVD, svd_of_matrix, svd_of_product
from .read import read
from .records import AdapterRecord, BaseWeight, Factors
from .similarity import Distance, delta_similarity, distance, similarity_grid, subspace_similarity
from .spectra import Spectrum, lambda_gap, orthogonality_residual, spectrum
from .table import RankTable, rank_table
from .tensorboard import log_controller, log_figures, log_scalars

__all__ = [
    "SVD",
    "AdapterRecord",
    "AgainstBase",
    "Amplification",
    "BaseWeight",
    "Chance",
    "Course",
    "Distance",
    "Factors",
    "Intruders",
    "MatrixNumbers",
    "PairNumbers",
    "Place",
    "RankTable",
    "Shared",
    "Spectrum",
    "Stability",
    "TripletRow",
    "Triplets",
    "amplification",
    "amplification_bars",
    "amplification_by_rank",
    "base_similarity",
    "budget_curve",
    "chance",
    "compare",
    "course",
    "delta_similarity",
    "distance",
    "intruders",
    "lambda_gap",
    "locate",
    "log_controller",
    "log_figures",
    "log_scalars",
    "measure",
    "orthogonality_residual",
    "rank_evolution",
    "rank_heatmap",
    "rank_strip",
    "rank_table",
    "read",
    "record_similarity",
    "returned",
    "save_figure",
    "score_distributions",
    "seed_similarity",
    "seed_stability",
    "shared",
    "similarity_by_layer",
    "similarity_grid",
    "similarity_heatmap",
    "spectrum",
    "spectrum_curves",
    "stability",
    "subspace_similarity",
    "svd_of_matrix",
    "svd_of_product",
    "truncated_amplification",
]
