"""Figures as files."""

import pytest
from matplotlib.image import imread

from adalora import ConfigError
from analysis import budget_curve, rank_evolution, rank_heatmap, save_figure

STARTS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.mark.parametrize("suffix", STARTS)
def test_the_same_figure_gives_the_same_bytes(tmp_path, history, schedule, suffix):
    for name, draw in {
        "heatmap": lambda: rank_heatmap(history[-1].ranks, initial=4),
        "evolution": lambda: rank_evolution(history, schedule),
        "budget": lambda: budget_curve(history, schedule),
    }.items():
        first = save_figure(draw(), tmp_path / "new" / f"{name}{suffix}")
        second = save_figure(draw(), str(tmp_path / f"{name}{suffix}"))
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes().startswith(STARTS[suffix])


def test_dots_per_inch(tmp_path, history):
    figure = rank_heatmap(history[-1].ranks)
    height, width, _ = imread(save_figure(figure, tmp_path / "a.png", dpi=100)).shape
    assert (width, height) == tuple(int(100 * side) for side in figure.get_size_inches())


def test_unknown_ending(tmp_path, history):
    with pytest.raises(
        ConfigError, match=r"path is '.*a\.jpg'; allowed: a file name that ends in \.png, \.pdf, \.svg"
    ):
        save_figure(rank_heatmap(history[-1].ranks), tmp_path / "new" / "a.jpg")
    assert not (tmp_path / "new").exists()
