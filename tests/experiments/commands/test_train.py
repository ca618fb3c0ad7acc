"""``adalora train``: its words."""

import pytest

from adalora import ConfigError
from experiments.commands.train import read


def test_a_shipped_name_and_what_is_put_over_it():
    config = read(["recipe", "--name", "other"])
    assert (config.name, config.task) == ("other", "rotten_tomatoes")


def test_a_method_brings_its_own_update_and_the_start_of_that():
    config = read(["recipe", "--method", "lora"])
    assert (config.adapter.update, config.adapter.init) == ("lora", "kaiming")
    config = read(["recipe", "--method=lora", "--adapter.update=svd", "--adapter.init=pissa"])
    assert (config.adapter.update, config.adapter.init) == ("svd", "pissa")
    assert read(["recipe", "--method", "dora"]).adapter.init == "kaiming"
    for method in ("adalora-nf4", "full"):
        assert read(["recipe", "--method", method]).adapter.init == "orthogonal"
    assert read(["recipe"]).adapter.init == "orthogonal"


@pytest.mark.parametrize("words", [[], ["--seed", "3"]])
def test_without_a_file_the_usage_is_told(words):
    with pytest.raises(
        ConfigError,
        match=r"config is missing; usage: adalora train CONFIG .* adalora, lora, loveda, paper/",
    ):
        read(words)
