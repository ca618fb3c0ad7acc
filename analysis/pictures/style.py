"""How all pictures look: lengths in inches, letters in points, colours, and the few strokes they share."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

INK, MUTED, RULE = "#1b2733", "#66717d", "#d5dae0"
ACCENT, PALE, CONTRAST, SHADE = "#225ea8", "#b3d3ea", "#c2410c", "#f0f2f5"
TITLE, TEXT, SMALL = 10.0, 8.0, 7.0

MARGIN, GAP, HEADLINE, FOOT = 0.10, 0.07, 0.52, 0.42
COLUMN = 3.35  # width of a column in a two-column paper, the least that any picture takes

# From pale yellow to dark blue: lightness falls all the way, so the order survives grey print and
# every common form of colour blindness.
RANK_COLOURS = colormaps["YlGnBu"]

# Okabe and Ito's palette, in an order in which neighbours differ in lightness too.
_SERIES = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#1b2733")


def series_colour(number: int) -> str:
    """Return the colour of a line or bar among several; they repeat after seven."""
    return _SERIES[number % len(_SERIES)]


def text_width(*texts: str, size: float = TEXT) -> float:
    """Return the width of the widest text in inches."""
    return max(
        (float(TextPath((0, 0), text, size=size).get_extents().width) / 72 for text in texts if text),
        default=0,
    )


def new_figure(width: float, height: float, title: str, facts: str) -> Figure:
    """Return a white figure with a bold title and, below it, a quiet line of facts.

    Args:
        width: width in inches; the figure is wider if the two lines need it, and never below a column.
        height: height in inches.
        title: first line.
        facts: second line.
    """
    lines = max(text_width(title, size=TITLE) * 1.1, text_width(facts)) + 2 * MARGIN
    width = max(width, lines, COLUMN)
    figure = Figure(figsize=(width, height), facecolor="white")
    left, top = MARGIN / width, 1 - MARGIN / height
    figure.text(left, top, title, fontsize=TITLE, fontweight="bold", color=INK, va="top")
    figure.text(left, top - 0.20 / height, facts, fontsize=TEXT, color=MUTED, va="top")
    return figure


def add_panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Any:
    """Add axes at a place given in inches from the lower left corner, without tick marks and box."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    axes.tick_params(length=0, labelsize=TEXT, labelcolor=INK, pad=GAP * 72 / 2)
    axes.xaxis.label.set(fontsize=TEXT, color=MUTED)
    axes.yaxis.label.set(fontsize=TEXT, color=MUTED)
    axes.spines[:].set_visible(False)
    return axes


def text_colour(background: Any) -> str:
    """Return ink or white, whichever has the higher contrast (L₁ + 0.05) / (L₂ + 0.05) of WCAG 2.2.

    Args:
        background: any colour that matplotlib knows.
    """
    colour = luminance(background) + 0.05
    return INK if colour / (luminance(INK) + 0.05) > 1.05 / colour else "white"


def luminance(colour: Any) -> float:
    """Return the relative luminance L of an sRGB colour, from 0 (black) to 1 (white), as in WCAG 2.2."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
