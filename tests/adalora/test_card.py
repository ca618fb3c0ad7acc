"""The model card: what it says, that any name is only text in it, and that nobody else's file is touched."""

import ast
import re
from dataclasses import replace
from html import unescape
from typing import get_args, get_type_hints
from xml.etree import ElementTree as ET

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from transformers import AutoModelForSequenceClassification

import adalora
from adalora import AdapterConfig, CheckpointError, ConfigError
from adalora.card import MARK, model_card, write_card
from adalora.header import Header
from adalora.rank_map import printable
from tests.models import bert, bert_batches

BASE = "sentence-transformers/all-MiniLM-L6-v2"
CONFIG = AdapterConfig(rank=4, target_modules=["q_proj"], train_modules=["classifier"])
HEADER = Header(
    files={"adapter": "adapter-0a.safetensors"},
    base_model=BASE,
    config=CONFIG,
    modules={"h.0.q_proj": (16, 8), "h.1.q_proj": (16, 8)},
    ranks={"h.0.q_proj": 3, "h.1.q_proj": 0},
    triplets={"h.0.q_proj": 4, "h.1.q_proj": 4},
    trained={"classifier.weight": (3, 8), "classifier.bias": (3,)},
)
EVIL = [
    '<script>alert("1")</script>',
    "a | b\n| c | d |",
    "x\n---\n# Heading\n- tags",
    "```\n<b>",
    "'\"\\",
    "[link](https://example.com) ![x](y) *b* _i_ __init__ `code` ~~s~~ &lt; &#60; \\| $x$ <!-- c -->",
    "base: {a: [",
    "\ud800\x00\u202e\u2028",
]


def front_matter(card):
    return yaml.safe_load(card.split("---\n")[1])


def rendered(card):
    """Return the HTML that a reader of the card sees, without the front matter."""
    return MarkdownIt("commonmark").enable("table").render(card.split("---\n", 2)[2])


def rows(card):
    """Return the cells of every row, as a reader sees them; a code by its character."""
    found = re.findall(r"<t[dh]>(.*?)</t[dh]>\n<t[dh]>(.*?)</t[dh]>", rendered(card), re.DOTALL)
    return [(unescape(left), unescape(right)) for left, right in found]


def tags(card):
    return set(re.findall(r"</?(\w+)", rendered(card)))


def python(card):
    return [unescape(code) for code in re.findall(r"<code class=.*?>(.*?)</code>", rendered(card), re.DOTALL)]


def test_what_it_says():
    card = model_card(HEADER, {"accuracy (test)": 0.8231, "loss": 1234567.0})
    assert front_matter(card) == {
        "base_model": BASE,
        "base_model_relation": "adapter",
        "library_name": "adalora",
        "tags": ["adalora"],
    }
    assert card.splitlines().count(MARK) == 1
    table = dict(rows(card))
    assert table["base model"] == BASE
    assert table["method"].startswith("AdaLoRA: every frozen weight")
    assert table["parameters of the adapter"] == "75"  # three triplets of 16 + 8 + 1 numbers
    assert table["modules trained in full"] == "classifier (27 numbers)"
    assert (table["rank"], table["target_modules"], table["dora"]) == ("4", "q_proj", "no")
    assert (table["accuracy (test)"], table["loss"]) == ("0.8231", "1.23457e+06")
    assert {"adalora", "torch", "transformers", "python"} < table.keys()
    assert '<img src="ranks.svg"' in rendered(card)
    assert "Of a total rank of 8 at the start, 3 is kept, in 2 matrices." in card
    assert "classifier.weight (3, 8), classifier.bias (3)" in rendered(card)


def test_without_metrics_and_without_a_name():
    card = model_card(replace(HEADER, base_model="", trained={}))
    assert "None recorded." in card
    assert "base_model" not in front_matter(card)
    assert "<h1>AdaLoRA adapter</h1>" in rendered(card)
    table = dict(rows(card))
    assert (table["base model"], table["modules trained in full"]) == ("not recorded", "none")


@pytest.mark.parametrize(
    ("change", "marks", "words"),
    [
        ({"update": "lora", "init": "kaiming"}, ["lora"], ["LoRA: ", "s = α/r", "random"]),
        ({"scaling": "rslora"}, ["adalora", "rslora"], ["AdaLoRA: ", "s = α/√r (rsLoRA)", "random"]),
        ({"dora": True}, ["adalora", "dora"], ["DoRA's magnitude"]),
        ({"init": "pissa"}, ["adalora", "pissa"], ["the largest singular values of the weights (PiSSA)"]),
    ],
)
def test_the_method_in_words(change, marks, words):
    card = model_card(replace(HEADER, config=replace(CONFIG, **change)))
    assert front_matter(card)["tags"] == marks
    assert all(word in " ".join(dict(rows(card)).values()) for word in words)


def test_there_are_words_for_every_setting():
    hints = get_type_hints(AdapterConfig)
    for field in ("update", "scaling", "init"):
        for word in get_args(hints[field]):
            changes = {"update": "lora"} if word == "kaiming" else {}
            model_card(replace(HEADER, config=replace(CONFIG, **{**changes, field: word})))


def test_parameters_of_stacks_of_lora_and_of_dora():
    experts = replace(HEADER, modules={"h.0.experts": (4, 16, 8)}, ranks={"h.0.experts": 5}, trained={})
    assert dict(rows(model_card(experts)))["parameters of the adapter"] == "125"
    assert "Of a total rank of 16 at the start, 5 is kept, in 4 matrices." in model_card(experts)
    lora = replace(HEADER, config=AdapterConfig(update="lora", dora=True))
    assert dict(rows(model_card(lora)))["parameters of the adapter"] == str(3 * 24 + 2 * 16)


@pytest.mark.parametrize("name", ["1e5", "null", "no", "org/name-1.0", "2024-01-01"])
def test_a_name_on_a_hub_is_a_string_in_the_front_matter(name):
    assert front_matter(model_card(replace(HEADER, base_model=name)))["base_model"] == name


@pytest.mark.parametrize("name", ["/home/me/model", "./model", "../model", "C:\\model", "a/b/c", *EVIL])
def test_what_no_hub_knows_stays_out_of_the_front_matter(name):
    assert "base_model" not in front_matter(model_card(replace(HEADER, base_model=name)))


TEXT = st.one_of(st.sampled_from(EVIL), st.text(min_size=1, max_size=20))


@given(base=TEXT, module=TEXT, trained=TEXT, metric=TEXT)
def test_any_name_is_text_and_nothing_else(base, module, trained, metric):
    header = Header(
        files={},
        base_model=base,
        config=AdapterConfig(rank=4, target_modules=[module], train_modules=[trained]),
        modules={module: (16, 8)},
        ranks={module: 2},
        triplets={module: 4},
        trained={f"{trained}.weight": (3,)},
    )
    card, plain = model_card(header, {metric: 0.5}), model_card(HEADER, {"accuracy": 0.5})
    assert card.encode()
    front_matter(card)
    assert tags(card) == tags(plain)
    assert "<script" not in card
    table = rows(card)
    assert len(table) == len(rows(plain))
    assert (printable(metric).strip(), "0.5") in table
    assert ("target_modules", printable(module) or "none") in table
    for code in python(card):
        calls = [one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call)]
        names = [
            c.args[0].value
            for c in calls
            if getattr(c.func, "attr", "") == "from_pretrained" and len(c.args) == 1
        ]
        assert names == ([base] if base.strip() else [])


def test_its_code_loads_the_adapter(tmp_path):
    bert(labels=2).save_pretrained(tmp_path / "base")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base").eval()
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"]))
    model.classifier.weight.data.fill_(0.5)
    adalora.save(model, tmp_path / "adapter")
    names = {}
    code = python((tmp_path / "adapter/README.md").read_text())[0]
    exec(code.replace("path/to/this/folder", str(tmp_path / "adapter")), names)  # noqa: S102
    batch = next(bert_batches(1, labels=2))
    assert torch.equal(names["model"](**batch).logits, model(**batch).logits)


def test_many_names_are_cut_short():
    many = replace(HEADER, trained={f"norm.{i}.weight": (2,) for i in range(30)})
    assert dict(rows(model_card(many)))["modules trained in full"].endswith(
        "norm.11 and 18 more (60 numbers)"
    )


def test_both_files_are_written_and_written_anew(tmp_path):
    write_card(tmp_path, HEADER)
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "ranks.svg"}
    ET.parse(tmp_path / "ranks.svg")  # noqa: S314
    first = (tmp_path / "README.md").read_text()
    assert first == model_card(HEADER)
    (tmp_path / "README.md").write_bytes(first.replace("\n", "\r\n").encode())  # as git may check it out
    write_card(tmp_path, replace(HEADER, ranks={"h.0.q_proj": 1, "h.1.q_proj": 1}), {"loss": 1.0})
    assert "| loss | 1 |" in (tmp_path / "README.md").read_text()
    assert "A total rank of 2 in 2 modules" in (tmp_path / "ranks.svg").read_text()


@pytest.mark.parametrize("name", ["README.md", "ranks.svg"])
@pytest.mark.parametrize("text", [b"mine", b"", b"\xff\xfe", f"they say {MARK}".encode()])
def test_a_file_of_someone_else_stays(tmp_path, name, text):
    (tmp_path / name).write_bytes(text)
    write_card(tmp_path, HEADER)
    assert (tmp_path / name).read_bytes() == text
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_and_a_link_to_nowhere_stay(tmp_path):
    (tmp_path / "README.md").mkdir()
    (tmp_path / "ranks.svg").symlink_to(tmp_path / "nowhere")
    write_card(tmp_path, HEADER)
    assert (tmp_path / "README.md").is_dir()
    assert (tmp_path / "ranks.svg").is_symlink()


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(CheckpointError, match=r"is saved and whole, but its model card is not: .*No space"):
        write_card(tmp_path, HEADER)
    assert list(tmp_path.iterdir()) == []


def test_a_metric_that_is_no_number():
    with pytest.raises(ConfigError, match=r"metrics\['f1'\] is inf; allowed: a finite number"):
        model_card(HEADER, {"f1": float("inf")})
