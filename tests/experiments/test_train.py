"""One run, from settings to folder."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from transformers import AutoModelForSequenceClassification

import adalora
from adalora import ConfigError, DataError, TargetError
from experiments import files
from experiments.methods import METHODS
from experiments.prepare import prepare
from experiments.train import rehearse, train
from tests.experiments import tiny


@pytest.fixture(scope="module")
def finished(bert, tmp_path_factory):
    """Return settings and results of a run that several tests look at."""
    folder = tmp_path_factory.mktemp("finished")
    settings = tiny.config(bert, tiny.write_opinions(folder / "opinions"), folder / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", folder / "cache")
        return settings, train(settings)


def test_a_run_writes_everything(finished):
    folder = files.path_of(finished[0])
    assert {path.name for path in folder.iterdir()} == {
        "adapter",
        "allocation.json",
        "config.yaml",
        "metrics.jsonl",
        "pictures",
        "report.html",
        "results.json",
        "tensorboard",
        "triplets.jsonl",
        "versions.json",
    }
    pictures = {path.name for path in (folder / "pictures").iterdir()}
    assert pictures == {"ranks.png", "evolution.png", "budget.png", "training.png"}


def test_a_run_is_compared_with_its_baselines(finished):
    results = finished[1]
    assert [line.label for line in results.lines] == ["majority class", "head only", "AdaLoRA"]
    assert results.lines[0].scores == {"validation": {"accuracy": 0.5}}
    assert results.lines[2].trained > results.lines[1].trained > 0
    assert [line.steps for line in results.lines] == [0, 8, 8]


def test_the_ranks_sum_up_to_the_budget_and_are_those_of_the_saved_adapter(finished, bert):
    settings, results = finished
    folder = files.path_of(settings)
    last = json.loads((folder / "allocation.json").read_text())[-1]
    assert sum(last["ranks"].values()) == last["budget"] == results.rank.kept == results.rank.budget == 24
    assert results.rank.initial == 48

    model = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=2)
    adalora.load(model, folder / "adapter")
    assert {name: layer.rank for name, layer in adalora.adapters(model).items()} == last["ranks"]


def test_the_card_of_the_adapter_holds_the_numbers_of_the_run(finished):
    settings, results = finished
    folder = files.path_of(settings) / files.ADAPTER
    card = (folder / "README.md").read_text()
    assert f"| accuracy (validation) | {results.lines[-1].scores['validation']['accuracy']:.6g} |" in card
    assert "Of a total rank of 48 at the start, 24 is kept, in 12 matrices." in card
    assert "](ranks.svg)" in card
    assert "A total rank of 24 in 12 modules" in (folder / "ranks.svg").read_text()


def test_a_number_that_is_none_and_those_of_classes_stay_out_of_the_card(config, monkeypatch):
    scores = {"accuracy": 0.25, "f1": float("nan"), "IoU/road": 0.5}
    monkeypatch.setattr("experiments.fit._measure", lambda *args: (scores, None))
    settings = config(baseline={"head": False})
    train(settings)
    card = (files.path_of(settings) / files.ADAPTER / "README.md").read_text()
    table = card.partition("## Metrics\n\n")[2].partition("\n\n## ")[0]
    assert table.splitlines()[2:] == ["| accuracy (validation) | 0.25 |"]


def test_the_log_holds_loss_and_penalty_apart(finished):
    rows = files.read_metrics(files.path_of(finished[0]))
    logged = [row for row in rows if "loss" in row]
    assert [row["step"] for row in logged] == [2, 4, 6, 8]
    assert all(row["penalty"] > 0 and row["loss"] < 1.5 for row in logged)
    assert [row["budget"] for row in logged] == [48, 27, 24, 24]
    assert [row["step"] for row in rows if "validation_accuracy" in row] == [4, 8]
    assert "test_accuracy" in rows[-1]
    assert not any("penalty" in row for row in rows if "validation_loss" in row)


def test_a_penalty_of_any_size_leaves_the_logged_loss_alone(config):
    losses = []
    for name, gamma in (("without", 0.0), ("with", 1000.0)):
        settings = config(name=name, baseline={"head": False}, evaluation={"every": 0})
        settings = replace(settings, allocation=replace(settings.allocation, orthogonality=gamma))
        train(settings)
        losses.append(files.read_metrics(files.path_of(settings))[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_a_run_can_be_repeated(config):
    first = train(config(name="first", baseline={"head": False}))
    second = train(config(name="second", baseline={"head": False}))
    assert first.lines[-1].scores == second.lines[-1].scores
    histories = [
        (files.path_of(config(name=name)) / "allocation.json").read_text() for name in ("first", "second")
    ]
    assert histories[0] == histories[1]


def test_the_head_alone_as_a_method(config):
    settings = config(method="head")
    results = train(settings)
    folder = files.path_of(settings)
    assert [line.label for line in results.lines] == ["majority class", "head only"]
    assert results.rank is None
    assert (folder / "head.safetensors").exists()
    assert not (folder / "adapter").exists()
    assert [path.name for path in (folder / "pictures").iterdir()] == ["training.png"]


def test_checkpoints_only_when_asked_for(config):
    settings = config(training={"max_steps": 8, "batch_size": 4, "save_every": 4})
    train(settings)
    found = sorted(path.name for path in files.path_of(settings).glob("checkpoint-*"))
    assert found == ["checkpoint-4", "checkpoint-8"]


def test_a_finished_run_is_not_overwritten_unless_asked(config):
    train(config(baseline={"head": False}))
    with pytest.raises(ConfigError, match="overwrite: true"):
        train(config())
    train(config(baseline={"head": False}, overwrite=True, seed=1))
    assert "seed: 1" in (files.path_of(config()) / "config.yaml").read_text()


def test_a_run_that_breaks_leaves_the_finished_one_of_its_name(config, monkeypatch):
    train(config(baseline={"head": False}))
    before = {path.name for path in files.path_of(config()).iterdir()}
    monkeypatch.setattr("experiments.train._draw", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(config(baseline={"head": False}, overwrite=True, seed=1))
    assert {path.name for path in files.path_of(config()).iterdir()} == before
    assert "seed: 0" in (files.path_of(config()) / "config.yaml").read_text()


def test_mixed_precision_runs_without_a_gpu(config):
    training = {"max_steps": 8, "batch_size": 4, "precision": "bfloat16"}
    assert train(config(baseline={"head": False}, training=training)).rank.kept == 24


def test_a_head_of_another_task_is_replaced(config, bert, tmp_path):
    other = AutoModelForSequenceClassification.from_pretrained(bert, num_labels=5)
    other.save_pretrained(tmp_path / "five")
    tiny.save_tokenizer(tmp_path / "five")
    results = train(config(model=str(tmp_path / "five"), baseline={"head": False}))
    assert results.labels == 2


def test_a_decoder_without_a_padding_token_trains(config, tmp_path):
    tiny.save_gpt2(tmp_path / "gpt2")
    adapter = {"rank": 4, "target_modules": ["c_attn", "c_proj"], "train_modules": ["score"]}
    results = train(config(model=str(tmp_path / "gpt2"), adapter=adapter, baseline={"head": False}))
    assert results.rank.kept == results.rank.budget


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"data": {"path": None, "max_length": 4000}, "long": True},
            ConfigError,
            "^data.max_length is 4000, .* allowed here: at most 64",
        ),
        ({"task": "rotten_tomatos"}, ConfigError, "Did you mean 'rotten_tomatoes'"),
        ({"method": "adalore"}, ConfigError, "Did you mean 'adalora'"),
        (
            {"method": "head", "training": {"max_steps": 8, "left_ratio": 2.0}},
            ConfigError,
            "^training.left_ratio is 2.0; allowed: 1 with method: head",
        ),
        (
            {"method": "head", "training": {"max_steps": 8, "factor_weight_decay": 0.1}},
            ConfigError,
            "^training.factor_weight_decay is 0.1; allowed: null with method: head",
        ),
        ({"model": "no/such-model"}, DataError, "model is 'no/such-model'"),
        ({"adapter": {"target_modules": ["quary"], "train_modules": ["classifier"]}}, TargetError, "query"),
        ({"adapter": {"rank": 17, "train_modules": ["classifier"]}}, TargetError, "rank is 17"),
        ({"allocation": {"warmup_steps": 5, "final_steps": 4}}, ConfigError, "total_steps"),
        ({"allocation": {"target_rank": 5}}, ConfigError, "target_rank"),
    ],
)
def test_wrong_settings_leave_nothing_behind(config, tmp_path, changes, error, message):
    if changes.pop("long", False):
        long = [{"text": "good " * 100, "label": 0}, {"text": "bad", "label": 1}]
        for split in ("train", "validation"):
            tiny.write_split(tmp_path / "long", split, long)
        changes = {**changes, "data": {**changes["data"], "path": str(tmp_path / "long")}}
    with pytest.raises(error, match=message):
        train(config(**changes))
    assert not (tmp_path / "runs").exists()


def test_the_rehearsal_uses_the_steps_that_the_trainer_will_take(config):
    data = prepare(config(training={"epochs": 1.0, "batch_size": 4}))  # 32 rows, 8 steps
    rehearse(data, METHODS["adalora"])
    settings = replace(data.config, allocation=replace(data.config.allocation, final_steps=6))
    with pytest.raises(ConfigError, match="total_steps"):
        rehearse(replace(data, config=settings), METHODS["adalora"])


SMALL = {
    "allocation": {"target_rank": 1, "warmup_steps": 1, "final_steps": 1, "interval": 1},
    "training": {"max_steps": 4, "batch_size": 2},
    "baseline": {"head": False},
}
PAIR = {"sentence1": "a b", "sentence2": "a c"}
NEWS = {"document": "the film was good . a b c .", "summary": "good film"}


def question(i):
    answers = {"text": ["film"], "answer_start": [4]} if i % 2 else {"text": [], "answer_start": []}
    return {"question": "who ?", "context": "the film was good", "answers": answers}


@pytest.mark.parametrize(
    ("task", "family", "head", "row", "constant", "metrics"),
    [
        (
            "glue/stsb",
            "bert",
            "classifier",
            lambda i: {**PAIR, "label": i / 2},
            "mean",
            {"pearson", "spearman"},
        ),
        (
            "glue/mrpc",
            "deberta",
            "classifier",
            lambda i: {**PAIR, "label": i % 2},
            "majority class",
            {"accuracy", "f1"},
        ),
        ("squad_v2", "deberta", "qa_outputs", question, "no answer", {"f1", "exact_match"}),
        ("xsum", "bart", None, lambda _: NEWS, "first 3 sentences", {"rouge1", "rouge2", "rougeLsum"}),
    ],
)
def test_every_kind_of_problem_trains(
    request, tmp_path, monkeypatch, task, family, head, row, constant, metrics
):
    package = SimpleNamespace(RougeScorer=FixedScorer)
    monkeypatch.setattr("experiments.rouge.require_rouge", lambda: package)
    monkeypatch.setattr("experiments.tasks.summaries.require_rouge", lambda: package)
    for split in ("train", "validation", "test"):
        tiny.write_split(tmp_path / "data", split, [row(i) for i in range(6)])
    adapter = {"rank": 2, "train_modules": [head] if head else []}
    model = request.getfixturevalue(family)
    settings = tiny.config(model, tmp_path / "data", tmp_path / "runs", task=task, adapter=adapter, **SMALL)
    lengths = {"squad_v2": {"stride": 2}, "xsum": {"target_length": 5}}.get(task, {})
    results = train(replace(settings, data=replace(settings.data, **lengths)))
    assert [line.label for line in results.lines] == [constant, "AdaLoRA"]
    assert set(next(iter(results.lines[-1].scores.values()))) == metrics
    assert results.rank.kept == results.rank.budget == results.rank.matrices


class FixedScorer:
    """Stands in for the package that computes ROUGE."""

    def __init__(self, names, use_stemmer):
        self.names = names

    def score(self, reference, prediction):
        return {name: SimpleNamespace(fmeasure=0.25) for name in self.names}


def test_all_test_parts_are_measured_and_the_first_one_gives_the_headline(deberta, tmp_path):
    rows = [{"premise": "a b", "hypothesis": "c", "label": i % 3} for i in range(6)]
    for split in ("train", "validation_matched", "validation_mismatched"):
        tiny.write_split(tmp_path / "data", split, rows if split != "validation_mismatched" else rows[:3])
    adapter = {"rank": 2, "train_modules": ["pooler", "classifier"]}
    settings = tiny.config(
        deberta, tmp_path / "data", tmp_path / "runs", task="glue/mnli", adapter=adapter, **SMALL
    )
    results = train(settings)
    assert list(results.lines[-1].scores) == ["validation_matched", "validation_mismatched"]
    logged = files.read_metrics(files.path_of(settings))
    assert "test_validation_mismatched_accuracy" in logged[-1]
