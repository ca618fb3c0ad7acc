"""Learning rates and weight decay of their own for the factors."""

import pytest
import torch

import adalora
from adalora import AdapterConfig, AllocationConfig
from tests.models import bert, bert_batches


def adapted(**settings):
    torch.manual_seed(0)
    config = AdapterConfig(
        rank=2, target_modules=["query", "dense"], train_modules=["classifier"], **settings
    )
    return adalora.inject(bert(), config)


def names(model, groups):
    by_id = {id(p): name for name, p in model.named_parameters()}
    return {group["name"]: {by_id[id(p)].rpartition(".")[2] for p in group["params"]} for group in groups}


@pytest.mark.parametrize(
    ("settings", "left", "right"),
    [({"update": "lora"}, {"B"}, {"A"}), ({"update": "svd"}, {"P", "lam"}, {"Q"})],
)
def test_every_trained_parameter_is_in_one_group(settings, left, right):
    model = adapted(dora=True, **settings)
    groups = adalora.parameter_groups(model, 1e-3, 8, weight_decay=0.1, other_weight_decay=0.2)
    assert names(model, groups) == {
        "right factors": right,
        "left factors": left,
        "other weights": {"weight"},
        "biases, norms and magnitudes": {"bias", "default"},
    }
    rates = {group["name"]: (group["lr"], group["weight_decay"]) for group in groups}
    assert rates == {
        "right factors": (1e-3, 0.1),
        "left factors": (8e-3, 0.1),
        "other weights": (1e-3, 0.2),
        "biases, norms and magnitudes": (1e-3, 0.0),
    }
    listed = [id(p) for group in groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_empty_groups_are_left_out_and_frozen_adapters_too():
    model = adalora.inject(bert(), AdapterConfig(rank=2, target_modules=["query"]))
    adalora.inject(model, AdapterConfig(rank=1, target_modules=["query"], update="lora"), "second")
    groups = adalora.parameter_groups(model, 1e-3)
    assert names(model, groups) == {"right factors": {"A"}, "left factors": {"B"}}
    assert groups[1]["lr"] == 16e-3


def test_a_ratio_of_one_is_plain_adamw_and_the_controller_steers_the_groups():
    batch = next(bert_batches(1))

    def train(parameters):
        torch.manual_seed(1)
        model = adapted()
        optimizer = torch.optim.AdamW(parameters(model), lr=1e-2, weight_decay=0.01)
        controller = adalora.AdaLoRAController(
            model, AllocationConfig(recipe="paper", target_rank=1, total_steps=4, interval=1)
        )
        controller.attach(optimizer)
        for _ in range(4):
            optimizer.zero_grad()
            model(**batch).loss.backward()
            optimizer.step()
        return controller.ranks(), [p.detach() for p in model.parameters() if p.requires_grad]

    def grouped(ratio):
        return lambda model: [
            {**group, "weight_decay": 0.01} for group in adalora.parameter_groups(model, 1e-2, ratio)
        ]

    plain = train(lambda model: [p for p in model.parameters() if p.requires_grad])
    same, faster = train(grouped(1)), train(grouped(4))
    assert same[0] == plain[0]
    assert all(torch.equal(a, b) for a, b in zip(same[1], plain[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(faster[1], plain[1], strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": 0}, "lr is 0.0; allowed: a finite number above 0"),
        ({"lr": 1e-3, "ratio": -1}, "ratio is -1.0; allowed: a finite number above 0"),
        ({"lr": 1e-3, "weight_decay": float("nan")}, "weight_decay is nan; allowed: a finite number of at least 0"),
        ({"lr": 1e-3, "other_weight_decay": -0.1}, "other_weight_decay is -0.1; allowed: a finite number of at least 0"),
    ],
)  # fmt: skip
def test_bad_numbers_are_named(arguments, message):
    with pytest.raises(adalora.ConfigError, match=message):
        adalora.parameter_groups(adapted(), **arguments)


def test_a_model_without_an_adapter_is_refused():
    with pytest.raises(adalora.StateError, match="no adapter that trains; call inject"):
        adalora.parameter_groups(bert(), 1e-3)
