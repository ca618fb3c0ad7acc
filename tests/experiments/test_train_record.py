"""A run keeps what it has trained, warns once, and records what it really did."""

import json
from dataclasses import replace

import pytest

from adalora import ConfigError
from experiments import files
from experiments.train import train


def test_what_was_trained_outlives_a_measurement_that_breaks(config, monkeypatch):
    monkeypatch.setattr("experiments.fit._measure", lambda *args: 1 / 0)
    for method, kept in (("adalora", {"adapter", "allocation.json"}), ("head", {"head.safetensors"})):
        settings = config(name=method, method=method, baseline={"head": False})
        with pytest.raises(ZeroDivisionError):
            train(settings)
        workshop = files.workshop_of(settings)
        assert kept < {path.name for path in workshop.iterdir()}
        with pytest.raises(ConfigError, match=r"unfinished run of that name with a trained .*: true"):
            train(settings)
        assert kept < {path.name for path in workshop.iterdir()}


@pytest.mark.filterwarnings("always:'all-linear'")
def test_what_there_is_to_warn_of_is_said_once(config):
    adapter = {"rank": 4, "exclude_modules": ["pooler"]}
    with pytest.warns(UserWarning, match="'all-linear' leaves out 1 layers") as seen:
        train(config(adapter=adapter, baseline={"head": False}))
    assert len([one for one in seen if "all-linear" in str(one.message)]) == 1


def test_the_settings_of_a_run_are_those_that_it_took(config, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    settings = config(method="lora", baseline={"head": False})
    training = replace(settings.training, optimizer="paged_adamw_32bit")
    with pytest.warns(UserWarning, match="needs a CUDA device"):
        results = train(replace(settings, training=training))
    folder = files.path_of(settings)
    page = (folder / files.REPORT).read_text()
    for text in ((folder / files.CONFIG).read_text(), page):
        assert "update: lora" in text
        assert "update: svd" not in text
    assert results.optimizer == json.loads((folder / files.RESULTS).read_text())["optimizer"] == "adamw"
    assert "on the CPU plain AdamW takes its place" in page
