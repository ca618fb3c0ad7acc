"""Every family of models: inject, train a step, prune, merge, save and load, on all linear layers and by word."""

import copy

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig, AllocationConfig
from adalora.presets import WORDS
from tests.families import FAMILIES

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*shares its weight with.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*too small for rank 2.*:UserWarning"),  # SAM 3 has outputs of size 1
]


def outputs(family, model, batch):
    return family.loss(model, batch).detach()


def adapted(family, target, **settings):
    torch.manual_seed(0)
    model = family.build().eval()
    base = copy.deepcopy(model).requires_grad_(False)
    config = AdapterConfig(rank=2, alpha=4, target_modules=target, init="orthogonal", **settings)
    return base, adalora.inject(model, config)


@pytest.mark.parametrize("update", ["svd", "lora"])
@pytest.mark.parametrize("model_type", FAMILIES)
def test_all_linear_layers_train_prune_merge_save_and_load(model_type, update, tmp_path):
    family = FAMILIES[model_type]
    base, model = adapted(family, "all-linear", update=update)
    batch = family.batch()
    near = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(outputs(family, model, batch), outputs(family, base, batch), **near)

    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-3)
    controller = None
    if update == "svd":
        allocation = AllocationConfig(recipe="paper", target_rank=1, total_steps=4, final_steps=1, interval=1)
        controller = adalora.AdaLoRAController(model, allocation)
        controller.attach(optimizer)
    losses = []
    for _ in range(4):
        loss = family.loss(model, batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    if controller is not None:
        controller.detach()
        assert sum(controller.ranks().values()) == controller.budget == controller.schedule.target
        assert controller.schedule.initial == 2 * controller.schedule.target

    expected = outputs(family, model, batch)
    adalora.save(model, tmp_path, controller)
    loaded = adalora.load(copy.deepcopy(base), tmp_path)
    torch.testing.assert_close(outputs(family, loaded, batch), expected, rtol=0, atol=0)
    with adalora.merged(model):
        torch.testing.assert_close(outputs(family, model, batch), expected, **near)
    with adalora.disabled(model):
        torch.testing.assert_close(outputs(family, model, batch), outputs(family, base, batch), **near)
    plain = adalora.unload(model)
    torch.testing.assert_close(outputs(family, plain, batch), expected, **near)
    assert plain.state_dict().keys() == base.state_dict().keys()
    types = [type(module) for module in base.modules()]
    assert [type(module) for module in plain.modules()] == types


@pytest.mark.parametrize("model_type", FAMILIES)
def test_a_quantised_base_says_what_its_numbers_say(model_type):
    """Every family runs in 4 bits as it runs on the same numbers in floating point, and trains."""
    family = FAMILIES[model_type]
    torch.manual_seed(0)
    model, batch = adalora.quantize_(family.build().eval()), family.batch()
    # Mixtures have their experts, T5 its last feed-forward matrix, in floating point all the same.
    assert adalora.footprint(model).weights > 0
    adalora.inject(model, AdapterConfig(rank=2, target_modules="attention", update="lora"))
    family.loss(model.train(), batch).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    before = outputs(family, model.eval(), batch)
    plain = adalora.unload(model, dequantize=True)
    torch.testing.assert_close(outputs(family, plain, batch), before, rtol=1e-4, atol=1e-5)
    fresh = family.build()
    assert [type(module) for module in plain.modules()] == [type(module) for module in fresh.modules()]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("model_type", FAMILIES)
def test_words_name_the_modules_of_the_family(model_type, word):
    family = FAMILIES[model_type]
    _, model = adapted(family, word)
    _, linear = adapted(family, "all-linear")
    names = set(adalora.adapters(model))
    assert names
    assert names <= set(adalora.adapters(linear))


def test_a_word_needs_a_known_model_type():
    with pytest.raises(
        adalora.TargetError, match=r"'attention' has no meaning for model type ''; .*'all-linear'"
    ):
        adalora.inject(nn.Sequential(nn.Linear(3, 3)), AdapterConfig(rank=1, target_modules="attention"))


@pytest.mark.parametrize("model_type", ["whisper", "vit", "clip", "sam3", "bert"])
def test_convolutions_and_embeddings_of_a_family(model_type, tmp_path):
    family = FAMILIES[model_type]
    torch.manual_seed(0)
    model = family.build().eval()
    types = (nn.Conv1d, nn.Conv2d, nn.Embedding)
    names = [name for name, module in model.named_modules() if type(module) in types]
    assert names, "the family has layers of these types"
    config = AdapterConfig(rank=1, target_modules=names, update="lora")
    batch = family.batch()
    before = outputs(family, model, batch)
    adalora.inject(model, config)
    torch.testing.assert_close(outputs(family, model, batch), before, rtol=1e-5, atol=1e-6)
    family.loss(model, batch).backward()
    reached = {n for n, layer in adalora.adapters(model).items() if layer.update.B.grad is not None}
    assert reached
    expected = outputs(family, adalora.merge_(model), batch)
    torch.testing.assert_close(expected, before, rtol=1e-4, atol=1e-5)
