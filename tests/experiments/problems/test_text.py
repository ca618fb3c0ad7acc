"""What kinds of problem with texts have in common."""

from types import SimpleNamespace

import pytest
from datasets import Dataset

from experiments.config import DataConfig
from experiments.problems.text import fill_padding, longest


@pytest.mark.parametrize(("known", "expected"), [(None, 7), (0, 0)])
def test_a_padding_token_is_only_filled_in(known, expected):
    model = SimpleNamespace(config=SimpleNamespace(pad_token_id=known))
    assert fill_padding(model, SimpleNamespace(pad_token_id=7), ()) is model
    assert model.config.pad_token_id == expected


def test_the_two_longest_features():
    features = Dataset.from_dict({"input_ids": [[1], [1, 2, 3], [1, 2]]})
    assert longest(features, DataConfig(max_length=9)) == ([2, 1], "3 tokens, data.max_length is 9")
