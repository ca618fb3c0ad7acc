"""``adalora plan``: what it prints, and what it refuses."""

import json

import pytest

from experiments import files
from experiments.cli import main
from tests.experiments.planning.conftest import LLAMA_70B


@pytest.fixture
def told(config, tmp_path, capsys):
    """Return a function that plans and returns status, output and errors."""

    def plan(*words, **changes):
        path = tmp_path / "run.yaml"
        path.write_text(files.to_yaml(config(**changes)))
        status = main(["plan", str(path), *words])
        return (status, *capsys.readouterr())

    return plan


def test_a_run_is_planned_and_nothing_is_written(told, tmp_path):
    status, out, _ = told("--training.save_every", "4")
    assert status == 0
    for word in (
        "12 matrices",
        "adapter file",
        "optimizer",
        "controller",
        "not estimated",
        "fits this machine",
    ):
        assert word in out
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("method", ["full", "bitfit", "lora", "qlora", "adapter-p", "preembed", "lora+pl"])
def test_every_kind_of_method_is(told, method):
    status, out, _ = told("--method", method, "--adapter.update", "lora", "--adapter.init", "kaiming")
    assert status == 0
    assert "controller" not in out
    assert ("quantised" in out) == (method == "qlora")


def test_70_billion_weights_are(told, tmp_path):
    folder = tmp_path / "llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_70B))
    status, out, _ = told(model=str(folder), task="samsum", adapter={}, allocation={}, data={})
    assert status == 0
    assert "70,553,706,496 weights" in out
    assert "560 matrices" in out
    assert "155,327,040" in out


def test_steps_that_need_rows_which_are_not_there(told):
    _, out, _ = told(task="glue/sst2", training={"epochs": 1.0}, data={})
    assert "steps         not known: the data set 'nyu-mll/glue' could not be read" in " ".join(
        out.split("\n")
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "nowhere"], "model is 'nowhere', which is no folder"),
        (["--allocation.target_rank", "9"], "target_rank is 9"),
        (["--adapter.rank", "99"], "rank is 99; allowed for"),
        (["--methd", "lora"], "methd is no setting. Did you mean 'method'"),
        (["--task", "glue/sst"], "task is 'glue/sst'; allowed:"),
        (["--method", "bitfitt"], "method is 'bitfitt'; allowed:"),
    ],
)
def test_what_is_wrong_is_named(told, words, said):
    status, out, err = told(*words)
    assert (status, out) == (2, "")
    assert said in err


def test_its_words(capsys):
    assert main(["plan"]) == 2
    assert "config is missing; usage: adalora plan CONFIG" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--help"])
    assert ended.value.code == 0
    assert "adalora plan CONFIG" in capsys.readouterr().out
