"""Frozen linear layers in 4 and 8 bits."""

import copy
import gc
import subprocess
import sys
import weakref

import bitsandbytes as bnb
import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BitsAndBytesConfig,
    Trainer,
    TrainingArguments,
)

import adalora
from adalora import AdapterConfig, AllocationConfig
from tests.models import bert_batches, gpt2, gpt2_batches, mlp


def wide_bert(**settings):
    sizes = {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128, "vocab_size": 40}
    return BertForSequenceClassification(BertConfig(num_hidden_layers=2, num_labels=3, **sizes, **settings))


def quantised(model):
    return [
        name for name, m in model.named_modules() if isinstance(m, bnb.nn.Linear4bit | bnb.nn.Linear8bitLt)
    ]


@pytest.mark.parametrize(("kind", "bits"), [("nf4", 4), ("fp4", 4), ("int8", 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_all_linear_layers_become_small_and_still_say_the_same(kind, bits, dtype):
    torch.manual_seed(0)
    model = wide_bert().to(dtype).eval()
    batch = next(bert_batches(1))
    before = model(**batch).logits.float()
    state = {name: p for name, p in model.named_parameters() if "classifier" in name or "embed" in name}
    assert adalora.quantize_(model, kind, exclude_modules=["classifier"]) is model
    assert len(quantised(model)) == 13
    assert type(model.classifier) is nn.Linear
    size = adalora.footprint(model)
    assert size.weights == 2 * (4 * 64 * 64 + 2 * 64 * 128) + 64 * 64
    code_books = 13 * (16 + 256 + 1) * 4 if bits == 4 else 0
    assert bits / 8 < (size.bytes - code_books) / size.weights < bits / 8 * 1.07
    after = model(**batch).logits
    assert after.dtype == dtype
    assert (after.float() - before).norm() < 0.2 * before.norm()
    assert not torch.equal(after.float(), before)
    assert all(state[name] is p for name, p in model.named_parameters() if name in state)


def test_double_quantisation_takes_half_a_byte_and_one_part_in_64():
    """Design figure: 4 bits, and 8/64 + 32/(64 · 256) = 0.127 bits of constants, for each weight."""
    model = nn.Sequential(nn.Linear(1024, 1024, bias=False), nn.Linear(1024, 512))
    single = adalora.footprint(adalora.quantize_(copy.deepcopy(model), double_quant=False)).bytes_per_weight
    double = adalora.footprint(adalora.quantize_(model)).bytes_per_weight
    code_books = 2 * (16 + 256 + 1) * 4 / (1024 * 1536)  # of both layers; they do not grow with the weight
    assert double == pytest.approx((4 + 8 / 64 + 32 / (64 * 256)) / 8 + code_books, abs=1e-5)
    assert single == pytest.approx((4 + 32 / 64) / 8, abs=1e-4)


def test_no_second_copy_of_the_model_is_kept():
    """When a layer is quantised, the weights of the layers before it are gone."""
    model = nn.Sequential(*(nn.Linear(64, 64) for _ in range(4)))
    alive = [weakref.ref(layer.weight) for layer in model]
    seen = []
    quantize = bnb.functional.quantize_4bit

    def watched(*args, **kwargs):
        gc.collect()
        seen.append(sum(ref() is not None for ref in alive))
        return quantize(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bnb.functional, "quantize_4bit", watched)
        adalora.quantize_(model)
    assert seen == [4, 3, 2, 1]


def test_gpt2_is_quantised_too_and_its_adapters_fit_either_base(tmp_path):
    torch.manual_seed(0)
    base = gpt2().eval()
    config = AdapterConfig(rank=2, target_modules="all-linear", update="lora")
    model = adalora.inject(adalora.quantize_(copy.deepcopy(base)), config)
    assert "transformer.h.0.attn.c_attn.base" in quantised(model)
    for layer in adalora.adapters(model).values():
        nn.init.normal_(layer.update.B, std=0.1)
    adalora.save(model, tmp_path)
    floating = adalora.load(copy.deepcopy(base), tmp_path)
    batch = next(gpt2_batches(1))
    one, two = model(**batch).logits, floating(**batch).logits
    assert 0 < (one - two).norm() < 0.3 * two.norm()
    for name, layer in adalora.adapters(floating).items():
        assert layer.delta_weight().shape == layer.base.weight.shape
        torch.testing.assert_close(layer.delta_weight().T, adalora.adapters(model)[name].delta_weight())


def test_the_base_of_an_adapted_layer_is_quantised_under_it():
    torch.manual_seed(0)
    model = adalora.inject(
        wide_bert(), AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"], dora=True)
    )
    factors = {name: p.clone() for name, p in model.named_parameters() if p.requires_grad}
    adalora.quantize_(model)
    assert "bert.encoder.layer.0.attention.self.query.base" in quantised(model)
    assert type(model.classifier) is nn.Linear, "what an adapter trains in full is spared"
    assert all(torch.equal(p, factors[name]) for name, p in model.named_parameters() if name in factors)
    model(**next(bert_batches(1))).loss.backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_evaluating_changes_no_weight(kind):
    """On CPUs with AVX512-BF16 the library would repack 4-bit weights, rounding their constants for good."""
    torch.manual_seed(0)
    model = adalora.quantize_(nn.Sequential(nn.Linear(128, 64), nn.Linear(64, 64)), kind)
    layers = list(model)
    before = [{name: t.clone() for name, t in layer.state_dict().items()} for layer in layers]
    x = torch.randn(2, 128)
    model.train()
    expected = model(x)
    model.eval()
    with torch.no_grad():
        model(x)
    for layer, state in zip(layers, before, strict=True):
        for name, tensor in layer.state_dict().items():
            assert torch.equal(tensor, state[name]), name
    model.train()
    assert torch.equal(model(x), expected)


@pytest.mark.parametrize("kind", ["nf4", "int8"])
@pytest.mark.parametrize("first", [False, True], ids=["unmerged", "merged first"])
def test_unload_with_dequantize_gives_exact_float_layers(kind, first):
    torch.manual_seed(0)
    model = adalora.quantize_(wide_bert().eval(), kind, exclude_modules=["classifier"])
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["query", "value"], update="lora"))
    for layer in adalora.adapters(model).values():
        nn.init.normal_(layer.update.B, std=0.1)
    totals = {name: layer.matrix() for name, layer in adalora.adapters(model).items()}
    if first:
        with pytest.warns(
            UserWarning, match=r"merging into 4 quantised weights: rounding moves them by \d+\.\d+%"
        ):
            adalora.merge_(model)
    plain = adalora.unload(model, dequantize=True)
    assert quantised(plain) == []
    assert {type(m) for m in plain.modules() if isinstance(m, nn.Linear)} == {nn.Linear}
    for name, total in totals.items():
        assert torch.equal(plain.get_submodule(name).weight, total)
    assert {p.dtype for p in plain.parameters()} == {torch.float32}


def test_unload_without_it_keeps_the_layers_small_and_tells_the_rounding():
    torch.manual_seed(0)
    model = adalora.quantize_(nn.Sequential(nn.Linear(64, 64)))
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"], update="lora"))
    nn.init.normal_(model[0].update.B)
    total = model[0].matrix()
    exact = model(torch.eye(64))
    with pytest.warns(UserWarning, match=r"at most (\d+\.\d+)% \(0\)") as warned:
        adalora.unload(model)
    stored = bnb.functional.dequantize_4bit(model[0].weight.data, model[0].weight.quant_state)
    told = float(str(warned[0].message).split("at most ")[1].split("%")[0]) / 100
    assert told == pytest.approx(((stored - total).norm() / total.norm()).item(), abs=1e-4)
    assert 0.02 < told < 0.2
    assert (model(torch.eye(64)) - exact).norm() < 0.2 * exact.norm()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (
            {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
            bnb.nn.Linear4bit,
        ),
        ({"load_in_8bit": True}, bnb.nn.Linear8bitLt),
    ],
    ids=["4 bits", "8 bits"],
)
def test_a_model_loaded_quantised_trains_in_the_trainer_and_unloads(settings, kind, tmp_path):
    torch.manual_seed(0)
    wide_bert().save_pretrained(tmp_path / "base")
    model = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "base",
        quantization_config=BitsAndBytesConfig(**settings, llm_int8_skip_modules=["classifier"]),
        dtype=torch.float32,
        device_map="cpu",
    )
    assert isinstance(model.bert.encoder.layer[0].attention.self.query, kind)
    adalora.inject(
        model, AdapterConfig(rank=2, target_modules=["query", "value"], train_modules=["classifier"])
    )
    rows = [{key: x[0] for key, x in batch.items()} for batch in bert_batches(16, size=1)]
    trainer = Trainer(
        model,
        TrainingArguments(
            str(tmp_path / "run"), max_steps=4, per_device_train_batch_size=4, report_to="none", use_cpu=True,
            save_strategy="no", logging_steps=1, learning_rate=1e-2, disable_tqdm=True,
        ),
        train_dataset=rows,
        callbacks=[adalora.AdaLoRACallback(AllocationConfig(recipe="paper", target_rank=1, final_steps=1, interval=1))],
    )  # fmt: skip
    trainer.train()
    assert sum(layer.rank for layer in adalora.adapters(model).values()) == 4
    batch = next(bert_batches(1))
    expected = model.eval()(**batch).logits
    plain = adalora.unload(model, dequantize=True)
    torch.testing.assert_close(plain(**batch).logits, expected, rtol=2e-2, atol=2e-2)
    assert not hasattr(plain.config, "quantization_config")
    plain.save_pretrained(tmp_path / "merged")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(again.eval()(**batch).logits, plain(**batch).logits)


def bad(message, error, build=wide_bert, **arguments):
    return pytest.param(build, arguments, message, error, id=message[:50])


def twice():
    return adalora.quantize_(wide_bert(), exclude_modules=["classifier"])


def merged():
    return adalora.merge_(adalora.inject(wide_bert(), AdapterConfig(rank=2, target_modules=["query"])))


@pytest.mark.parametrize(
    ("build", "arguments", "message", "error"),
    [
        bad(r"kind is 'nf8'; allowed: 'nf4' or 'fp4' or 'int8'", adalora.ConfigError, kind="nf8"),
        bad(r"'bert.encoder.layer.0.attention.self.query' is quantised already", adalora.StateError, twice),
        bad("the model is merged; call unmerge_", adalora.StateError, merged),
        bad(r"'bert.embeddings.word_embeddings' of type Embedding cannot be quantised; allowed: linear layers. Put it in",
            adalora.TargetError, target_modules=["word_embeddings"]),
        bad("'up' has weights of type torch.float64; allowed: float32, bfloat16 or float16", adalora.TargetError, mlp),
        bad("target_modules 'qurey' matches no module; close names", adalora.TargetError, target_modules=["qurey"]),
    ],
)  # fmt: skip
def test_bad_calls_are_named_and_leave_the_model_as_it_was(build, arguments, message, error):
    model = build()
    modules = dict(model.named_modules())
    before = {name: p.clone() for name, p in model.state_dict().items()}
    with pytest.raises(error, match=message):
        adalora.quantize_(model, **arguments)
    assert dict(model.named_modules()) == modules
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())


@pytest.mark.parametrize("first", ["inject", "quantize_"])
def test_a_packed_attention_stays_in_floating_point_in_either_order(first):
    model = nn.Sequential(nn.TransformerEncoderLayer(64, 2, 64, batch_first=True))
    config = AdapterConfig(rank=2, target_modules=["q_proj"])
    keys = model.state_dict().keys()
    for step in ("inject", "quantize_") if first == "inject" else ("quantize_", "inject"):
        _ = adalora.inject(model, config) if step == "inject" else adalora.quantize_(model)
    assert quantised(model) == ["0.linear1", "0.linear2"]
    assert adalora.unload(model, dequantize=True).state_dict().keys() == keys


def test_without_the_library_the_extra_is_named_and_all_else_works():
    code = """
import sys
sys.modules["bitsandbytes"] = None
import torch, adalora
from torch import nn
model = nn.Sequential(nn.Linear(4, 4))
try:
    adalora.quantize_(model)
except adalora.ConfigError as error:
    print(error)
adalora.inject(model, adalora.AdapterConfig(rank=1, target_modules=["0"]))
adalora.unload(adalora.merge_(model))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert result.stdout.strip() == "kind is 'nf4', which needs bitsandbytes; pip install 'adalora[quant]'."


@pytest.mark.cuda
@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_on_a_gpu_a_quantised_model_trains_and_merges(kind):
    torch.manual_seed(0)
    model = adalora.quantize_(wide_bert().cuda(), kind, exclude_modules=["classifier"])
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["query"], dora=True))
    batch = {key: x.cuda() for key, x in next(bert_batches(1)).items()}
    model(**batch).loss.backward()
    assert all(p.grad is not None and p.is_cuda for p in model.parameters() if p.requires_grad)
    expected = model.eval()(**batch).logits
    plain = adalora.unload(model, dequantize=True)
    torch.testing.assert_close(plain(**batch).logits, expected, rtol=5e-2, atol=5e-2)
