"""QLoRA and AdaLoRA on NF4 against the same runs on float32: the real model, minutes, so not in the default run."""

import json

import pytest

from experiments.cli import main

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("config", ["lora.yaml", "adalora.yaml"])
def test_four_bits_cost_at_most_one_and_a_half_points(tmp_path, config):
    accuracy = {}
    for kind in ("null", "nf4"):
        words = ["--name", kind, "--quantization.kind", kind]
        assert main(["train", config, "--output_dir", str(tmp_path), *words]) == 0
        results = json.loads((tmp_path / kind / "results.json").read_text())
        accuracy[kind] = results["lines"][-1]["scores"]["test"]["accuracy"]
    assert results["base"]["weights"] == 6 * (4 * 384 * 384 + 2 * 384 * 1536)
    assert results["base"]["bytes"] / results["base"]["weights"] <= 0.53
    assert accuracy["null"] - accuracy["nf4"] <= 0.015
    assert accuracy["nf4"] >= 0.78
