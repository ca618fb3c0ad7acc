"""Where trained tokens stand among those of the text."""

import torch

from experiments.methods.places import Places, ends_of

ENDS = torch.tensor([2, 3, 0])


def test_rows_read_prefix_text_infix_and_the_rest():
    places = Places.of(ENDS, 3, 2, 2, causal=False)
    woven = places.weave(torch.tensor([[-1, -2, -3, -4]] * 3), torch.arange(1, 10).view(3, 3))
    assert woven.tolist() == [
        [-1, -2, 1, 2, -3, -4, 3],
        [-1, -2, 4, 5, 6, -3, -4],
        [-1, -2, -3, -4, 7, 8, 9],
    ]
    assert places.trim(woven).tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_a_decoder_reads_what_comes_next_off_the_infix():
    places = Places.of(ENDS, 3, 2, 2, causal=True)
    woven = places.weave(torch.tensor([[-1, -2, -3, -4]] * 3), torch.arange(1, 10).view(3, 3))
    assert places.trim(woven).tolist() == [[1, -4, 3], [4, 5, -4], [7, 8, 9]]


def test_activations_are_replaced_in_the_places_of_the_tokens():
    places = Places.of(ENDS[:1], 3, 1, 1, causal=True)
    hidden = torch.zeros(1, 5, 2)
    replaced = places.replace(hidden, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert replaced[0].tolist() == [[1, 2], [0, 0], [0, 0], [3, 4], [0, 0]]
    assert not hidden.any()


def test_a_text_ends_behind_its_last_token_whichever_side_is_filled_up():
    assert ends_of(torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 0]])).tolist() == [2, 3, 0]
