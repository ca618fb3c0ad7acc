"""Places of matrices, for the naming schemes that models really have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adalora.locate import Place, locate

BERT = {
    "bert.encoder.layer.0.attention.self.query": Place(0, "attention.self.query"),
    "bert.encoder.layer.0.attention.output.dense": Place(0, "attention.output.dense"),
    "bert.encoder.layer.0.output.dense": Place(0, "output.dense"),
    "bert.encoder.layer.11.output.dense": Place(11, "output.dense"),
}
BERT_WITH_HEAD = {
    "bert.encoder.layer.0.output.dense": Place(0, "bert.encoder.output.dense"),
    "bert.encoder.layer.1.output.dense": Place(1, "bert.encoder.output.dense"),
    "bert.pooler.dense": Place(None, "bert.pooler.dense"),
    "classifier": Place(None, "classifier"),
}
GPT2 = {
    "transformer.h.0.attn.c_proj": Place(0, "attn.c_proj"),
    "transformer.h.0.mlp.c_proj": Place(0, "mlp.c_proj"),
}
T5 = {
    "encoder.block.0.layer.0.SelfAttention.q": Place(0, "encoder.SelfAttention.q"),
    "encoder.block.0.layer.1.DenseReluDense.wi": Place(0, "encoder.DenseReluDense.wi"),
    "decoder.block.0.layer.0.SelfAttention.q": Place(0, "decoder.SelfAttention.q"),
    "decoder.block.0.layer.1.EncDecAttention.q": Place(0, "decoder.EncDecAttention.q"),
    "decoder.block.0.layer.2.DenseReluDense.wi": Place(0, "decoder.DenseReluDense.wi"),
}
RESNET = {  # the stack is what tells the two apart
    "layer1.0.conv1": Place(0, "layer1.conv1"),
    "layer2.0.conv1": Place(0, "layer2.conv1"),
}
EXPERTS = {  # and here it is the second number
    "model.layers.3.self_attn.q_proj": Place(3, "self_attn.q_proj"),
    "model.layers.3.mlp.experts.0.w1": Place(3, "mlp.experts.0.w1"),
    "model.layers.3.mlp.experts.1.w1": Place(3, "mlp.experts.1.w1"),
}
SEQUENTIAL = {"net.0": Place(0, "net"), "net.2": Place(2, "net")}
ONE = {"model.encoder.layer.4.query": Place(4, "query")}
NAMELESS = {"0": Place(0, "0"), "2": Place(2, "2")}
HOPELESS = {"a.0.b": Place(None, "0.b"), "a.b.0": Place(None, "b.0"), "a.00.b": Place(None, "00.b")}


@pytest.mark.parametrize(
    "places", [BERT, BERT_WITH_HEAD, GPT2, T5, RESNET, EXPERTS, SEQUENTIAL, ONE, NAMELESS, HOPELESS]
)
def test_known_names(places):
    assert locate(places) == places
    assert list(locate(places)) == list(places)


NAMES = st.lists(st.sampled_from(["encoder", "layer", "mlp", "w", "0", "1", "01"]), min_size=1, max_size=6)


@given(st.lists(NAMES.map(".".join), unique=True, max_size=12))
def test_no_two_modules_share_a_place(names):
    assert len(set(locate(names).values())) == len(names)
