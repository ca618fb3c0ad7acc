"""The page: whole, safe, and without a network."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch
from matplotlib.figure import Figure
from transformers import AutoModelForSequenceClassification

import adalora
import analysis
from experiments import files, report
from experiments.models import load_model
from experiments.problems import CLASSIFICATION
from experiments.results import Line, Rank, Results
from experiments.versions import versions
from tests.experiments import tiny

RANK = Rank(matrices=36, initial=432, budget=288, kept=288, lowest=3, highest=12)
LINES = (
    Line("majority class", {"test": {"accuracy": 0.513}}),
    Line("AdaLoRA", {"test": {"accuracy": 0.8}}, trained=499, seconds=87.2, steps=200),
)
RESULTS = Results("demo", "stsb", "About it.", "minilm", "AutoModel", 2, "accuracy", 23762, LINES, RANK)


class Page(HTMLParser):
    """Collects tags, and what they refer to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def run(config):
    folder = files.make(config())
    files.write_json(folder / files.VERSIONS, versions(0))
    return folder


def draw(folder, name, inches=4.0):
    analysis.save_figure(Figure(figsize=(inches, 2)), folder / files.PICTURES / f"{name}.png")


def test_the_page_holds_numbers_settings_and_pictures(run):
    for name in ("ranks", "evolution", "budget", "training"):
        draw(run, name)
    text = report.write(run, RESULTS, run).read_text()
    page = Page(text)
    assert page.open == []
    assert page.tags.count("img") == 4
    for words in ("80.0 %", "51.3 %", "288", "3 to 12", "About it.", "2.1 %", "1 min 27 s", "target_rank: 2"):
        assert words in text


def test_the_page_needs_no_network_and_runs_no_script(run):
    draw(run, "ranks")
    text = report.write(run, RESULTS, run).read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not re.search(r"https?://|@import|url\(", text)


def test_everything_is_escaped(run):
    bad = "<script>alert(1)</script>"
    (run / files.CONFIG).write_text(f"name: {bad}\n")
    lines = (replace(LINES[0], label=bad), replace(LINES[1], label=bad))
    text = report.write(
        run, replace(RESULTS, name=bad, task=bad, about=bad, model=bad, lines=lines), run
    ).read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_wide_picture_of_ranks_has_a_row_of_its_own(run):
    for name in ("ranks", "evolution", "budget"):
        draw(run, name, inches=8.0 if name == "ranks" else 4.0)
    assert '<div class="wide">' in report.write(run, RESULTS, run).read_text()
    draw(run, "ranks")
    assert '<div class="wide">' not in report.write(run, RESULTS, run).read_text()


def test_a_run_without_ranks(run):
    draw(run, "training")
    text = report.write(run, replace(RESULTS, rank=None, adapter=False), run).read_text()
    assert "How it went" in text
    assert "adalora.load" not in text
    assert "holds the trained head (head.safetensors), metrics.jsonl and TensorBoard" in text
    assert "adalora.load" in report.write(run, replace(RESULTS, rank=None), run).read_text()
    assert Page(text).tags.count("img") == 1


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        (None, "holds the adapter, metrics.jsonl and TensorBoard"),
        (
            RANK,
            "holds the adapter, metrics.jsonl, the history of every allocation (allocation.json) and Tensor",
        ),
    ],
)
def test_the_foot_of_the_page_names_what_is_there(run, rank, words):
    assert words in report.write(run, replace(RESULTS, rank=rank), run).read_text()


def test_what_was_done_otherwise_than_the_settings_say_stands_above_them(run):
    text = report.write(run, replace(RESULTS, notes=("No <GPU> here.",)), run).read_text()
    assert text.index("No &lt;GPU&gt; here.") < text.index("<summary>Settings")


def test_the_numbers_of_classes_have_a_table_of_their_own(run):
    assert "Class by class" not in report.write(run, RESULTS, run).read_text()
    scores = {"mIoU": 0.5, "IoU/road": 0.25, "IoU/water": 0.75, "Acc/road": 0.125}
    lines = (Line("majority class", {"val": {"mIoU": 0.1}}), Line("AdaLoRA", {"val": scores}))
    text = report.write(run, replace(RESULTS, headline="mIoU", lines=lines), run).read_text()
    assert Page(text).open == []
    assert '<th scope="row">road</th><td>25.0 %</td><td>12.5 %</td>' in text
    assert '<th scope="row">water</th><td>75.0 %</td><td>-</td>' in text


def test_the_code_in_the_page_loads_the_adapter(bert, tmp_path):
    # A base in half precision, with the head of another task.
    AutoModelForSequenceClassification.from_pretrained(bert, num_labels=5).bfloat16().save_pretrained(
        tmp_path / "base"
    )
    tiny.save_tokenizer(tmp_path / "base")
    bert = tmp_path / "base"
    model = load_model(str(bert), CLASSIFICATION, ("a", "b", "c"))
    adapter = adalora.AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"])
    adalora.save(adalora.inject(model, adapter), tmp_path / files.ADAPTER)
    results = replace(RESULTS, model=str(bert), auto_class="AutoModelForSequenceClassification", labels=3)
    names = {}
    exec(report.how_to_load(results, tmp_path), names)  # noqa: S102
    assert len(adalora.adapters(names["model"])) == 2
    assert not names["model"].training
    found, expected = names["model"].state_dict(), model.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {value.dtype for value in found.values() if value.is_floating_point()} == {torch.float32}


def test_the_code_for_a_model_that_takes_more_than_its_class(tmp_path):
    code = report.how_to_load(replace(RESULTS, model="a/b", loading=("import x", "x.load(base)")), tmp_path)
    assert code.splitlines()[:5] == ["import adalora", "import x", "", "base = 'a/b'", "model = x.load(base)"]


def test_the_code_of_a_run_in_mixed_precision_says_so(tmp_path):
    assert "autocast" not in report.how_to_load(RESULTS, tmp_path)
    code = report.how_to_load(replace(RESULTS, precision="bfloat16"), tmp_path)
    (line,) = [line for line in code.splitlines() if "autocast" in line]
    names = {"torch": torch, "model": torch.nn.Linear(2, 2), "batch": {"input": torch.ones(1, 2)}}
    exec(line.removeprefix("# ").replace("model(**batch)", "output = model(**batch)"), names)  # noqa: S102
    assert names["output"].dtype == torch.bfloat16


def test_the_code_for_an_alias_finds_the_package(tmp_path):
    code = report.how_to_load(RESULTS, tmp_path)
    assert "packages.find(packages.MODELS['minilm'])" in code


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (12000, "3 h 20 min")]
)
def test_times_as_people_say_them(seconds, words):
    assert report.duration(seconds) == words
