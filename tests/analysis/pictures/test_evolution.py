"""What the picture of the run says, read back from the figure."""

import numpy as np
import pytest

from adalora import Allocation, ConfigError
from analysis import rank_evolution


def mesh_of(figure):
    return figure.axes[0].collections[0]


def test_colours_are_the_ranks_grouped_by_type(history):
    mesh = mesh_of(rank_evolution(history))
    np.testing.assert_array_equal(
        mesh.get_array(),
        [[4, 4, 4, 3], [4, 4, 3, 2], [4, 4, 3, 1], [4, 3, 2, 2], [4, 1, 0, 0], [4, 4, 4, 4]],
    )
    assert mesh.get_clim() == (0, 4)


def test_each_decision_holds_until_the_next(history, schedule):
    steps = mesh_of(rank_evolution(history, schedule)).get_coordinates()[0, :, 0]
    assert list(steps) == [0, 4, 6, 8, 12]
    assert list(mesh_of(rank_evolution(history)).get_coordinates()[0, :, 0]) == [0, 4, 6, 8, 10]


def test_rows_are_named_and_end_in_their_final_rank(history):
    axes = rank_evolution(history).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2"] * 2
    assert [text.get_text() for text in axes.texts] == ["query", "value", "layer", *"321204", "final"]
    assert axes.get_xlabel() == "optimizer step"


def test_facts(history):
    assert (
        rank_evolution(history).texts[1].get_text() == "24 triplets at step 0, 12 after step 8, in 6 matrices"
    )


def test_before_the_first_update(history):
    steps = mesh_of(rank_evolution(history[:1])).get_coordinates()[0, :, 0]
    assert list(steps) == [0, 1]


def test_a_large_model_stays_on_a_page():
    ranks = {f"model.layers.{layer}.{kind}": 8 for layer in range(80) for kind in "qkvogud"}
    figure = rank_evolution([Allocation(0, 8 * len(ranks), None, ranks)])
    assert figure.get_size_inches()[1] < 11
    assert "final" not in [text.get_text() for text in figure.axes[0].texts]


def test_nothing_to_draw():
    with pytest.raises(ConfigError, match="history is empty"):
        rank_evolution([])
