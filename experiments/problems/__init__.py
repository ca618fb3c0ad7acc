"""Kinds of problem: which model class, how texts become features, how outputs become predictions."""

from .answering import ANSWERING
from .problem import Columns, Part, Problem
from .sequence import CLASSIFICATION, REGRESSION
from .summarizing import SUMMARIZING

__all__ = ["ANSWERING", "CLASSIFICATION", "REGRESSION", "SUMMARIZING", "Columns", "Part", "Problem"]
