"""Runs on a quantised base, from settings to report."""

import json
import re

import bitsandbytes as bnb
import pytest

import adalora
from experiments import files, report
from experiments.config import QuantizationConfig
from experiments.fit import build, count_weights
from experiments.methods import METHODS
from experiments.models import load_model
from experiments.prepare import prepare
from experiments.quantization import call_of
from experiments.results import table
from experiments.train import train


@pytest.mark.parametrize("method", ["adalora", "lora", "head"])
def test_a_run_on_nf4_tells_what_its_base_takes(config, method):
    settings = config(
        name=method, method=method, quantization=QuantizationConfig(kind="nf4"), baseline={"head": False}
    )
    results = train(settings)
    assert results.base.kind == "nf4"
    assert results.base.weights == 2 * (4 * 16 * 16 + 2 * 16 * 24)
    assert f"{results.base.weights:,} frozen weights in nf4, " in table(results)
    folder = files.path_of(settings)
    page = (folder / "report.html").read_text()
    assert "frozen weights in nf4" in page
    assert json.loads((folder / "results.json").read_text())["base"]["bytes"] == results.base.bytes
    code = re.search(r"adalora\.quantize_\(model, .*\)", page)
    assert (code is None) == (method == "head")


def test_all_weights_are_counted_alike_on_every_base(config):
    counts = {}
    for kind in (None, "nf4", "int8"):
        data = prepare(config(name=str(kind), quantization=QuantizationConfig(kind=kind)))
        model, _ = build(data, METHODS["adalora"])
        counts[kind] = count_weights(model)
        quantised = [m for m in model.modules() if isinstance(m, bnb.nn.Linear4bit | bnb.nn.Linear8bitLt)]
        assert len(quantised) == (0 if kind is None else 12)
        starts = [p.detach().clone() for p in model.parameters() if p.requires_grad]
        counts.setdefault("start", starts)
        assert all((a == b).all() for a, b in zip(starts, counts["start"], strict=True)), "one start for all"
    assert counts[None] == counts["nf4"] == counts["int8"]


def test_bad_settings_are_named():
    with pytest.raises(
        adalora.ConfigError, match=r"quantization.kind is 'nf3'; allowed: null, nf4, fp4, int8"
    ):
        QuantizationConfig(kind="nf3")


def quantised(model):
    return {
        name.removesuffix(".base")
        for name, module in model.named_modules()
        if isinstance(module, bnb.nn.Linear4bit)
    }


NF4 = QuantizationConfig(kind="nf4")


@pytest.mark.parametrize(
    ("adapter", "layers", "call"),
    [
        # The embedding stays in floating point, and so does what the adapter leaves out as too small.
        (
            {"target_modules": ["query", "word_embeddings"]},
            2,
            "target_modules=['query', 'word_embeddings'], exclude_modules=['classifier', 'bert.embeddings.word_embeddings'])",
        ),
        (
            {"exclude_modules": ["pooler"], "train_modules": []},
            12,
            "target_modules='all-linear', exclude_modules=['pooler', 'classifier'])",
        ),
        ({"target_modules": ["query"]}, 2, "target_modules=['query'], exclude_modules=['classifier'])"),
    ],
)
@pytest.mark.filterwarnings("ignore:'all-linear' leaves out")
def test_the_linear_layers_of_the_adapter_are_quantised_and_no_others(config, adapter, layers, call):
    adapter = {"rank": 4, "train_modules": ["classifier"], **adapter}
    data = prepare(config(adapter=adapter, quantization=NF4))
    model, _ = build(data, METHODS["adalora"])
    assert len(quantised(model)) == layers
    assert quantised(model) <= set(adalora.adapters(model))
    printed = call_of(model, data.config)
    assert printed == f"adalora.quantize_(model, 'nf4', double_quant=True, {call}"

    plain = load_model(data.config.model, data.task.problem, data.classes)
    exec(printed, {"adalora": adalora, "model": plain})  # noqa: S102
    assert quantised(plain) == quantised(model)


def test_an_adapter_without_linear_layers_has_nothing_to_quantise(config):
    adapter = {"rank": 4, "target_modules": ["word_embeddings"], "train_modules": ["classifier"]}
    data = prepare(config(adapter=adapter, quantization=NF4))
    with pytest.raises(
        adalora.ConfigError, match=r"quantization.kind is 'nf4', but .* no linear layer; allowed"
    ):
        build(data, METHODS["adalora"])


def test_a_wrong_name_is_that_of_its_own_field(config):
    adapter = {"rank": 4, "target_modules": ["query"], "train_modules": ["clasifier"]}
    data = prepare(config(adapter=adapter, quantization=NF4))
    with pytest.raises(adalora.TargetError, match=r"^train_modules 'clasifier' matches no module"):
        build(data, METHODS["adalora"])


def test_the_page_loads_a_run_on_nf4(config):
    settings = config(quantization=NF4, baseline={"head": False})
    results = train(settings)
    names = {}
    exec(report.how_to_load(results, files.path_of(settings)), names)  # noqa: S102
    assert len(quantised(names["model"])) == len(adalora.adapters(names["model"])) == 12
