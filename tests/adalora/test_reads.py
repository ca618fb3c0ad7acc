"""What a model's code reads past its layers."""

import pytest
import torch
from torch import nn
from transformers import (
    LongT5Config,
    LongT5ForConditionalGeneration,
    SwitchTransformersConfig,
    SwitchTransformersForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

import adalora
from adalora.reads import layers_read_for_their_type, reads_setting

SIZES = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": 30}
FAMILIES = [
    (T5Config, T5ForConditionalGeneration),
    (LongT5Config, LongT5ForConditionalGeneration),
    (SwitchTransformersConfig, SwitchTransformersForConditionalGeneration),
]


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.deep = nn.Linear(4, 4)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.read, self.other, self.inner = nn.Linear(4, 4), nn.Linear(4, 4), Inner()
        self.scale = 2.0

    def forward(self, x):
        x = self.read(x.to(self.read.weight.dtype)) * self.scale
        x = self.other(x) + self.other.weight.sum()
        return self.inner.deep(x.to(self.inner.deep.weight.dtype))


def test_the_layers_whose_type_is_read_are_found():
    model = nn.Sequential(Reader())
    found = layers_read_for_their_type(model)
    assert found == {id(model[0].read), id(model[0].inner.deep)}
    assert reads_setting(model, "scale") == "Reader"
    assert reads_setting(model, "tie_word_embeddings") is None


@pytest.mark.parametrize(("config", "family"), FAMILIES)
def test_such_layers_stay_in_floating_point(config, family):
    torch.manual_seed(0)
    model = family(config(**SIZES, decoder_start_token_id=0)).eval()
    ids = torch.randint(30, (2, 5))
    adalora.quantize_(model)
    assert adalora.footprint(model).weights > 0
    assert all(type(m) is nn.Linear for name, m in model.named_modules() if name.endswith(".wo"))
    adalora.inject(model, adalora.AdapterConfig(rank=2, target_modules=["q", "v"], update="lora"))
    before = model(input_ids=ids, labels=ids).logits
    plain = adalora.unload(model, dequantize=True)
    torch.testing.assert_close(plain(input_ids=ids, labels=ids).logits, before, rtol=1e-4, atol=1e-4)
    with pytest.raises(adalora.TargetError, match="wo' has to stay in floating point: its model reads the"):
        adalora.quantize_(family(config(**SIZES, decoder_start_token_id=0)), target_modules=["wo"])
