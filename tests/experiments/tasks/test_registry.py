"""Tasks by name."""

import pytest

from adalora import ConfigError
from experiments import tasks
from experiments.config import DataConfig


def test_every_row_bears_its_name_and_its_headline_is_a_metric():
    for name, task in tasks.TASKS.items():
        assert task.name == name
        assert task.about.endswith((".", "?"))


def test_it_is_known_where_the_test_rows_are_the_validation_rows():
    glue = {name for name in tasks.TASKS if name.startswith("glue/")}
    assert {name for name in tasks.TASKS if not tasks.held_out(name)} == glue | {"squad_v2", "loveda"}
    assert not tasks.held_out("hub:mine")


def test_an_unknown_task_lists_the_near_ones():
    with pytest.raises(ConfigError, match=r"task is 'glue/sst-2'; allowed: .* Did you mean 'glue/sst2'"):
        tasks.get("glue/sst-2", DataConfig())


@pytest.mark.parametrize(
    ("name", "settings", "field"),
    [
        ("loveda", {"max_length": 64}, "data.max_length"),
        ("loveda", {"stride": 16}, "data.stride"),
        ("loveda", {"target_length": 32}, "data.target_length"),
        ("glue/sst2", {"stride": 16}, "data.stride"),
        ("squad_v2", {"target_length": 32}, "data.target_length"),
        ("xsum", {"stride": 16}, "data.stride"),
        ("e2e", {"stride": 16}, "data.stride"),
    ],
)
def test_a_length_that_the_problem_does_not_read_is_refused(name, settings, field):
    with pytest.raises(ConfigError, match=rf"^{field} is .*; allowed: .* for {name}, which does not read it"):
        tasks.get(name, DataConfig(**settings))


def test_a_length_that_the_problem_reads_is_taken():
    assert tasks.get("squad_v2", DataConfig(max_length=384, stride=128)).name == "squad_v2"
    assert tasks.get("xsum", DataConfig(max_length=384, target_length=32)).name == "xsum"


@pytest.mark.parametrize(
    ("name", "settings", "field"),
    [
        ("stsb", {"path": "somewhere"}, "data.path"),
        ("stsb", {"label_column": "score"}, "data.label_column"),
        ("glue/sst2", {"text_columns": ["a"]}, "data.text_columns"),
        ("glue/sst2", {"subset": "sst2"}, "data.subset"),
        ("squad_v2", {"eval_split": "test"}, "data.eval_split"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(name, settings, field):
    with pytest.raises(ConfigError, match=rf"^{field} is .*hub:NAME"):
        tasks.get(name, DataConfig(**settings))
