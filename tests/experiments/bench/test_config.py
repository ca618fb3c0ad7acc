"""What the benchmark's settings refuse, and how they say so."""

import pytest

from adalora import ConfigError
from experiments.bench.config import SECTIONS, BenchConfig, InferenceConfig, SweepConfig


def test_by_default_everything_is_measured():
    config = BenchConfig()
    assert config.cases == ["bert-4x768", "minilm", "bert-6x768"]
    assert config.sections == list(SECTIONS)
    assert (config.rank, config.target_rank, config.run_steps) == (12, 8, 300)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"cases": ["bert-4x76"]},
            r"^cases is 'bert-4x76'; allowed: bert-4x768, minilm, bert-6x768\. Did you mean",
        ),
        (
            {"sections": ["step"]},
            r"^sections is 'step'; allowed: steps, run, memory, .*\. Did you mean 'steps'",
        ),
        ({"sections": []}, r"^sections is \[\]; allowed: a list of different names, one at least"),
        ({"cases": ["minilm", "minilm"]}, "^cases is .*; allowed: a list of different names"),
        ({"rounds": 0}, "^rounds is 0; allowed: at least 1"),
        ({"warmup_rounds": -1}, "^warmup_rounds is -1; allowed: at least 0"),
        ({"run_steps": 9}, "^run_steps is 9; allowed: at least 10"),
        ({"target_rank": 13}, "^target_rank is 13; allowed: at most rank = 12"),
        ({"threads": 0}, "^threads is 0; allowed: at least 1, or null"),
        ({"dtype": "int8"}, "^dtype is 'int8'; allowed: one of float32, bfloat16, float16"),
        ({"device": "gpu"}, "^device is 'gpu'; allowed: 'cpu'"),
        ({"device": "xpu"}, "^device is 'xpu'; allowed: 'cpu'"),
        ({"model": ""}, "^model is ''; allowed: null, 'minilm', a local folder"),
        ({"seeds": [1, 1]}, r"^seeds is \[1, 1\]; allowed: a list of different whole numbers of at least 0"),
        ({"seed": -1}, "^seed is -1; allowed: at least 0"),
        ({"output": ""}, "^output is ''; allowed: the path of a folder"),
    ],
)
def test_what_is_wrong_is_named(fields, message):
    with pytest.raises(ConfigError, match=message):
        BenchConfig(**fields)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (SweepConfig, {"matrices": []}, r"^sweep.matrices is \[\]; allowed: a list of different whole"),
        (SweepConfig, {"ranks": [0]}, r"^sweep.ranks is \[0\]; allowed: a list of different whole numbers"),
        (SweepConfig, {"rounds": 0}, "^sweep.rounds is 0"),
        (InferenceConfig, {"layers": 0}, "^inference.layers is 0"),
        (InferenceConfig, {"width": 100}, "^inference.width is 100; allowed: at most 64, or a multiple"),
        (InferenceConfig, {"width": 64, "ranks": [65]}, r"^inference.ranks is \[65\]; allowed: ranks up to"),
        (InferenceConfig, {"batches": [-1]}, r"^inference.batches is \[-1\]"),
    ],
)
def test_groups_name_themselves(kind, fields, message):
    with pytest.raises(ConfigError, match=message):
        kind(**fields)
