"""Figures as files."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from adalora import ConfigError

# Without these a file would hold the time of its making.
_TIMELESS = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


def save_figure(figure: Figure, path: str | Path, *, dpi: float = 200) -> Path:
    """Write a figure; the same figure always gives the same bytes.

    Args:
        figure: what the functions of this package return.
        path: file to write; ``.png``, ``.pdf`` or ``.svg`` says which format. Missing folders are made.
        dpi: dots per inch of a PNG, and of the dense parts of the other two.

    Returns:
        The path, as a `Path`.

    Raises:
        ConfigError: the path has another ending.
    """
    path = Path(path)
    metadata = _TIMELESS.get(path.suffix.lower())
    if metadata is None:
        raise ConfigError(f"path is '{path}'; allowed: a file name that ends in {', '.join(_TIMELESS)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Otherwise the ids inside an SVG are random.
    with mpl.rc_context({"svg.hashsalt": "adalora", "pdf.fonttype": 42}):
        figure.savefig(path, metadata=metadata, dpi=dpi)
    return path
