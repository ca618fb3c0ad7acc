"""A training that is killed at random moments: the newest whole checkpoint goes on, and ends as if undisturbed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from experiments import files
from experiments.checkpoints import newest
from tests.experiments.resume import same

TRAINING = {"max_steps": 24, "batch_size": 4, "log_every": 1, "save_every": 1}


class Victim:
    """The helper process, and the words that it is given."""

    def __init__(self, folder):
        environment = {
            "PYTHONPATH": str(Path.cwd()),
            "HF_DATASETS_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        self.errors = (folder / "errors.txt").open("w+")
        program = Path(__file__).with_name("victim.py")
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, str(program)], env=os.environ | environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip
        assert self.process.stdout.readline().split() == ["ready", "1"]

    def start(self, file, *words):
        print("train", file, *words, file=self.process.stdin, flush=True)
        return int(self._answer("child"))

    def end(self):
        return int(self._answer("ended"))

    def _answer(self, what):
        for line in self.process.stdout:
            if line.startswith(f"{what} "):
                return line.split()[1]
        raise AssertionError("the helper has ended")

    def said(self):
        self.errors.flush()
        return Path(self.errors.name).read_text()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.errors.close()


@pytest.fixture
def victim(tmp_path):
    helper = Victim(tmp_path)
    yield helper
    helper.close()


def written(config, folder):
    file = folder / f"{config.name}.yaml"
    settings = asdict(config)
    file.write_text(yaml.safe_dump(settings))
    return file


def wait_for(there, seconds=120):
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.002)


def kill_and_go_on(victim, config, folder, kills):
    """Train one run undisturbed, and another one that is killed so often; return how many kills hit."""
    chance = random.Random(kills)  # noqa: S311
    whole = config(name="whole", training=TRAINING, baseline={"head": False})
    other = config(name="other", training=TRAINING, baseline={"head": False})
    victim.start(written(whole, folder))
    assert victim.end() == 0, victim.said()
    file, workshop = written(other, folder), files.workshop_of(other)
    hits, resume, again = 0, [], 0
    while hits < kills:
        child = victim.start(file, *resume, "--overwrite", "false" if resume else "true")
        begun = newest(workshop).step if resume else 0
        ends = begun + chance.randint(0, 2)
        finished = files.path_of(other)
        wait_for(lambda: finished.exists() or getattr(newest(workshop), "step", 0) > ends)  # noqa: B023
        time.sleep(chance.uniform(0, 0.12))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        code = victim.end()
        assert code in (-signal.SIGKILL, 0), victim.said()
        if code == 0:  # it was through before the moment came: another one of the same kind
            same(files.path_of(whole), finished)
            resume, again = [], again + 1
            assert again <= kills
            continue
        hits += 1
        checkpoint = newest(workshop)
        if finished.exists():  # killed behind its last rename
            resume = []
            continue
        load_file(checkpoint.folder / "model.safetensors")
        assert checkpoint.step >= begun
        resume = ["--resume", "true"]
    if resume:
        victim.start(file, *resume)
        assert victim.end() == 0, victim.said()
    same(files.path_of(whole), files.path_of(other))
    assert not workshop.exists()


def test_four_kills(victim, config, tmp_path):
    kill_and_go_on(victim, config, tmp_path, 4)


@pytest.mark.slow
def test_fifty_kills(victim, config, tmp_path):
    kill_and_go_on(victim, config, tmp_path, 50)


@pytest.mark.parametrize("every", [0, pytest.param(5, marks=pytest.mark.slow)])
def test_sigterm_leaves_one_checkpoint_to_go_on_from(every, victim, config, tmp_path):
    training = TRAINING | {"max_steps": 60, "save_every": every, "log_every": 1}
    whole = config(name="whole", training=training, baseline={"head": False})
    other = config(name="other", training=training, baseline={"head": False})
    victim.start(written(whole, tmp_path))
    assert victim.end() == 0, victim.said()
    file, workshop = written(other, tmp_path), files.workshop_of(other)
    child = victim.start(file)
    rows = workshop / files.METRICS
    wait_for(lambda: rows.exists() and len(rows.read_text().splitlines()) > 6)
    os.kill(child, signal.SIGTERM)
    assert victim.end() == 143
    checkpoint = newest(workshop)
    assert (
        f"ended by SIGTERM at step {checkpoint.step}, with a checkpoint; run the same command with"
        in victim.said()
    )
    assert "--resume true" in victim.said()
    victim.start(file, "--resume", "true")
    assert victim.end() == 0, victim.said()
    same(files.path_of(whole), files.path_of(other))
