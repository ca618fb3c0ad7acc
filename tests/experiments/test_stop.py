"""SIGTERM at every moment of a run: a checkpoint where there is something to keep, and the end in any case."""

import os
import signal
import threading
from dataclasses import replace

import pytest
from transformers import TrainerCallback

from experiments import files
from experiments import train as module
from experiments.stop import Listener, Terminated, listening
from experiments.train import train
from tests.experiments.resume import same

TRAINING = {"max_steps": 6, "batch_size": 4, "log_every": 1}
HEAD = "head only"


class Ask(TrainerCallback):
    """Sends this process SIGTERM at one moment of a training, some times over."""

    def __init__(self, moment, step=3, times=1):
        self.step, self.times = step, times
        setattr(self, moment, self.send)

    def send(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def ended(monkeypatch):
    """Return a function that trains, is asked to end in the training of a label, and tells what was said."""
    whole = module.fit

    def run(config, label, ask):
        def fit(*args, **words):
            own = [ask] if words["label"] == label else []
            return whole(*args, **words | {"callbacks": [*own, *words["callbacks"]]})

        with monkeypatch.context() as patch, listening() as listener:
            patch.setattr(module, "fit", fit)
            with pytest.raises(Terminated) as caught:
                train(config, listener)
        return str(caught.value)

    return run


def kept(config):
    return sorted(path.name for path in files.workshop_of(config).glob("checkpoint-*"))


@pytest.mark.parametrize("moment", ["on_step_begin", "on_step_end", "on_evaluate"])
def test_in_its_own_training_a_run_keeps_a_checkpoint_and_goes_on_from_it(config, ended, moment):
    run = config(training=TRAINING, evaluation={"every": 3})
    step = 2 if moment == "on_step_begin" else 3
    assert "with a checkpoint; run the same command with --resume true" in ended(
        run, "AdaLoRA", Ask(moment, step)
    )
    assert kept(run) == ["checkpoint-3"]
    train(replace(run, resume=True))
    other = replace(run, name="undisturbed")
    train(other)
    same(files.path_of(other), files.path_of(run))


def test_behind_the_last_step_nothing_is_lost(config, ended):
    run = config(training=TRAINING)
    assert "--resume true repeats what is missing" in ended(run, "AdaLoRA", Ask("on_train_end", 6))
    assert not files.path_of(run).exists()


def test_in_the_training_of_a_baseline_there_is_nothing_to_keep(config, ended):
    run = config(training=TRAINING)
    assert "before the run's own training; run it again to begin anew" in ended(
        run, HEAD, Ask("on_step_begin")
    )
    assert kept(run) == []


def test_a_second_signal_is_not_waited_with(config, ended):
    run = config(training=TRAINING)
    said = ended(run, "AdaLoRA", Ask("on_step_begin", times=2))
    assert said == "ended by SIGTERM, without a checkpoint of this moment."
    assert kept(run) == []


def test_outside_a_training_it_ends_at_once_and_afterwards_the_process_has_its_own_answer_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated, match="without a checkpoint"), listening():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_a_thread_nobody_listens():
    found = []

    def listen():
        with listening() as listener:
            found.append((listener, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    ((listener, answer),) = found
    assert isinstance(listener, Listener)
    assert answer is not listener
