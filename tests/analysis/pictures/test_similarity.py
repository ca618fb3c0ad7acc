"""Pictures of φ."""

import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import analysis
from adalora import ConfigError
from analysis import AdapterRecord, BaseWeight, Factors

RANDOM = np.random.default_rng(0)


def record(layer, kind, rank=3, weight=True):
    left, right = RANDOM.standard_normal((12, rank)), RANDOM.standard_normal((rank, 16))
    W0 = RANDOM.standard_normal((12, 16))
    factors = Factors(left, None, right, np.ones(rank, dtype=bool))
    return AdapterRecord(
        module=f"encoder.layer.{layer}.{kind}",
        update="lora",
        shape=(12, 16),
        rank=rank,
        scale=1.0,
        read=lambda: factors,
        base=BaseWeight(lambda: W0) if weight else BaseWeight(missing="it is lost"),
        layer=layer,
        type=kind,
    )


def pairs(ranks=(3, 5), layers=2, side="right", of="factor"):
    found = []
    for kind in ("query", "value"):
        for layer in range(layers):
            both = record(layer, kind, ranks[0]), record(layer, kind, ranks[1])
            found += [one for one in analysis.compare(*both, samples=2) if (one.side, one.of) == (side, of)]
    return found


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    return found


def cells(figure):
    """The grids that are drawn, the scale of colours left out."""
    return [
        np.ma.filled(axes.collections[0].get_array(), np.nan)
        for axes in figure.axes
        if axes.get_title() not in ("φ", "")
    ]


def test_in_full_and_the_triangle():
    drawn = pairs(layers=1)
    figure = analysis.similarity_heatmap(drawn, labels=("r=3", "r=5"))
    full_query, full_value, close_query, _ = cells(figure)
    np.testing.assert_allclose(full_query, drawn[0].grid)
    np.testing.assert_allclose(full_value, drawn[1].grid)
    assert close_query.shape == (3, 3)
    assert np.isnan(close_query[np.triu_indices(3, 1)]).all()
    np.testing.assert_allclose(np.tril(close_query), np.tril(drawn[0].grid[:, :3]))
    assert {"query, layer 0", "value, layer 0", "i, r=3", "j, r=5"} <= set(texts(figure))
    assert "singular vectors of A or Q; 1: the smaller span lies in the larger" in texts(figure)


def test_directions_that_no_factor_has_stay_blank():
    (right, *_) = [
        one for one in analysis.compare(record(0, "q"), record(0, "q"), samples=2) if one.side == "left"
    ]
    blank = dataclasses.replace(right, grid=np.full((3, 3), np.nan))
    assert all(
        np.isnan(grid).all() for grid in cells(analysis.similarity_heatmap([blank], labels=("a", "b")))
    )


def test_seeds_beside_chance():
    drawn = pairs(ranks=(4, 4), layers=1, of="delta")
    figure = analysis.seed_similarity(drawn, labels=("seed 0", "seed 1"))
    *_, random = cells(figure)
    np.testing.assert_allclose(random[0, 3], 4 / 16)
    assert "random" in texts(figure)
    assert any("ΔW, right" in text for text in texts(figure))


def test_a_few_layers_of_many():
    figure = analysis.similarity_by_layer(pairs(layers=15), labels=("a", "b"))
    names = [text for text in texts(figure) if text.startswith("layer")]
    assert names[0] == "layer 0"
    assert names[5] == "layer 14"
    assert len(names) == 2 * 6
    assert {"query", "value"} <= set(texts(figure))


def test_updates_against_their_weight():
    numbers = {f"r = {r}": analysis.measure(record(0, "query", r)) for r in (2, 4)}
    figure = analysis.base_similarity(numbers)
    first, second, random = cells(figure)
    assert (first.shape, second.shape, random.shape) == ((2, 12), (4, 12), (4, 12))
    np.testing.assert_allclose(first.T, numbers["r = 2"].against_base.similarity)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: analysis.similarity_heatmap([], labels=("a", "b")),
            "pairs is empty; allowed: at least one matrix",
        ),
        (
            lambda: analysis.seed_similarity(pairs(ranks=(0, 2), layers=1), labels=("a", "b")),
            "has no directions in one run",
        ),
        (lambda: analysis.similarity_by_layer(pairs(ranks=(0, 2)), labels=("a", "b")), "pairs is empty"),
        (
            lambda: analysis.base_similarity({"r = 2": analysis.measure(record(0, "q", 2, weight=False))}),
            "r = 2 has no φ with its pretrained weight: it is lost.",
        ),
    ],
)
def test_what_cannot_be_drawn(draw, message):
    with pytest.raises(ConfigError) as error:
        draw()
    assert message in str(error.value)


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_files(tmp_path, ending):
    figure = analysis.seed_similarity(pairs(ranks=(2, 2), layers=1), labels=("a", "b"))
    assert isinstance(figure, Figure)
    assert analysis.save_figure(figure, tmp_path / f"φ.{ending}").stat().st_size > 1000


def test_spectra_of_every_matrix():
    numbers = [analysis.measure(record(layer, kind)) for kind in ("query", "value") for layer in range(2)]
    figure = analysis.spectrum_curves(numbers)
    values, energy = figure.axes
    lines = values.get_lines()
    assert len(lines) == 4 + 2
    np.testing.assert_allclose(lines[0].get_ydata(), numbers[0].spectrum.sigma)
    np.testing.assert_allclose(energy.get_lines()[0].get_ydata(), numbers[0].spectrum.energy)
    assert values.get_yscale() == "log"
    with pytest.raises(ConfigError, match="no update that is not zero"):
        analysis.spectrum_curves([analysis.measure(record(0, "query", 0))])


def test_bars_of_amplification():
    numbers = [analysis.measure(record(layer, kind)) for kind in ("query", "value") for layer in range(2)]
    (axes,) = analysis.amplification_bars(numbers).axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx([one.against_base.amplification.factor for one in numbers])
    assert [text.get_text() for text in axes.texts if text.get_text() in ("query", "value")] == [
        "query",
        "value",
    ]
    many = analysis.amplification_bars([analysis.measure(record(layer, "query")) for layer in range(90)])
    assert many.get_size_inches()[1] < 11
    with pytest.raises(ConfigError, match="no matrix with a pretrained weight"):
        analysis.amplification_bars([analysis.measure(record(0, "query", weight=False))])


def test_tensors_are_taken_as_they_are():
    grid = analysis.subspace_similarity(torch.eye(3)[:2], torch.eye(3)[:1])
    np.testing.assert_allclose(grid, [[1], [0.5]], atol=1)
