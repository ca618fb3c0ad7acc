"""Runs on a quantised base, from settings to report."""

import json
import re

import bitsandbytes as bnb
import pytest

import adalora
from experiments import files
from experiments.config import QuantizationConfig
from experiments.fit import build, count_weights
from experiments.methods import METHODS
from experiments.prepare import prepare
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
