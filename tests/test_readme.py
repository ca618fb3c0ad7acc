"""Every code block of the README runs, in order, as a reader would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset

from tests.models import bert, bert_batches

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = [code for language, code in BLOCKS if language == "sh"]


def test_there_is_no_block_that_nothing_runs():
    assert len(PYTHON) + len(SHELL) == len(BLOCKS)
    assert PYTHON
    assert SHELL


# The README leaves the Trainer's settings at their defaults, which pin memory even without a GPU.
@pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")
def test_the_python_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = bert(labels=2)
    model.config.hidden_size = 16
    model.save_pretrained("bert-base-uncased")  # the name in the README, as a local folder
    loader = list(bert_batches(200, labels=2))
    rows = Dataset.from_list(
        [
            {"input_ids": ids.tolist(), "labels": int(y)}
            for b in loader[:40]
            for ids, y in zip(*b.values(), strict=True)
        ]
    )
    names = {"loader": loader, "dataset": rows, "batch": loader[0], "__name__": "readme"}
    for code in PYTHON:
        exec(compile(code, "README.md", "exec"), names)  # noqa: S102
    controller = names["controller"]
    assert sum(controller.ranks().values()) == controller.budget == 8 * len(controller.ranks())
    assert (tmp_path / "ranks.png").stat().st_size > 10_000
    assert (tmp_path / "evolution.png").stat().st_size > 10_000


def typed(code, folder):
    """Run a block in a shell, and return what it has printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(  # noqa: S602
        f"set -e\n{code}",
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_first_shell_block_runs(tmp_path):
    assert "runs/quick/report.html" in typed(SHELL[0], tmp_path)
    assert (tmp_path / "runs/quick/report.html").is_file()


@pytest.mark.slow
def test_the_shell_blocks_run(tmp_path):
    said = "".join(typed(code, tmp_path) for code in SHELL)
    for name in ("quick", "plain", "quick-analysis", "quick-comparison"):
        assert f"runs/{name}/report.html" in said
        assert (tmp_path / f"runs/{name}/report.html").is_file()
    assert len(list((tmp_path / "runs/sweeps/rates").glob("*.json"))) == 4
    assert (tmp_path / "runs/sweeps/rates/report/report.html").is_file()
