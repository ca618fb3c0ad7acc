"""torch's attention taken apart, against torch's attention."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import adalora
from adalora import AdapterConfig
from adalora.layers.attention import SplitAttention, attention_parts

E, HEADS, BATCH, L, S = 8, 2, 3, 4, 5


def split(attention):
    twin = copy.deepcopy(attention)
    return SplitAttention(twin, attention_parts(twin))


def build(**options):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(E, HEADS, **options).double().requires_grad_(False)
    for parameter in attention.parameters():  # biases start at zero
        nn.init.normal_(parameter, std=0.4)
    return attention


@given(data=st.data())
def test_outputs_and_weights_are_those_of_torch(data):
    draw = data.draw
    batch_first, batched, other = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    kdim = draw(st.sampled_from([None, 6]))
    attention = build(
        batch_first=batch_first,
        bias=draw(st.booleans()),
        add_bias_kv=draw(st.booleans()),
        add_zero_attn=draw(st.booleans()),
        kdim=kdim,
        vdim=kdim,
    ).train(draw(st.booleans()))
    source = S if other or kdim else L

    def tensor(length, size):
        x = torch.randn(BATCH, length, size, dtype=torch.float64)
        if not batched:
            return x[0]
        return x if batch_first else x.transpose(0, 1)

    query = tensor(L, E)
    key = tensor(source, kdim or E) if other or kdim else query
    options = {"need_weights": draw(st.booleans()), "average_attn_weights": draw(st.booleans())}
    mask = draw(st.sampled_from(["none", "bool", "float", "heads", "causal"]))
    count = BATCH if batched else 1
    if mask == "bool":
        options["attn_mask"] = torch.rand(L, source) < 0.3
        options["attn_mask"][:, 0] = False
    elif mask == "float":
        options["attn_mask"] = torch.randn(L, source, dtype=torch.float64)
    elif mask == "heads":
        options["attn_mask"] = torch.randn(count * HEADS, L, source, dtype=torch.float64)
    elif mask == "causal":
        options["attn_mask"] = torch.ones(L, source, dtype=torch.bool).triu(1)
        options["is_causal"] = True
    if draw(st.booleans()):
        padding = torch.rand(count, source) < 0.3
        padding[:, 0] = False
        padding = padding if batched else padding[0]
        if mask in ("float", "heads"):
            padding = torch.zeros_like(padding, dtype=torch.float64).masked_fill(padding, float("-inf"))
        options["key_padding_mask"] = padding

    expected, expected_weights = attention(query, key, key, **options)
    out, weights = split(attention)(query, key, key, **options)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    if expected_weights is None:
        assert weights is None
    else:
        torch.testing.assert_close(weights, expected_weights, rtol=1e-10, atol=1e-10)


def test_dropout_acts_on_the_weights_in_training_alone():
    layer = split(build(dropout=0.5, batch_first=True))
    x = torch.randn(BATCH, L, E, dtype=torch.float64)
    torch.manual_seed(1)
    _, weights = layer(x, x, x)
    kept = weights[weights != 0]
    assert 0 < kept.numel() < weights.numel()
    layer.eval()
    assert torch.equal(layer(x, x, x)[0], layer(x, x, x)[0])


def test_a_causal_hint_needs_its_mask():
    x = torch.randn(BATCH, L, E, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="is_causal needs attn_mask"):
        split(build())(x, x, x, is_causal=True)


def test_parts_share_memory_until_they_are_joined_again():
    attention = build(batch_first=True)
    parts = attention_parts(attention)
    assert attention.in_proj_weight is not None
    assert parts["k_proj"].weight.data_ptr() == attention.in_proj_weight[E:].data_ptr()
    names = list(attention.state_dict())
    before = {name: tensor.clone() for name, tensor in attention.state_dict().items()}
    layer = SplitAttention(attention, parts)
    assert set(layer.state_dict()) == {
        f"{name}_proj.{kind}" for name in ("q", "k", "v", "out") for kind in ("weight", "bias")
    }
    assert (layer.num_heads, layer.batch_first, layer.embed_dim) == (HEADS, True, E)
    joined = layer.eval().join()
    assert joined is attention
    assert not joined.training
    assert list(joined.state_dict()) == names
    assert all(torch.equal(tensor, before[name]) for name, tensor in joined.state_dict().items())


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("target", [["linear1"], ["self_attn"], ["self_attn.q_proj"], "all-linear"])
@pytest.mark.parametrize("padded", [False, True])
def test_torch_has_no_shortcut_past_the_adapters(target, padded):
    """In evaluation nn.TransformerEncoder hands the weights of its layers to fused functions."""
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, HEADS, 16, batch_first=True), 2)
    model = nn.Sequential(encoder).eval()
    x = torch.randn(BATCH, L, E)
    mask = None
    if padded:
        mask = torch.zeros(BATCH, L, dtype=torch.bool)
        mask[0, -1] = True
    with torch.no_grad():
        before = encoder(x, src_key_padding_mask=mask)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=target, update="lora"))
    for layer in adalora.adapters(model).values():
        nn.init.normal_(layer.update.B)
    slow = encoder(x, src_key_padding_mask=mask)
    with torch.no_grad():
        fast = encoder(x, src_key_padding_mask=mask)
    torch.testing.assert_close(fast, slow.detach())
    assert not torch.allclose(fast, before, atol=1e-2)
    adalora.unload(model)
    assert type(encoder.layers[0].self_attn) is nn.MultiheadAttention
    assert encoder.use_nested_tensor
    assert encoder.layers[0].activation_relu_or_gelu == 1
    with torch.no_grad():
        rows = encoder(x, src_key_padding_mask=mask)
    torch.testing.assert_close(rows[1:], fast[1:], rtol=1e-4, atol=1e-5)


def test_a_second_adapter_finds_the_parts_under_the_same_names():
    model = nn.ModuleDict({"attention": build(batch_first=True)})
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["attention.v_proj"]))
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["attention"]), "second")
    assert list(adalora.adapters(model)) == [f"attention.{name}_proj" for name in ("q", "k", "v", "out")]
    assert list(adalora.adapters(model)["attention.v_proj"].updates) == ["default", "second"]
