"""Which modules are taken apart."""

import pytest
from torch import nn
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralExperts, MixtralSparseMoeBlock

from adalora.layers import is_split, split_of
from adalora.layers.attention import SplitAttention
from adalora.layers.experts import SplitExperts

CONFIG = MixtralConfig(hidden_size=8, intermediate_size=6, num_local_experts=4)


@pytest.mark.parametrize(
    ("module", "wrap"),
    [(nn.MultiheadAttention(8, 2), SplitAttention), (MixtralExperts(CONFIG), SplitExperts)],
)
def test_a_module_of_several_matrices_is_taken_apart_once(module, wrap):
    split = split_of(module)
    assert split.wrap is wrap
    before = dict(module.named_parameters())
    parts = split.parts(module)
    after = dict(module.named_parameters())
    assert before.keys() == after.keys()
    assert all(after[name] is p for name, p in before.items()), "looking changes nothing"
    apart = split.wrap(module, parts)
    assert is_split(apart)
    assert split_of(module) is None, "it is empty"
    assert split_of(apart) is None
    assert {name for name, _ in apart.named_children()} >= set(parts)


def test_other_modules_are_not():
    class Own(nn.MultiheadAttention):
        """Its forward may be another one."""

    for module in (nn.Linear(2, 2), Own(8, 2), MixtralSparseMoeBlock(CONFIG), nn.Sequential()):
        assert split_of(module) is None
        assert not is_split(module)


def test_the_mode_is_kept():
    attention = nn.MultiheadAttention(8, 2, dropout=0.5).eval()
    split = split_of(attention)
    assert not split.wrap(attention, split.parts(attention)).training
