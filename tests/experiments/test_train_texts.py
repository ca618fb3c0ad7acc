"""Whole runs that put records into words: a small decoder, several references, every metric."""

import shutil

import pytest

from experiments import files, tasks
from experiments.prepare import prepare
from experiments.results import table
from experiments.train import train
from tests.experiments import tiny
from tests.experiments.texts import fake_java

WORDS = "abcdefgh"
TEXTS = ["the film was good here", "a good film was here ."]


def meanings():
    rows = [(f"name[{one}], food[b]", text) for one in WORDS[:4] for text in TEXTS]
    return [{"meaning_representation": meaning, "human_reference": text} for meaning, text in rows]


def triples(split):
    return [
        {
            "category": "Airport" if split != "test" or i % 2 else "Athlete",
            "modified_triple_sets": {"mtriple_set": [[f"{one} | is | good"]]},
            "lex": {"text": TEXTS[: 1 + i % 2]},
        }
        for i, one in enumerate(WORDS[:4])
    ]


def sets():
    annotations = [{"source": "wiki", "text": text} for text in TEXTS]
    return [{"tripleset": [[one, "is", "good"]], "annotations": annotations} for one in WORDS[:4]]


ROWS = {"e2e": lambda _: meanings(), "webnlg": triples, "dart": lambda _: sets()}


@pytest.fixture
def run(gpt2, tmp_path):
    def make(task):
        for split in ("train", "validation", "test"):
            tiny.write_split(tmp_path / "data", split, ROWS[task](split))
        return tiny.config(
            gpt2,
            tmp_path / "data",
            tmp_path / "runs",
            task=task,
            adapter={"rank": 2, "target_modules": ["c_attn"], "train_modules": []},
            allocation={"target_rank": 1, "warmup_steps": 1, "final_steps": 1, "interval": 1},
            training={"max_steps": 3, "batch_size": 2},
            data={"path": str(tmp_path / "data"), "max_length": 16, "target_length": 6},
            evaluation={"every": 2, "batch_size": 4, "beams": 2},
            baseline={"head": False},
        )

    return make


@pytest.mark.parametrize(
    ("task", "parts", "metrics"),
    [
        ("e2e", ["test"], ["bleu", "nist", "meteor", "rougeL", "cider"]),
        ("webnlg", ["all", "seen", "unseen"], ["bleu", "meteor", "ter"]),
        ("dart", ["test"], ["bleu", "meteor", "ter"]),
    ],
)
def test_a_decoder_trains_and_all_is_measured(run, tmp_path, monkeypatch, task, parts, metrics):
    fake_java.put(tmp_path / "bin", monkeypatch)
    config = run(task)
    results = train(config)
    assert [line.label for line in results.lines] == ["what was given, once more", "AdaLoRA"]
    for line in results.lines:
        assert {part: list(scores) for part, scores in line.scores.items()} == dict.fromkeys(parts, metrics)
    assert results.headline == tasks.TASKS[task].headline == "bleu"
    assert any("validation_bleu" in row for row in files.read_metrics(files.path_of(config)))
    assert metrics[-1] in table(results)


def test_without_java_the_run_tells_it_once_and_measures_the_rest(run, monkeypatch):
    kept = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, *more, **how: None if name == "java" else kept(name, *more, **how)
    )
    with pytest.warns(UserWarning, match="METEOR is left out") as told:
        results = train(run("dart"))
    assert len(told) == 1
    assert list(results.lines[-1].scores["test"]) == ["bleu", "ter"]


def test_one_prediction_stands_for_all_texts_of_an_input(run, tmp_path, monkeypatch):
    fake_java.put(tmp_path / "bin", monkeypatch)
    data = prepare(run("e2e"))
    assert len(data.train.features) == 8
    assert len(data.test["test"].features) == 4
    assert data.task.problem.references(data.test["test"]) == [TEXTS] * 4
