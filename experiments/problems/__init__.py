"""Kinds of problem: which model class, how inputs become features, how outputs become predictions."""

from .answering import ANSWERING
from .problem import Columns, Part, Problem, Reach
from .segmenting import SEGMENTATION
from .sequence import CLASSIFICATION, REGRESSION
from .summarizing import SUMMARIZING
from .writing import WRITING

__all__ = [
    "ANSWERING",
    "CLASSIFICATION",
    "REGRESSION",
    "SEGMENTATION",
    "SUMMARIZING",
    "WRITING",
    "Columns",
    "Part",
    "Problem",
    "Reach",
]
