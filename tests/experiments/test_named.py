"""Settings by their full names."""

import pytest

from adalora import ConfigError
from experiments.config import RunConfig, TrainingConfig
from experiments.named import setting_of, with_setting

RATE = "training.learning_rate"
CONFIG = RunConfig("x", "t", "m", seed=3, training=TrainingConfig(learning_rate=0.25))


def test_a_value_is_found_by_the_full_name_of_its_setting():
    assert (setting_of(CONFIG, RATE), setting_of(CONFIG, "seed")) == (0.25, 3)
    assert setting_of(CONFIG, "training") == CONFIG.training


def test_a_value_is_put_in_place_and_nothing_else_changes():
    changed = with_setting(with_setting(CONFIG, RATE, 0.5), "seed", 4)
    assert changed == RunConfig("x", "t", "m", seed=4, training=TrainingConfig(learning_rate=0.5))
    assert CONFIG.seed == 3
    with pytest.raises(ConfigError, match=r"training.learning_rate is -1; allowed"):
        with_setting(CONFIG, RATE, -1)
