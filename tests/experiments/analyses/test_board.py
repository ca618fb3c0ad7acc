"""Pictures in TensorBoard while a run trains."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from adalora import ConfigError
from experiments import files
from experiments.train import train
from tests.experiments import tiny


def images(settings):
    events = EventAccumulator(
        str(files.path_of(settings) / files.TENSORBOARD), size_guidance={"images": 0}
    ).Reload()
    return {tag: [event.step for event in events.Images(tag)] for tag in events.Tags()["images"]}


@pytest.mark.parametrize("method", ["adalora", "lora"])
def test_they_come_when_asked_and_in_the_end(bert, tmp_path, method):
    opinions = tiny.write_opinions(tmp_path / "opinions")
    settings = tiny.config(
        bert,
        opinions,
        tmp_path / "runs",
        method=method,
        tensorboard_figures_every=5,
        baseline={"head": False},
    )
    train(settings)
    found = images(settings)
    assert found["analysis/spectra"] == [5, 8]
    names = {"ranks", "evolution", "strip", "budget", "scores"} if method == "adalora" else set()
    assert {f"analysis/{name}" for name in names} <= set(found)


def test_there_are_none_unless_asked(bert, tmp_path):
    settings = tiny.config(
        bert, tiny.write_opinions(tmp_path / "o"), tmp_path / "runs", baseline={"head": False}
    )
    train(settings)
    assert images(settings) == {}


def test_a_number_of_steps_is_not_negative(bert, tmp_path):
    with pytest.raises(
        ConfigError, match="tensorboard_figures_every is -1; allowed: a number of steps, or 0"
    ):
        tiny.config(bert, tmp_path, tmp_path, tensorboard_figures_every=-1)
