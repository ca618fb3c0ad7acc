"""``adalora import``: adapters of the `peft` library, and the whole circle."""

import peft
import pytest
import torch
from transformers import AutoModelForSequenceClassification

import adalora

from .test_export import classifier, close, differences, in_peft

# What peft asks of transformers.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

KINDS = {
    "LoRA": peft.LoraConfig(r=3, lora_alpha=5, target_modules=["query", "output.dense"]),
    "rsLoRA": peft.LoraConfig(r=3, lora_alpha=5, use_rslora=True, target_modules=["query"]),
    "DoRA": peft.LoraConfig(r=3, lora_alpha=5, use_dora=True, target_modules=["query", "value"]),
    "AdaLoRA": peft.AdaLoraConfig(init_r=4, target_r=2, total_step=10, target_modules=["query"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_peft_has_saved(kind, say, bert, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=3)
    settings = KINDS[kind]
    settings.modules_to_save = ["classifier"]
    theirs = peft.get_peft_model(model, settings).eval()
    for name, parameter in theirs.named_parameters():
        if parameter.requires_grad and "magnitude" not in name:
            torch.nn.init.normal_(parameter, std=0.1)
    theirs.save_pretrained(str(tmp_path / "theirs"))

    said = say("import", tmp_path / "theirs", "--output", tmp_path / "ours", "--base", bert)
    ours, saved = differences(said)
    assert ours == 0
    assert saved < 1e-5
    base = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=3)
    close(adalora.load(base, tmp_path / "ours").eval(), theirs)


def test_without_peft_only_our_own_reading_is_compared(say, finished, tmp_path, monkeypatch):
    say("export", finished["adalora"], "--output", tmp_path / "lora")
    monkeypatch.setattr("experiments.transfer.readers.find_spec", lambda name: None)
    said = say("import", tmp_path / "lora", "--output", tmp_path / "ours")
    assert differences(said) == [0]
    assert f"Not compared with {tmp_path / 'lora'} itself: the peft library is not installed." in said


def test_the_whole_circle(say, finished, bert, tmp_path):
    """A trained run, exported, imported, exported, merged: always the same logits."""
    trained = classifier(bert, finished["adalora"])
    say("export", finished["adalora"], "--output", tmp_path / "first")
    said = say("import", tmp_path / "first", "--output", tmp_path / "ours", "--base", bert)
    assert f"imported {tmp_path / 'first'} to {tmp_path / 'ours'}" in said
    say("export", tmp_path / "ours", "--output", tmp_path / "second", "--fold", "even")
    close(in_peft(bert, tmp_path / "second"), trained)
    say("merge", tmp_path / "second", "--output", tmp_path / "merged")
    close(AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval(), trained)


BAD = [
    ((), "FOLDER is missing; usage: adalora import FOLDER --output DIR [--base MODEL]"),
    (("{lora}",), "output is missing; usage: adalora import FOLDER --output DIR"),
    (("{tmp}/no", "--output", "{out}"), "{tmp}/no is no folder"),
    (("{data}", "--output", "{out}"), "{data} holds no adapter"),
    (("{run}", "--output", "{out}"), "FOLDER is '{run}', which adalora.save has written"),
    (("{ia3}", "--output", "{out}"), "{ia3}/adapter_config.json: peft_type is 'IA3'; allowed: LORA, ADALORA."),
    (("{bias}", "--output", "{out}"), "{bias}/adapter_config.json: bias is 'all'; allowed: 'none'"),
    (("{lora}", "--output", "{lora}"), "output is '{lora}', which is the source {lora}"),
    (("{lora}", "--output", "{data}"), "{data} holds train.jsonl, validation.jsonl and no adapter.json"),
    (("{lora}", "--output", "{out}", "--base", "{bart}"), "the adapter in {lora} belongs to another model"),
    (("{lora}", "--output", "{out}", "--pad"), "option is '--pad'; allowed: --output, --base."),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_input(words, said, say, refuse, untouched, finished, bart, opinions, tmp_path):
    say("export", finished["adalora"], "--output", tmp_path / "lora")
    places = {
        "run": finished["adalora"],
        "out": tmp_path / "out",
        "tmp": tmp_path,
        "data": opinions,
        "bart": bart,
    }
    places |= {name: tmp_path / name for name in ("lora", "ia3", "bias")}
    for name, text in (("ia3", '{"peft_type": "IA3"}'), ("bias", '{"peft_type": "LORA", "bias": "all"}')):
        places[name].mkdir()
        (places[name] / "adapter_config.json").write_text(text)
        (places[name] / "adapter_model.safetensors").touch()
    before = untouched(tmp_path, finished["adalora"].parent)
    line = refuse("import", *(word.format(**places) for word in words))
    assert line.startswith(said.format(**places)), line
    assert untouched(tmp_path, finished["adalora"].parent) == before
