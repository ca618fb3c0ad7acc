"""What the runs of a sweep need."""

from dataclasses import replace

import pytest

from adalora import ConfigError, DataError
from experiments.sweeps.runs import require_data
from experiments.sweeps.store import key_of


def test_data_that_do_not_fit_are_named_before_anything_trains(config):
    good = config()
    require_data([good, replace(good, seed=1)])
    with pytest.raises(ConfigError, match=r"run wrong: task is 'sst3'; allowed: .*hub:NAME"):
        require_data([good, replace(good, name="wrong", task="sst3")])
    with pytest.raises(DataError, match=r"run gone: data\.path is '/nowhere'"):
        require_data([good, replace(good, name="gone", data=replace(good.data, path="/nowhere"))])
    assert key_of(good) == key_of(replace(good, name="other"))
