"""``adalora export``: runs and adapters as a LoRA of the `peft` library."""

import json
import re
import shutil

import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

import adalora
from tests.experiments import tiny

# What peft asks of transformers.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def classifier(bert, *folders):
    """Return the base model with saved adapters, named by their numbers."""
    model = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=2)
    for number, folder in enumerate(folders):
        adalora.load(model, folder / "adapter", name=str(number))
    return model.eval()


def in_peft(bert, folder):
    model = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=2)
    return peft.PeftModel.from_pretrained(model, str(folder)).eval()


@torch.no_grad()
def logits(model):
    generator = torch.Generator().manual_seed(3)
    return model(input_ids=torch.randint(5, len(tiny.VOCABULARY), (3, 9), generator=generator)).logits


def close(first, second):
    torch.testing.assert_close(logits(first), logits(second), atol=1e-5, rtol=0)


def differences(said):
    return [float(value) for value in re.findall(r"^  (\S+) +between ", said, re.MULTILINE)]


def test_a_run_becomes_a_folder_of_peft_with_the_same_logits(say, finished, bert, tmp_path):
    said = say("export", finished["adalora"], "--output", tmp_path / "lora")
    close(in_peft(bert, tmp_path / "lora"), classifier(bert, finished["adalora"]))
    config = json.loads((tmp_path / "lora" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["base_model_name_or_path"]) == ("LORA", str(bert))
    assert all(value < 1e-5 for value in differences(said))
    assert "4 × 16 random token ids, seed 0; logits up to" in said
    assert f"read by the peft library {peft.__version__}" in said
    size = (tmp_path / "lora" / "adapter_model.safetensors").stat().st_size
    assert re.search(rf"^adapter_model.safetensors +{size:,}$", said, re.MULTILINE)
    assert re.search(r"^all +12 .* +24$", said, re.MULTILINE)
    card = (tmp_path / "lora" / "README.md").read_text()
    assert re.search(r"\| accuracy \(.*\) \| 0\.\d+ \|", card)
    assert "adalora.import_peft(model" in card


def test_the_adapter_of_the_run_alone_gives_the_same_folder(say, finished, bert, tmp_path):
    say("export", finished["adalora"], "--output", tmp_path / "run")
    say("export", finished["adalora"] / "adapter", "--output", tmp_path / "adapter", "--base", bert)
    tensors = [load_file(tmp_path / name / "adapter_model.safetensors") for name in ("run", "adapter")]
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(one, tensors[1][key]) for key, one in tensors[0].items())


def test_the_labels_come_from_the_shape_of_the_head(say, bert, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=5)
    adalora.inject(
        model, adalora.AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"])
    )
    adalora.save(model, tmp_path / "adapter")
    said = say("export", tmp_path / "adapter", "--output", tmp_path / "lora")
    assert differences(said)[0] < 1e-5
    assert "random numbers" not in said


def test_a_head_that_nobody_has_trained_is_told(say, refuse, bert, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(bert)
    adalora.inject(
        model, adalora.AdapterConfig(rank=2, target_modules=["bert.encoder.layer.0.attention.self.query"])
    )
    adalora.save(model, tmp_path / "adapter")
    said = say("export", tmp_path / "adapter", "--output", tmp_path / "lora")
    assert "random numbers (seed 0) stand there" in said
    assert "neither it nor the adapter holds" in refuse(
        "merge", tmp_path / "adapter", "--output", tmp_path / "merged"
    )


def test_a_decoder_is_found_by_the_names_of_its_modules(say, tmp_path):
    tiny.save_gpt2(tmp_path / "gpt2")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "gpt2")
    adalora.inject(model, adalora.AdapterConfig(update="lora", rank=2, target_modules=["c_attn", "c_proj"]))
    for layer in adalora.adapters(model).values():
        torch.nn.init.normal_(layer.update.B)
    adalora.save(model, tmp_path / "adapter")
    assert differences(say("export", tmp_path / "adapter", "--output", tmp_path / "lora"))[0] < 1e-5
    said = say("merge", tmp_path / "adapter", "--output", tmp_path / "merged")
    assert "a GPT2LMHeadModel of transformers" in said
    assert differences(said)[0] < 1e-5


def test_a_folder_of_peft_is_exported_too(say, finished, bert, tmp_path):
    say("export", finished["adalora"], "--output", tmp_path / "first")
    say("export", tmp_path / "first", "--output", tmp_path / "second", "--fold", "even", "--pad")
    close(in_peft(bert, tmp_path / "second"), classifier(bert, finished["adalora"]))
    config = json.loads((tmp_path / "second" / "adapter_config.json").read_text())
    assert config["rank_pattern"] == {}


def test_a_weighted_sum_is_exact(say, finished, bert, tmp_path):
    runs = finished["adalora"], finished["lora"]
    said = say("export", *runs, "--weights", "0.75", "-0.5", "--output", tmp_path / "sum")
    both = adalora.set_adapter(classifier(bert, *runs), {"0": 0.75, "1": -0.5}).eval()
    close(in_peft(bert, tmp_path / "sum"), both)
    assert all(value < 1e-5 for value in differences(said))
    assert "Discarded" not in said


def test_a_sum_at_a_rank_tells_what_is_left_out(say, finished, bert, tmp_path):
    runs = finished["adalora"], finished["lora"]
    said = say("export", *runs, "--weights", "1", "1", "--rank", "2", "--output", tmp_path / "sum")
    model = classifier(bert, *runs)
    whole = {
        name: layer.delta_weight()
        for name, layer in adalora.adapters(adalora.set_adapter(model, ["0", "1"])).items()
    }
    adalora.combine(model, {"0": 1, "1": 1}, "small", rank=2)
    kept = {name: layer.delta_weight() for name, layer in adalora.adapters(model).items()}
    lost = {name: (whole[name] - kept[name]).square().sum().item() for name in whole}
    energy = {name: one.square().sum().item() for name, one in whole.items()}
    share = sum(lost.values()) / sum(energy.values())
    worst = max(lost, key=lambda name: lost[name] / energy[name])
    assert share > 0
    assert f"{share:.2%} overall, {lost[worst] / energy[worst]:.2%} at worst ({worst})" in said
    fitted, exact = differences(said)
    assert fitted < 1e-5 < exact
    assert "Rounding explains" not in said
    close(in_peft(bert, tmp_path / "sum"), model)


def test_a_single_adapter_at_a_rank_that_cuts_nothing(say, finished, tmp_path):
    said = say("export", finished["lora"], "--rank", "4", "--output", tmp_path / "lora")
    assert "Discarded energy: none, because no module has a rank above 4." in said


def test_without_peft_the_folder_is_read_by_ours(say, finished, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.transfer.readers.find_spec", lambda name: None)
    said = say("export", finished["adalora"], "--output", tmp_path / "lora")
    assert "read by adalora.import_peft (the peft library is not installed)" in said
    assert differences(said)[0] < 1e-5


def test_what_peft_does_not_read_is_read_by_ours(say, finished, tmp_path, monkeypatch):
    def fail(*args, **settings):
        raise AttributeError("no such thing")

    monkeypatch.setattr("peft.PeftModel.from_pretrained", fail)
    said = say("export", finished["adalora"], "--output", tmp_path / "lora")
    words = (
        f"adalora.import_peft (the peft library {peft.__version__} could not: AttributeError: no such thing)"
    )
    assert words in said


def test_an_earlier_export_is_replaced(say, finished, tmp_path):
    for name in ("lora", "adalora"):
        said = say("export", finished[name], "--output", tmp_path / "lora")
        assert differences(said)[0] < 1e-5


def test_a_run_whose_data_is_gone_is_exported_all_the_same(say, finished, bert, tmp_path):
    shutil.copytree(finished["adalora"], tmp_path / "run")
    settings = tmp_path / "run" / "config.yaml"
    settings.write_text(re.sub(r"path: .*", "path: /nowhere", settings.read_text()))
    said = say("export", tmp_path / "run", "--output", tmp_path / "lora")
    assert "The data of the run cannot be read, so classes have no names: " in said
    close(in_peft(bert, tmp_path / "lora"), classifier(bert, finished["adalora"]))


def test_a_difference_that_rounding_does_not_explain_is_told(say, finished, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.transfer.readers.by_peft", lambda make, folder: (make(), "peft"))
    said = say("export", finished["adalora"], "--output", tmp_path / "lora")
    assert "Rounding explains a difference up to" in said


BAD = [
    ((), "SOURCE is missing; usage: adalora export SOURCE"),
    (("{run}",), "output is missing; usage: adalora export SOURCE"),
    (("{run}", "--output"), "output is ''; allowed: DIR."),
    (("{run}", "--output", ""), "output is ''; allowed: the path of a folder."),
    (("{tmp}/no", "--output", "{out}"), "{tmp}/no is no folder; allowed: the folder of a run"),
    (("{data}", "--output", "{out}"), "{data} holds no adapter: neither adapter.json"),
    (("{run}", "--output", "{data}"), "{data} holds train.jsonl, validation.jsonl and no adapter_config.json"),
    (("{run}", "--output", "{data}/train.jsonl"), "{data}/train.jsonl is a file"),
    (("{run}", "--output", "{data}/train.jsonl/a"), "{data}/train.jsonl is a file, so"),
    (("{run}", "--output", "{run}"), "output is '{run}', which is the source {run}"),
    (("{run}", "--output", "{run}/lora"), "output is '{run}/lora', which lies in the source {run}"),
    (("{run}", "--output", "{bert}/lora"), "output is '{bert}/lora', which lies in the base model {bert}"),
    (("{run}", "{lora}", "--output", "{out}"), "weights is missing, with 2 sources to combine; allowed: a finite number for each source, such as --weights 0.5 0.5."),
    (("{run}", "{lora}", "--weights", "1", "--output", "{out}"), "weights is [1.0]; allowed: a finite number for each source, such as --weights 0.5 0.5; there are 2."),
    (("{run}", "--weights", "1", "2", "--output", "{out}"), "weights is [1.0, 2.0]; allowed: a finite number for each source, such as --weights 1; there is 1."),
    (("{run}", "{lora}", "--weights", "1", "x", "--output", "{out}"), "weights is 'x'; allowed: finite numbers"),
    (("{run}", "{lora}", "--weights", "1", "nan", "--output", "{out}"), "weights is nan; allowed: finite numbers"),
    (("{run}", "{run}", "--weights", "1", "1", "--output", "{out}"), "{run} is named twice; allowed: each source once."),
    (("{run}", "--rank", "0", "--output", "{out}"), "rank is 0; allowed: an integer of at least 1."),
    (("{run}", "--rank", "1.5", "--output", "{out}"), "rank is '1.5'; allowed: an integer of at least 1."),
    (("{run}", "--fold", "up", "--output", "{out}"), "fold is 'up'; allowed: 'left' or 'even'."),
    (("{run}", "--wieghts", "1", "--output", "{out}"), "option is '--wieghts'; allowed: --output, --base, --fold, --pad, --weights, --rank. Did you mean '--weights'?"),
    (("{run}", "--output", "{out}", "--base", "minlm"), "model is 'minlm', which is no folder"),
    (("{run}", "--output", "{out}", "--base", "{bart}"), "the adapter belongs to another model"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_input(words, said, refuse, untouched, finished, bert, bart, opinions, tmp_path):
    places = {
        "run": finished["adalora"],
        "lora": finished["lora"],
        "out": tmp_path / "out",
        "tmp": tmp_path,
        "data": opinions,
        "bert": bert,
        "bart": bart,
    }
    before = untouched(tmp_path, finished["adalora"].parent, bert)
    line = refuse("export", *(word.format(**places) for word in words))
    assert line.startswith(said.format(**places)), line
    assert untouched(tmp_path, finished["adalora"].parent, bert) == before


def test_another_base_lists_the_differences(refuse, finished, bart, tmp_path):
    line = refuse("export", finished["adalora"] / "adapter", "--base", bart, "--output", tmp_path / "out")
    assert (
        "names, shapes or settings differ, first: bert.encoder.layer.0.attention.self.query: (16, 16) saved, absent here"
        in line
    )


def test_sources_of_different_bases(refuse, say, finished, bert, tmp_path):
    shutil.copytree(bert, tmp_path / "copy")
    shutil.copytree(finished["adalora"] / "adapter", tmp_path / "adapter")
    header = tmp_path / "adapter" / "adapter.json"
    header.write_text(header.read_text().replace(str(bert), str(tmp_path / "copy")))
    words = [
        "export",
        tmp_path / "adapter",
        finished["lora"],
        "--weights",
        1,
        1,
        "--output",
        tmp_path / "sum",
    ]
    assert refuse(*words).startswith("base is missing, and the sources name different ones: ")
    assert differences(say(*words, "--base", bert))[0] < 1e-5


def test_a_base_that_has_gone_or_is_not_recorded(refuse, finished, bert, tmp_path):
    for number, (name, said) in enumerate(
        (("/nowhere", "say where with --base."), ("", "give --base with a folder"))
    ):
        place = tmp_path / str(number)
        shutil.copytree(finished["adalora"] / "adapter", place)
        header = place / "adapter.json"
        header.write_text(header.read_text().replace(str(bert), name))
        assert said in refuse("export", place, "--output", tmp_path / "out")


def test_an_unsupported_type_of_peft(refuse, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    line = refuse("export", tmp_path / "source", "--output", tmp_path / "out")
    assert line.endswith("peft_type is 'IA3'; allowed: LORA, ADALORA.")
