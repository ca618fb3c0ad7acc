"""Adapters of every origin, read in one form, against the dense weights that they stand for."""

import json
import shutil

import numpy as np
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertForSequenceClassification, GPT2LMHeadModel

import adalora
import analysis
from adalora import AdapterConfig, CheckpointError, ConfigError, StateError
from tests.layer_cases import CASES, Holder
from tests.models import bert, gpt2

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),  # by peft
]

TARGETS = ["query", "value", "intermediate.dense"]


def dense(record):
    found = record.svd()
    return (found.U * found.sigma) @ found.V.T


def settle(model):
    """Give every update other numbers than those of its start."""
    torch.manual_seed(7)
    for layer in adalora.adapters(model).values():
        for update in layer.named_updates().values():
            for parameter in update.parameters():
                parameter.data = torch.randn_like(parameter)


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base models" / "größe é"
    bert().save_pretrained(folder)
    return folder


def saved(base, tmp_path, *, prune=False, **fields):
    model = BertForSequenceClassification.from_pretrained(base)
    before = {
        name: module.weight.clone() for name, module in model.named_modules() if hasattr(module, "weight")
    }
    adalora.inject(model, AdapterConfig(rank=3, target_modules=TARGETS, **fields))
    settle(model)
    if prune:
        first = next(iter(adalora.adapters(model).values()))
        first.update.mask.fill_(False)
        first.update.lam.data.zero_()
    folder = tmp_path / "an adapter ☃"
    adalora.save(model, folder)
    return model, before, folder


@pytest.mark.parametrize("update", ["svd", "lora"])
@pytest.mark.parametrize("scaling", ["lora", "rslora"])
def test_a_folder_of_ours(base, tmp_path, update, scaling):
    model, before, folder = saved(base, tmp_path, update=update, scaling=scaling)
    records = analysis.read(folder)
    layers = adalora.adapters(model)
    assert [record.module for record in records] == list(layers)
    for record in records:
        layer = layers[record.module]
        np.testing.assert_allclose(dense(record), layer.delta_weight().detach(), atol=1e-5)
        np.testing.assert_array_equal(record.weight(), before[record.module].detach())
        assert (record.update, record.rank, record.dora) == (update, 3, False)
        assert record.shape == tuple(layer.weight.shape)
    assert (records[0].layer, records[0].type) == (0, "attention.self.query")


def test_a_run_holds_its_adapter_in_a_folder(base, tmp_path):
    _, _, folder = saved(base, tmp_path)
    run = tmp_path / "run"
    shutil.copytree(folder, run / "adapter")
    assert [one.module for one in analysis.read(run)] == [one.module for one in analysis.read(folder)]
    assert analysis.read(str(run))[0].rank == 3


@pytest.mark.parametrize("init", ["pissa", "milora"])
def test_a_start_from_singular_vectors_counts_from_the_pretrained_weight(base, tmp_path, init):
    model, before, folder = saved(base, tmp_path, init=init)
    for record, live in zip(analysis.read(folder), analysis.read(model), strict=True):
        layer = adalora.adapters(model)[record.module]
        expected = layer.matrix().detach() - before[record.module].detach()
        for one in (record, live):
            np.testing.assert_allclose(dense(one), expected, atol=1e-5)
            np.testing.assert_allclose(one.weight(), before[record.module].detach(), atol=1e-5)


def test_pruned_triplets_are_no_part_of_the_update(base, tmp_path):
    model, _, folder = saved(base, tmp_path, prune=True)
    for records in (analysis.read(folder), analysis.read(model)):
        assert records[0].rank == 0
        assert records[0].svd().rank == 0
        assert records[1].rank == 3
        measured = analysis.measure(records[0])
        assert measured.spectrum.norm == 0
        assert measured.against_base is None
        assert measured.missing == "the update is zero"


def test_a_live_model_is_shown_as_it_is(base, tmp_path):
    model, before, _ = saved(base, tmp_path)
    record = analysis.read(model)[0]
    old = dense(record)
    settle(model)
    adalora.adapters(model)[record.module].update.lam.data.mul_(3)
    np.testing.assert_allclose(dense(record), 3 * old, rtol=1e-5)
    np.testing.assert_array_equal(record.weight(), before[record.module].detach())
    adalora.merge_(model)
    np.testing.assert_array_equal(record.weight(), before[record.module].detach())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_kind_of_layer(case):
    model = Holder(case.build())
    adalora.inject(model, AdapterConfig(rank=2, target_modules=_targets(model)))
    settle(model)
    records = analysis.read(model)
    for module, layer in adalora.adapters(model).items():
        matrix = layer.kind.matrix(layer.base, layer.delta_weight()).detach().double().numpy()
        stack = matrix if matrix.ndim == 3 else matrix[None]
        found = [one for one in records if one.module == module or one.module.startswith(f"{module}.")]
        assert len(found) == len(stack)
        for record, expected in zip(found, stack, strict=True):
            np.testing.assert_allclose(dense(record), expected, atol=1e-5)
            assert record.weight().shape == record.shape == expected.shape


def _targets(model):
    from adalora.candidates import candidates

    return [one.name for one in candidates(model) if one.kind is not None]


def test_a_stack_in_a_folder(tmp_path):
    case = next(case for case in CASES if "mixtral" in case.name.lower())
    model = Holder(case.build())
    adalora.inject(model, AdapterConfig(rank=2, target_modules=_targets(model)))
    settle(model)
    adalora.save(model, tmp_path / "a")
    for from_file, live in zip(analysis.read(tmp_path / "a"), analysis.read(model), strict=True):
        assert (from_file.module, from_file.rank) == (live.module, live.rank)
        np.testing.assert_allclose(dense(from_file), dense(live), atol=1e-6)


@pytest.mark.parametrize("target", ["c_attn", "attn.c_proj"])
def test_weights_that_lie_transposed(tmp_path, target):
    """GPT-2's c_proj is square: only the model itself knows how it lies."""
    gpt2().save_pretrained(tmp_path / "base")
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "base")
    adalora.inject(model, AdapterConfig(rank=2, target_modules=[target]))
    settle(model)
    adalora.save(model, tmp_path / "adapter")
    for from_file, live in zip(analysis.read(tmp_path / "adapter"), analysis.read(model), strict=True):
        np.testing.assert_array_equal(from_file.weight(), live.weight())
        np.testing.assert_allclose(dense(from_file), dense(live), atol=1e-6)


def test_one_of_several_adapters(base):
    model = BertForSequenceClassification.from_pretrained(base)
    for name in ("one", "two"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["query"]), name)
    with pytest.raises(StateError, match="no name was given; adapters on the model: one, two"):
        analysis.read(model)
    with pytest.raises(StateError, match="name is 'three'"):
        analysis.read(model, name="three")
    assert len(analysis.read(model, name="two")) == 2


def test_a_model_without_adapters():
    with pytest.raises(StateError, match="adapters on the model: none"):
        analysis.read(nn.Linear(2, 2))


# peft


def of_peft(base, tmp_path, config):
    model = peft.get_peft_model(BertForSequenceClassification.from_pretrained(base), config)
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_" in name and "magnitude" not in name:
            parameter.data = torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "by peft")
    deltas = {
        name.removeprefix("base_model.model."): module.get_delta_weight("default").detach()
        for name, module in model.named_modules()
        if hasattr(module, "get_delta_weight")
    }
    return deltas, tmp_path / "by peft"


@pytest.mark.parametrize(
    "config",
    [
        peft.LoraConfig(r=3, lora_alpha=5, target_modules=TARGETS),
        peft.LoraConfig(r=3, lora_alpha=5, target_modules=TARGETS, use_rslora=True),
        peft.LoraConfig(r=3, lora_alpha=5, target_modules=TARGETS, use_dora=True),
        peft.LoraConfig(
            r=3,
            lora_alpha=5,
            target_modules=TARGETS,
            rank_pattern={"layer.1.attention.self.query": 2},
            alpha_pattern={"layer.0.attention.self.query": 7},
        ),
        peft.LoraConfig(r=2, target_modules=["query", "word_embeddings"]),
        peft.AdaLoraConfig(init_r=4, target_r=2, lora_alpha=6, target_modules=TARGETS, total_step=10),
    ],
    ids=["lora", "rslora", "dora", "patterns", "embedding", "adalora"],
)
def test_a_folder_of_peft(base, tmp_path, config):
    deltas, folder = of_peft(base, tmp_path, config)
    records = analysis.read(folder)
    assert {record.module for record in records} == set(deltas)
    plain = dict(BertForSequenceClassification.from_pretrained(base).named_modules())
    for record in records:
        weight, delta = plain[record.module].weight.detach(), deltas[record.module]
        if isinstance(plain[record.module], nn.Embedding):
            weight, delta = weight.T, delta.T
        np.testing.assert_allclose(dense(record), delta, atol=1e-4)
        np.testing.assert_array_equal(record.weight(), weight)
        assert record.dora == bool(getattr(config, "use_dora", False))


def test_ranks_that_peft_has_pruned(base, tmp_path):
    config = peft.AdaLoraConfig(init_r=4, target_r=2, lora_alpha=6, target_modules=TARGETS, total_step=10)
    _, folder = of_peft(base, tmp_path, config)
    tensors = load_file(folder / "adapter_model.safetensors")
    first = next(key for key in sorted(tensors) if "layer.0.attention.self.query.lora_E" in key)
    tensors[first][1:] = 0
    save_file(tensors, folder / "adapter_model.safetensors")
    assert analysis.read(folder)[0].rank == 4  # the tensors are not read before somebody asks
    assert analysis.read(folder)[0].svd().rank == 1


def test_layers_come_in_the_order_of_their_numbers(tmp_path):
    tensors = {
        f"base_model.model.layer.{n}.q.lora_{side}.weight": torch.ones(1, 2)
        if side == "A"
        else torch.ones(2, 1)
        for n in (10, 2, 1)
        for side in "AB"
    }
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 1}))
    assert [record.layer for record in analysis.read(tmp_path)] == [1, 2, 10]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3'; allowed: LORA, ADALORA."),
        (
            {"target_parameters": ["experts.gate_up_proj"]},
            "target_parameters is ['experts.gate_up_proj']; allowed: none",
        ),
    ],
)
def test_what_of_peft_is_not_read(base, tmp_path, change, message):
    _, folder = of_peft(base, tmp_path, peft.LoraConfig(r=2, target_modules=TARGETS))
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError) as error:
        analysis.read(folder)
    assert message in str(error.value)


def test_a_pickle_is_not_opened(base, tmp_path):
    _, folder = of_peft(base, tmp_path, peft.LoraConfig(r=2, target_modules=TARGETS))
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(
        CheckpointError, match=r"adapter_model\.bin is a pickle, which is not read; save the adapter as"
    ):
        analysis.read(folder)


# Plain tensors


def test_a_state_dict_of_ours_and_of_peft(base):
    model = BertForSequenceClassification.from_pretrained(base)
    adalora.inject(model, AdapterConfig(rank=3, alpha=6, target_modules=["query"]))
    settle(model)
    for record in analysis.read(model.state_dict(), scale=2.0):
        expected = adalora.adapters(model)[record.module].delta_weight().detach()
        np.testing.assert_allclose(dense(record), expected, atol=1e-5)
        assert record.base.missing == "a state dict does not say where it is"
    A, B = torch.randn(2, 5), torch.randn(4, 2)
    (record,) = analysis.read(
        {"base_model.model.x.lora_A.default.weight": A, "base_model.model.x.lora_B.default.weight": B}
    )
    assert record.module == "x"
    np.testing.assert_allclose(dense(record), B @ A, atol=1e-6)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"x.weight": torch.ones(2, 2)}, "the state dict holds no factors; allowed: MODULE.P with .Q"),
        (
            {"x.A": torch.ones(2, 2), "x.B": torch.ones(3, 3)},
            "allowed: as many columns of the left one as rows",
        ),
    ],
)
def test_what_is_no_adapter(tensors, message):
    with pytest.raises(ConfigError) as error:
        analysis.read(tensors)
    assert message in str(error.value)


# Bad input


def test_a_folder_without_an_adapter(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no adapter: neither adapter\.json"):
        analysis.read(tmp_path)
    with pytest.raises(CheckpointError, match="nowhere is no folder"):
        analysis.read(tmp_path / "nowhere")
    with pytest.raises(
        ConfigError, match="source is a int; allowed: the path of a folder, a model, or a state dict"
    ):
        analysis.read(3)


def test_a_truncated_file(base, tmp_path):
    _, _, folder = saved(base, tmp_path)
    (path,) = folder.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="is truncated or not a safetensors file"):
        analysis.read(folder)


def test_a_file_that_does_not_hold_what_is_promised(base, tmp_path):
    _, _, folder = saved(base, tmp_path)
    (path,) = folder.glob("*.safetensors")
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(CheckpointError, match=r"does not hold what adapter\.json promises: .* is absent"):
        analysis.read(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none(base, tmp_path, value):
    _, _, folder = saved(base, tmp_path)
    (path,) = folder.glob("*.safetensors")
    tensors = load_file(path)
    name = "bert.encoder.layer.1.attention.self.query.Q"
    tensors[name][0, 0] = value
    save_file(tensors, path)
    record = next(one for one in analysis.read(folder) if name.startswith(one.module))
    with pytest.raises(
        CheckpointError, match=r"layer\.1\.attention.self.query: factor right has a NaN or an infinite"
    ):
        record.svd()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (shutil.rmtree, "is no folder, and is not in the hub's cache"),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            "holds no model.safetensors and no model.safetensors.index.json",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"xx"),
            "is truncated or not a safetensors file",
        ),
        (lambda folder: save_file({"a": torch.ones(1)}, folder / "model.safetensors"), "has no such tensor"),
        (
            lambda folder: save_file(
                {"bert.encoder.layer.0.attention.self.query.weight": torch.ones(2)},
                folder / "model.safetensors",
            ),
            "has shape (2,), the update (16, 16)",
        ),
    ],
)
def test_a_weight_that_cannot_be_found(base, tmp_path, spoil, reason):
    _, _, folder = saved(base, tmp_path)
    spoil(base)
    record = analysis.read(folder)[0]
    assert reason in record.base.missing
    with pytest.raises(CheckpointError, match="query: its pretrained weight is missing"):
        record.weight()
    found = analysis.measure(record)
    assert found.spectrum.norm > 0
    assert found.against_base is None
    assert reason in found.missing


def test_the_base_may_be_somewhere_else(base, tmp_path):
    _, before, folder = saved(base, tmp_path)
    base.rename(tmp_path / "moved")
    record = analysis.read(folder, base=tmp_path / "moved")[0]
    np.testing.assert_array_equal(record.weight(), before[record.module].detach())


def test_weights_in_shards(base, tmp_path):
    _, before, folder = saved(base, tmp_path)
    BertForSequenceClassification.from_pretrained(base).save_pretrained(
        tmp_path / "shards", max_shard_size="4KB"
    )
    assert (tmp_path / "shards" / "model.safetensors.index.json").exists()
    for record in analysis.read(folder, base=tmp_path / "shards"):
        np.testing.assert_array_equal(record.weight(), before[record.module].detach())


def test_names_may_lack_what_stands_before_them(base, tmp_path):
    """A checkpoint of the bare encoder has no ``bert.`` in its names."""
    _, before, folder = saved(base, tmp_path)
    BertForSequenceClassification.from_pretrained(base).bert.save_pretrained(tmp_path / "bare")
    for record in analysis.read(folder, base=tmp_path / "bare"):
        np.testing.assert_array_equal(record.weight(), before[record.module].detach())


def test_an_adapter_that_names_no_base(base, tmp_path):
    _, _, folder = saved(base, tmp_path)
    path = folder / "adapter.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model": ""}))
    assert analysis.read(folder)[0].base.missing == "the adapter does not name its base model"
