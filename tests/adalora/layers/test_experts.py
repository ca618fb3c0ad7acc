"""Fused experts taken apart, against those of transformers."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import GptOssConfig, MixtralConfig, NemotronHConfig
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssExperts
from transformers.models.mixtral.modeling_mixtral import MixtralExperts
from transformers.models.nemotron_h.modeling_nemotron_h import NemotronHExperts

import adalora
from adalora import AdapterConfig, AllocationConfig
from adalora.layers.experts import ExpertMatrices, SplitExperts, expert_parts, is_experts

COUNT = 4


def build(name):
    torch.manual_seed(0)
    sizes = {"hidden_size": 8}
    if name == "mixtral":
        layer = MixtralExperts(MixtralConfig(intermediate_size=6, num_local_experts=COUNT, **sizes))
    elif name == "gpt_oss":
        layer = GptOssExperts(GptOssConfig(intermediate_size=6, num_local_experts=COUNT, **sizes))
    else:  # no gate: up_proj in the place of gate_up_proj
        config = NemotronHConfig(
            moe_intermediate_size=6, n_routed_experts=COUNT, moe_latent_size=None, **sizes
        )
        layer = NemotronHExperts(config)
    layer.config._experts_implementation = "eager"
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.4)
    return layer.double().requires_grad_(False)


@pytest.mark.parametrize("name", ["mixtral", "gpt_oss", "nemotron_h"])
@given(data=st.data())
def test_outputs_are_those_of_transformers(name, data):
    experts = build(name)
    assert is_experts(experts)
    twin = copy.deepcopy(experts)
    layer = SplitExperts(twin, expert_parts(twin))
    tokens, k = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))
    # COUNT itself is no expert: expert parallelism marks the tokens of other devices so.
    last = COUNT if name == "gpt_oss" else COUNT - 1
    chosen = torch.tensor(
        data.draw(st.lists(st.permutations(range(last)), min_size=tokens, max_size=tokens))
    )[:, :k]
    x, weights = torch.randn(tokens, 8, dtype=torch.float64), torch.rand(tokens, k, dtype=torch.float64)
    torch.testing.assert_close(layer(x, chosen, weights), experts(x, chosen, weights), rtol=1e-10, atol=1e-10)


def test_a_number_that_is_no_expert_is_skipped():
    experts = build("mixtral")
    layer = SplitExperts(copy.deepcopy(experts), expert_parts(experts))
    x, weights = torch.randn(3, 8, dtype=torch.float64), torch.rand(3, 2, dtype=torch.float64)
    chosen = torch.tensor([[0, COUNT], [COUNT, COUNT], [2, 1]])
    expected = experts(x, chosen, weights)
    assert torch.count_nonzero(expected[1]) == 0
    torch.testing.assert_close(layer(x, chosen, weights), expected, rtol=1e-10, atol=1e-10)
    nobody = torch.full((3, 2), COUNT)
    assert torch.count_nonzero(layer(x, nobody, weights)) == 0


def test_parts_are_the_same_parameters_and_come_back():
    experts = build("gpt_oss")
    before = {name: p.clone() for name, p in experts.named_parameters()}
    own = experts.gate_up_proj
    parts = expert_parts(experts)
    assert parts["gate_up_proj"].weight is own
    layer = SplitExperts(experts, parts)
    assert layer.joinable()
    assert {name for name, _ in layer.named_parameters()} == {
        f"{name}.{kind}" for name in ("gate_up_proj", "down_proj") for kind in ("weight", "bias")
    }
    joined = layer.join()
    assert joined is experts
    assert joined.gate_up_proj is own
    assert all(torch.equal(p, before[name]) for name, p in joined.named_parameters())


class Model(nn.Module):
    def __init__(self, experts):
        super().__init__()
        self.experts = experts

    def forward(self, x, chosen, weights):
        return self.experts(x, chosen, weights)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda e: setattr(e, "down_proj", nn.Parameter(torch.randn(8, 6))),
         r"'experts.gate_up_proj' cannot be adapted: its expert parameter 'down_proj' has shape \(8, 6\); allowed: \(4, d1, d2\)"),
        (lambda e: setattr(e, "gate_up_proj", nn.Parameter(torch.randn(3, 12, 8))),
         r"'experts.gate_up_proj' cannot be adapted: its expert parameter 'gate_up_proj' has shape \(3, 12, 8\); allowed: \(4, d1, d2\)"),
        (lambda e: setattr(e, "gate_up_proj", nn.Parameter(torch.randn(4, 96, 32, 1))),
         r"expert parameter 'gate_up_proj' has shape \(4, 96, 32, 1\); allowed: \(4, d1, d2\)"),
        (lambda e: setattr(e, "gate_up_proj", nn.Parameter(torch.randn(4, 13, 8))),
         r"'gate_up_proj' of shape \(4, 13, 8\) and 'down_proj' of shape \(4, 8, 6\) do not fit each other; allowed: d1 of the first is 2 times"),
        (lambda e: setattr(e, "down_proj", nn.Parameter(torch.randn(4, 6, 8))), "do not fit each other"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", [["experts"], ["gate_up_proj"], "all-linear"])
def test_a_parameter_of_an_unexpected_shape_is_named(spoil, message, target):
    model = Model(build("mixtral"))
    spoil(model.experts)
    before = {name: p.clone() for name, p in model.named_parameters()}
    with pytest.raises(adalora.TargetError, match=message):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=target))
    assert type(model.experts) is MixtralExperts
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_dora_on_experts_is_refused():
    model = Model(build("mixtral"))
    with pytest.raises(
        adalora.TargetError, match=r"dora is True, and 'experts.gate_up_proj' is of type ExpertMatrices"
    ):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["experts"], dora=True))
    assert type(model.experts) is MixtralExperts


def test_every_expert_has_triplets_of_its_own():
    model = adalora.inject(
        Model(build("mixtral")), AdapterConfig(rank=3, target_modules=["experts"], init="orthogonal")
    )
    layers = adalora.adapters(model)
    assert list(layers) == ["experts.gate_up_proj", "experts.down_proj"]
    assert type(layers["experts.down_proj"].base) is ExpertMatrices
    assert layers["experts.down_proj"].update.matrices == COUNT
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.05)
    controller = adalora.AdaLoRAController(
        model, AllocationConfig(target_rank=1, total_steps=6, final_steps=2, interval=1, orthogonality=0)
    )
    assert (controller.schedule.initial, controller.schedule.target) == (24, 8)
    controller.attach(optimizer)
    x, weights = torch.randn(8, 8, dtype=torch.float64), torch.rand(8, 1, dtype=torch.float64)
    chosen = torch.arange(8)[:, None] % 2  # experts 2 and 3 see nothing
    for _ in range(6):
        model(x, chosen, weights).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert sum(controller.ranks().values()) == 8
    kept = sum(layer.update.mask.sum(-1) for layer in layers.values())
    assert kept[:2].sum() == 8, "what no token has seen is not important"
