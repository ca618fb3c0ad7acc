"""The tables of a report in LaTeX: a document of its own that compiles, and tables to copy out of it."""

import re
from collections.abc import Iterable, Sequence

from .table import Cell, Table

_WIDE = 8  # columns from which a table is scaled to the width of the page
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "–": "--",
    "…": r"\ldots{}",
    "↓": r"$\downarrow$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
}
_MATRIX = re.compile(r"(?<![\w])([A-Za-z])_([A-Za-z])(?!\w)")  # W_q, as papers write it
_LATIN = 0xFF  # as far as every installation goes
_HEAD = r"""% Needs booktabs, and graphicx for wide tables.
\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\setlength{\belowcaptionskip}{6pt}
\begin{document}
"""


def escaped(text: str) -> str:
    """Return a text that LaTeX sets as it stands; letters that its fonts lack by their number."""
    words, place, whole = [], 0, " ".join(text.split())
    for match in _MATRIX.finditer(whole):
        words += [*map(_letter, whole[place : match.start()]), f"${match[1]}_{{{match[2]}}}$"]
        place = match.end()
    return "".join([*words, *map(_letter, whole[place:])])


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    known = letter.isascii() or (ord(letter) <= _LATIN and letter.isalpha())
    return letter if known and letter.isprintable() else f"[U+{ord(letter):04X}]"


def table(found: Table, caption: str) -> str:
    """Return a table with rules of booktabs; the best cells are bold."""
    columns = "l" * found.words + "r" * (len(found.head) - found.words)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _row(map(escaped, found.head)), r"\midrule"]
    lines += [_row(map(_cell, row)) for row in found.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    body = "\n".join(lines)
    if len(found.head) >= _WIDE:
        body = "\\resizebox{\\textwidth}{!}{%\n" + body + "}"
    notes = "".join(f"\n\n\\smallskip{{\\footnotesize {escaped(note)}}}" for note in found.notes)
    head = f"\\begin{{table}}[htbp]\n\\centering\n\\caption{{{escaped(caption)}}}"
    return f"{head}\n{body}{notes}\n\\end{{table}}\n"


def _row(cells: Iterable[str]) -> str:
    # A row that began with a bracket would be taken for the length behind the line break before it.
    return "{}" + " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    return rf"\textbf{{{text}}}" if cell.best else text


def document(tables: Sequence[tuple[str, Table]]) -> str:
    """Return a document of tables with captions.

    Args:
        tables: caption and table.
    """
    return (
        _HEAD + "\n".join(table(one, caption) for caption, one in tables) + "\\clearpage\n\\end{document}\n"
    )
