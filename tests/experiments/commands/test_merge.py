"""``adalora merge``: the trained model as a plain one of `transformers`."""

import json
import re

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from experiments import files
from experiments.train import train

from .test_export import classifier, close, differences


def test_transformers_alone_loads_the_merged_model(say, finished, bert, tmp_path):
    said = say("merge", finished["adalora"], "--output", tmp_path / "merged")
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    close(merged, classifier(bert, finished["adalora"]))
    assert type(merged).__module__.startswith("transformers.")
    assert AutoTokenizer.from_pretrained(tmp_path / "merged")("good film")["input_ids"][0] == 2
    assert differences(said)[0] < 1e-5
    assert "a BertForSequenceClassification of transformers" in said
    assert re.search(r"^total +[\d,]+$", said, re.MULTILINE)
    assert re.search(r"^all +12 ", said, re.MULTILINE)
    assert merged.config.id2label == {0: "0", 1: "1"}


def test_an_earlier_model_is_replaced_whole(say, finished, bert, tmp_path):
    say("merge", finished["lora"], "--output", tmp_path / "merged")
    (tmp_path / "merged" / "model.safetensors.index.json").write_text("{}")
    (tmp_path / "merged" / "notes.txt").write_text("mine")
    say("merge", finished["adalora"] / "adapter", "--output", tmp_path / "merged")
    assert (tmp_path / "merged" / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "merged" / "model.safetensors.index.json").exists()
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    close(merged, classifier(bert, finished["adalora"]))
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith("unfinished")] == []


def test_a_quantised_run_is_merged_in_floating_point_alone(say, refuse, config, tmp_path):
    settings = config(quantization={"kind": "nf4"}, baseline={"head": False}, evaluation={"every": 0})
    train(settings)
    words = ["merge", files.path_of(settings), "--output", tmp_path / "merged"]
    assert refuse(*words).startswith("dequantize is off, and the run has quantised ")
    assert not (tmp_path / "merged").exists()
    assert differences(say(*words, "--dequantize"))[0] < 1e-5
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    assert all(parameter.dtype == torch.float32 for parameter in merged.parameters())
    assert "quantization_config" not in json.loads((tmp_path / "merged" / "config.json").read_text())
    said = say("export", files.path_of(settings), "--output", tmp_path / "lora")
    assert differences(said)[0] < 1e-5


def test_a_disk_that_is_full_leaves_nothing(refuse, finished, tmp_path, monkeypatch):
    def full(*args, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("transformers.PreTrainedTokenizerFast.save_pretrained", full)
    line = refuse("merge", finished["adalora"], "--output", tmp_path / "new" / "merged")
    assert "could not write to" in line
    assert "No space left on device" in line
    assert not (tmp_path / "new").exists()


BAD = [
    ((), "SOURCE is missing; usage: adalora merge SOURCE --output DIR"),
    (("{run}",), "output is missing; usage: adalora merge SOURCE --output DIR"),
    (("{run}", "{run}", "--output", "{out}"), "SOURCE is ['{run}', '{run}']; allowed: one SOURCE."),
    (("{tmp}/no", "--output", "{out}"), "{tmp}/no is no folder"),
    (("{data}", "--output", "{out}"), "{data} holds no adapter"),
    (("{run}", "--output", "{data}"), "{data} holds train.jsonl, validation.jsonl and no config.json"),
    (("{run}", "--output", "{run}/adapter"), "output is '{run}/adapter', which lies in the source {run}"),
    (("{run}", "--output", "{bert}"), "output is '{bert}', which is the base model {bert}"),
    (("{run}", "--output", "{out}", "--base", "{bart}"), "the adapter belongs to another model"),
    (("{run}", "--output", "{out}", "--dequantise"), "option is '--dequantise'; allowed: --output, --base, --dequantize. Did you mean '--dequantize'"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_input(words, said, refuse, untouched, finished, bert, bart, opinions, tmp_path):
    places = {
        "run": finished["adalora"],
        "out": tmp_path / "out",
        "tmp": tmp_path,
        "data": opinions,
        "bert": bert,
        "bart": bart,
    }
    before = untouched(tmp_path, finished["adalora"].parent, bert)
    line = refuse("merge", *(word.format(**places) for word in words))
    assert line.startswith(said.format(**places)), line
    assert untouched(tmp_path, finished["adalora"].parent, bert) == before
