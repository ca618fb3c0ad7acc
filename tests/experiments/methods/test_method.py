"""The settings that methods take."""

import pytest

from adalora import ConfigError
from experiments.methods import METHODS


def test_the_settings_that_come_with_a_method(config):
    assert METHODS["lora"].resolve(config()).adapter.update == "lora"
    for name in ("adalora", "head", "full", "ft-top2", "bitfit"):
        assert METHODS[name].resolve(config()) == config()
    plus = METHODS["lora+"]
    assert plus.resolve(config()).training.left_ratio == 16
    chosen = config(training={"max_steps": 8, "left_ratio": 4.0})
    assert plus.resolve(chosen).training.left_ratio == 4
    assert METHODS["rslora"].resolve(config()).adapter.scaling == "rslora"
    assert METHODS["adalora-dora"].resolve(config()).adapter.dora
    assert METHODS["qlora"].resolve(config()).quantization.kind == "nf4"


@pytest.mark.parametrize("name", METHODS)
def test_settings_that_are_resolved_stay_so(config, name):
    resolved = METHODS[name].resolve(config(method=name))
    assert METHODS[name].resolve(resolved) == resolved


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "adalora",
            {"adapter": {"update": "lora"}},
            "adapter.update is 'lora'; allowed: 'svd' with method: ada",
        ),
        ("rslora", {"adapter": {"scaling": "width"}}, "scaling is 'width'; allowed: 'lora' or 'rslora'"),
        (
            "qlora",
            {"quantization": {"kind": "int8"}},
            "quantization.kind is 'int8'; allowed: 'nf4' with method",
        ),
        (
            "full",
            {"quantization": {"kind": "nf4"}},
            "quantization.kind is 'nf4'; allowed: null with method: full",
        ),
        (
            "bitfit",
            {"training": {"left_ratio": 2.0}},
            "training.left_ratio is 2.0; allowed: 1 with method: bit",
        ),
        (
            "ft-top2",
            {"training": {"factor_weight_decay": 0.1}},
            "training.factor_weight_decay is 0.1; allowed: null",
        ),
    ],
)
def test_a_setting_that_makes_it_another_method_is_refused(config, name, changes, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        METHODS[name].resolve(config(method=name, **changes))
