"""Embeddings; the contract test runs them against torch's own."""

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig, AllocationConfig
from adalora.layers.embedding import Embedding

IDS = torch.tensor([[1, 0, 4], [0, 4, 2]])


def model(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(6, 4, **options), nn.Linear(4, 3)).double()


@pytest.mark.parametrize("init", ["gaussian", "orthogonal", "pissa", "milora"])
@pytest.mark.parametrize("update", ["svd", "lora"])
def test_the_padding_never_moves(update, init):
    net = model(padding_idx=0)
    net[0].weight.data[0] = torch.tensor([1.0, -2.0, 3.0, 0.5])  # a padding that is not zero
    padding = net[0].weight[0].clone()
    adalora.inject(net, AdapterConfig(update=update, init=init, rank=3, target_modules=["0"]))
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=0.05, weight_decay=0.1)
    if update == "svd":
        config = AllocationConfig(target_rank=2, total_steps=8, final_steps=2, interval=2, orthogonality=0.5)
        adalora.AdaLoRAController(net, config).attach(optimizer)
    before = net(IDS)
    for _ in range(8):
        optimizer.zero_grad()
        net(IDS).square().sum().backward()
        optimizer.step()
    assert torch.equal(net[0](torch.tensor([0]))[0], padding)
    assert torch.count_nonzero(net[0].delta_weight()[0]) == 0
    assert not torch.allclose(net(IDS), before)
    assert torch.equal(adalora.unload(net)[0].weight[0], padding)


def test_dropout_takes_whole_entries():
    net = model()
    adalora.inject(net, AdapterConfig(update="lora", rank=2, target_modules=["0"], dropout=0.5))
    nn.init.normal_(net[0].update.B)
    ids = torch.full((400,), 3)
    full = net[0].delta_weight()[3]
    rows = net[0](ids) - net[0].base(ids)
    dropped = (rows == 0).all(1)
    torch.testing.assert_close(rows[~dropped], (2 * full).expand(int((~dropped).sum()), -1))
    assert 0.4 < dropped.double().mean() < 0.6
    net.eval()
    torch.testing.assert_close(net[0](ids) - net[0].base(ids), full.expand(400, -1))


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        (
            {},
            {"dora": True},
            r"dora is True, and '0' is of type Embedding; allowed: linear layers and convolutions",
        ),
        ({"max_norm": 1.0}, {}, r"'0' cannot be adapted: max_norm is 1.0, .*; allowed: max_norm=None"),
        ({}, {"rank": 5}, r"rank is 5; allowed for '0' of shape \(4, 6\): 1 to 4"),
    ],
)
def test_what_has_no_meaning_is_refused(options, settings, message):
    net = model(**options)
    with pytest.raises(adalora.TargetError, match=message):
        adalora.inject(net, AdapterConfig(**{"rank": 2, "target_modules": ["0"], **settings}))
    assert type(net[0]) is nn.Embedding


def test_the_matrix_is_the_transpose():
    base = nn.Embedding(6, 4, padding_idx=2)
    kind = Embedding()
    assert kind.shape(base) == (4, 6)
    assert kind.still(base) == 2
    assert torch.equal(kind.arrange(base, kind.matrix(base, base.weight)), base.weight)
