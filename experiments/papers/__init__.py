"""Numbers that papers print, beside which a report puts its own: same task, same model."""

from .read import Number, Row, all_rows, rows_for

__all__ = ["Number", "Row", "all_rows", "rows_for"]
