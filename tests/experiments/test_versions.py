"""With what a run was made."""

import json
import shutil
import subprocess

import torch

import adalora
from experiments.versions import versions


def git(*words):
    subprocess.run([shutil.which("git"), *words], check=True, capture_output=True)  # noqa: S603


def test_everything_needed_to_repeat_a_run_is_there():
    found = versions(seed=3)
    assert found["seed"] == 3
    assert found["packages"]["torch"] == torch.__version__
    assert found["packages"]["adalora"] == adalora.__version__
    assert {"bitsandbytes", "torchmetrics", "pillow"} < set(found["packages"])
    assert found["machine"]["cores"] >= 1
    assert json.loads(json.dumps(found)) == found


def test_the_commit_is_that_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert versions(0)["commit"] is None
    git("init")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--allow-empty", "-m", "first")
    commit = versions(0)["commit"]
    assert len(commit) == 40
    (tmp_path / "new").write_text("changed")
    assert versions(0)["commit"] == commit + "+"


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert versions(0)["commit"] is None
