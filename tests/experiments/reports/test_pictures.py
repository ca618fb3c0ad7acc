"""The pictures show the numbers of the results, and say what they leave out."""

import pytest

from analysis.pictures import style
from experiments.reports.curves import curves
from experiments.reports.layout import read_layout
from experiments.reports.maps import mean_ranks, rank_maps
from experiments.reports.tradeoff import tradeoff
from tests.experiments.reports.conftest import BASE, result


def ranks(*some):
    return {f"encoder.layer.{number}.query": rank for number, rank in enumerate(some)}


def test_scores_over_trained_weights_a_line_a_method(sweep):
    swept = sweep(
        grids=[{"method": ["lora"], "adapter.rank": [1, 2]}, {"method": ["bitfit"]}, {"method": ["dora"]}],
        seeds=[0, 1],
    )
    sizes = {"lora": 1000, "bitfit": 500, "dora": 4000}
    swept.fill(
        lambda run: (
            None
            if run.method == "dora"
            else result(
                0.1 * run.adapter.rank + 0.02 * run.seed, trained=sizes[run.method] * run.adapter.rank
            )
        )
    )
    figure = tradeoff(swept.lines(), read_layout({}))
    (panel,) = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["LoRA", "BitFit"]
    lora, bitfit = (bars.lines[0] for bars in panel.containers)
    assert list(lora.get_xdata()) == [1000, 2000]
    assert list(lora.get_ydata()) == pytest.approx([11, 21])
    assert list(bitfit.get_xdata()) == [2000]
    (segments,) = panel.containers[0].lines[2]
    low, high = segments.get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * 2 / 2**0.5)
    assert panel.get_xscale() == "log"


def test_nothing_to_draw_where_all_train_as_much(sweep):
    swept = sweep(grid={"adapter.rank": [1, 2]}).fill(lambda run: result(0.5))
    assert tradeoff(swept.lines(), read_layout({})) is None


def test_curves_are_means_over_seeds_and_the_best_entries_are_drawn(sweep):
    def log(run):
        rows = [
            {"step": step, "loss": 1 / step + run.seed, "validation_bleu": step / 100} for step in (10, 20)
        ]
        return [*rows, {"step": 20, "train_loss": 9}]

    swept = sweep(grid={"adapter.rank": [*range(1, 10)]}, seeds=[0, 1])
    swept.fill(lambda run: result(run.adapter.rank / 10, log=log(run)))
    figure, left_out = curves(swept.lines(), read_layout({}), ["adapter.rank"])
    assert left_out == 2
    loss, watched = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        f"rank {rank}" for rank in range(3, 10)
    ]
    first = loss.get_lines()[0]
    assert list(first.get_xdata()) == [10, 20]
    assert list(first.get_ydata()) == pytest.approx([0.1 + 0.5, 0.05 + 0.5])
    assert first.get_color() == watched.get_lines()[0].get_color() == style.series_colour(0)
    assert list(watched.get_lines()[0].get_ydata()) == pytest.approx([10, 20])
    band = loss.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(0.6 + 0.5**0.5)


def test_maps_show_mean_ranks_of_what_adapts(sweep):
    grid = {"method": ["adalora", "lora"], "adapter.rank": [*range(2, 9)], "adapter.init": ["orthogonal"]}
    del grid["adapter.init"]
    swept = sweep(base={**BASE, "method": "lora"}, grid=grid, seeds=[0, 1])
    swept.fill(lambda run: result(0.5, ranks=ranks(1, 2 + run.seed)))
    lines = swept.lines()
    assert mean_ranks(lines[0]) == ranks(1.0, 2.5)
    maps, others = rank_maps(lines, read_layout({}), ["method", "adapter.rank"])
    assert [line.name for line, _ in maps] == [f"method_adalora-rank_{rank}" for rank in range(2, 8)]
    assert others == ["AdaLoRA, rank 8"]
    texts = [text.get_text() for text in maps[0][1].axes[0].texts]
    assert texts[:2] == ["1.0", "2.5"]
    assert "3.5 of 4 triplets" in maps[0][1].texts[1].get_text()


def test_the_report_tells_what_is_left_out(sweep):
    swept = sweep(base={**BASE, "method": "adalora"}, grid={"adapter.rank": [*range(1, 10)]})
    text = swept.fill(lambda run: result(0.5, ranks=ranks(1))).text()
    assert "without the 2 worst of 9 entries" in text
    assert "No map of ranks is drawn for: rank 7; rank 8; rank 9." in text.replace("\\", "")
