"""Tasks from their files to their numbers, with tiny models."""

import pytest

from experiments import packages
from experiments.tasks import newsgroups, vader_movies
from experiments.train import train
from tests.experiments import tiny

CONV = ["c_attn", "c_proj"]  # GPT-2's names


@pytest.fixture
def decoder(config, tmp_path):
    """Return a maker of settings for a decoder that knows the words given."""

    def make(task, rows, words=(), **changes):
        tiny.save_gpt2(tmp_path / "gpt2", [*tiny.VOCABULARY, *words])
        for split in ("train", "validation", "test"):
            tiny.write_split(tmp_path / task, split, rows)
        data = {"path": str(tmp_path / task), "max_length": 32, "target_length": 30}
        settings = {
            "adapter": {"recipe": "paper", "rank": 4, "target_modules": CONV},
            "baseline": {"head": False},
        }
        return config(task=task, model=str(tmp_path / "gpt2"), data=data, **(settings | changes))

    return make


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    tiny.write_newsgroups(tmp_path)
    place = tmp_path / packages.VADER.inside
    place.parent.mkdir()
    lines = [f"{i}\t{i % 7 - 3}.5\t{'good' if i % 2 else 'bad'} film {i}" for i in range(60)]
    place.write_text("\r\n".join(lines))
    monkeypatch.setattr(packages, "roots", lambda: [tmp_path])
    monkeypatch.setattr(newsgroups, "VALIDATION", 8)
    monkeypatch.setattr(vader_movies, "TEST", 12)
    monkeypatch.setattr(vader_movies, "VALIDATION", 8)


@pytest.mark.parametrize(
    ("task", "labels", "names"),
    [("newsgroups", 20, {"accuracy"}), ("vader_movies", 1, {"pearson", "spearman"})],
)
def test_the_packages(config, stand_ins, task, labels, names):
    results = train(config(task=task, baseline={"head": False}, data={"max_length": 16}))
    assert results.labels == labels
    assert set(results.lines[-1].scores["test"]) == names
    assert results.rank.kept == results.rank.budget


def test_chats(decoder):
    rows = [{"id": "1", "dialogue": "a: good?\nb: bad.", "summary": "the film was bad."}]
    results = train(decoder("samsum", rows))
    assert results.lines[0].label == "what was given, once more"
    assert set(results.lines[-1].scores["test"]) == {"rouge1", "rouge2", "rougeL"}


SQL = [*"()='<>|", "SELECT", "COUNT", "FROM", "table", "WHERE", "AND", "col0", "col1", "real", "text"]


def test_queries_are_learned(decoder):
    table = {"header": ["a", "b"], "types": ["text", "text"], "rows": [["x", "y"], ["z", "y"]], "name": "t"}
    none = {"column_index": [], "operator_index": [], "condition": []}
    one = {"column_index": [0], "operator_index": [0], "condition": ["z"]}
    rows = [
        {"question": "who", "table": table, "sql": {"sel": 0, "agg": 3, "conds": none}},
        {"question": "the answer", "table": table, "sql": {"sel": 1, "agg": 0, "conds": one}},
    ]
    training = {"max_steps": 150, "batch_size": 2, "learning_rate": 0.03, "log_every": 50}
    settings = decoder("wikisql", rows, SQL, method="full", training=training, evaluation={"every": 0})
    results = train(settings)
    assert results.lines[0].label == "first column, all rows"
    assert results.lines[0].scores["test"] == {"logical_form": 0, "execution": 0}
    assert results.lines[-1].scores["test"] == {"logical_form": 1, "execution": 1}


def test_an_adapter_on_queries(decoder):
    table = {"header": ["a"], "types": ["text"], "rows": [["x"]], "name": "t"}
    conds = {"column_index": [0], "operator_index": [0], "condition": ["x"]}
    results = train(
        decoder("wikisql", [{"question": "who", "table": table, "sql": {"sel": 0, "agg": 0, "conds": conds}}])
    )
    assert set(results.lines[-1].scores["test"]) == {"logical_form", "execution"}
    assert results.lines[0].scores["test"] == {"logical_form": 0, "execution": 1}
