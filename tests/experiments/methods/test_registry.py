"""The rows of the registry."""

import pytest
import yaml

from adalora import ConfigError
from experiments import methods
from experiments.commands import shipped
from experiments.methods import METHODS


@pytest.mark.parametrize("name", METHODS)
def test_a_row_is_complete(name):
    method = METHODS[name]
    assert method.name == name
    assert method.label
    assert "arXiv " in method.paper
    assert 0 < method.rates[0] < method.rates[-1] == max(method.rates)
    assert len(method.rates) == 5


def test_the_head_alone_may_choose_the_rate_that_the_recipe_gives_it():
    recipe = yaml.safe_load(shipped.shipped()["recipe"].read_text())
    assert recipe["baseline"]["learning_rate"] in METHODS["head"].rates


def test_an_unknown_method_is_refused():
    with pytest.raises(ConfigError, match=r"method is 'rslor'; allowed: adalora, lora, .* 'rslora' or"):
        methods.get("rslor")


def test_the_rows_cannot_be_changed():
    with pytest.raises(AttributeError):
        METHODS["lora"].rates = ()
    with pytest.raises(TypeError):
        METHODS["lora"].needs["adapter.update"] = "svd"
