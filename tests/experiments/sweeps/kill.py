"""Sweeps that are killed, three times over, and started again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from tests.experiments import tiny
from tests.experiments.resume import TIMES

RUNS = 12
_NOT_ALIKE = {"seconds", "versions"}
_PROGRAM = "import sys\nfrom experiments.cli import main\nif __name__ == '__main__':\n    sys.exit(main(sys.argv[1:]))\n"


def write_sweep(bert, folder):
    """Write a sweep of 12 runs on a tiny model, and return its file."""
    data = tiny.write_opinions(folder / "opinions")
    base = {
        "task": "hub:opinions",
        "model": str(bert),
        "adapter": {"rank": 4, "target_modules": ["query", "value"], "train_modules": ["classifier"]},
        "allocation": {"target_rank": 2},
        "training": {"max_steps": 8, "batch_size": 4},
        "data": {"path": str(data), "max_length": 16},
        "evaluation": {"batch_size": 8},
    }
    grid = {"method": ["lora", "adalora"], "training.learning_rate": [1e-3, 1e-2], "seed": [0, 1, 2]}
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump({"name": "twelve", "base": base, "grid": grid}, sort_keys=False))
    return file


def start(folder, sweep, output, before=""):
    """Start the sweep in processes of its own; ``before`` is Python that stands before it in all of them."""
    program = folder / "program.py"
    program.write_text(before + _PROGRAM)
    return subprocess.Popen(  # noqa: S603
        [sys.executable, str(program), "sweep", str(sweep), "--output", str(output), "--jobs", "2"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())]),
            "HF_DATASETS_CACHE": str(folder / "cache"),
        },
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_three_times(folder, sweep, output, before=""):
    """Kill the sweep at a random moment after a random number of further results, three times over."""
    chance = random.Random(8)  # noqa: S311
    for _ in range(3):
        process = start(folder, sweep, output, before)
        wanted = len(list(output.glob("*.json"))) + chance.randint(0, 2)
        deadline = time.monotonic() + 120
        while len(list(output.glob("*.json"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        assert process.poll() is None, process.communicate()
        os.kill(process.pid, signal.SIGKILL)  # the processes that train are not told
        process.communicate(timeout=60)  # ends when the last of them has closed what they share
        assert len(list(output.glob("*.json"))) < RUNS


def finish(folder, sweep, output, before=""):
    """Run the sweep to its end and return what it prints."""
    process = start(folder, sweep, output, before)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return said


def results(output):
    """Return what every file of a finished sweep holds, apart from times, by its name."""
    assert all(path.suffix == ".json" for path in output.iterdir()), list(output.iterdir())
    return {path.name: _alike(json.loads(path.read_text())) for path in output.iterdir()}


def _alike(result):
    """Return what two runs of the same settings have to have in common."""
    rows = [
        {key: value for key, value in row.items() if not key.endswith(TIMES)} for row in result.get("log", [])
    ]
    return {name: value for name, value in result.items() if name not in _NOT_ALIKE} | {"log": rows}
