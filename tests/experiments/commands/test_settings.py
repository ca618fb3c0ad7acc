"""Settings from a file and the words behind it."""

import pytest
import yaml

from adalora import ConfigError
from experiments.commands.settings import make_parser, names, read
from experiments.config import RunConfig

PLAIN = {"name": "a", "task": "stsb", "model": "minilm"}


@pytest.fixture
def parse(tmp_path):
    """Return a function from a file's content and words to settings."""

    def make(content, *words):
        path = tmp_path / "settings.yaml"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return read(RunConfig, make_parser(RunConfig, "train", "usage", "about"), path, list(words))

    return make


def test_a_file_over_the_defaults_and_words_over_the_file(parse):
    content = {
        **PLAIN,
        "training": {"epochs": 2.0, "batch_size": 8},
        "adapter": {"target_modules": ["query"]},
    }
    found = parse(content, "--training.batch_size", "4", "--seed=3", "--training.learning_rate", "1e-3")
    assert found.training.epochs == 2.0
    assert found.training.batch_size == 4
    assert found.training.learning_rate == 1e-3
    assert found.training.accumulation == 1
    assert found.seed == 3
    assert found.adapter.target_modules == ["query"]
    assert parse(content, "--adapter.target_modules", "[key, value]").adapter.target_modules == [
        "key",
        "value",
    ]


def test_a_recipe_stands_in_for_what_neither_file_nor_words_give(parse):
    found = parse(PLAIN)
    assert (found.adapter.init, found.allocation.orthogonality) == ("orthogonal", 0.0)
    content = {**PLAIN, "adapter": {"recipe": "paper", "alpha": 3}, "allocation": {"final_steps": 0.25}}
    found = parse(content, "--allocation.recipe", "paper", "--allocation.interval=7")
    assert (found.adapter.init, found.adapter.alpha) == ("gaussian", 3.0)
    allocation = found.allocation
    assert (allocation.orthogonality, allocation.warmup_steps) == (0.1, 0)
    assert (allocation.final_steps, allocation.interval) == (0.25, 7)
    with pytest.raises(ConfigError, match=r"recipe is 'papers'; allowed: 'default' or 'paper'"):
        parse(PLAIN, "--allocation.recipe", "papers")


def test_numbers_as_yaml_writes_them(parse):
    found = parse("name: a\ntask: stsb\nmodel: minilm\ntraining: {learning_rate: 1e-3, lr_warmup: 10}\n")
    assert found.training.learning_rate == 1e-3
    assert found.training.lr_warmup == 10


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (PLAIN | {"seeds": 1}, (), r"^seeds is no setting\. Did you mean 'seed'"),
        (
            PLAIN | {"training": {"learnin_rate": 1}},
            (),
            r"^training.learnin_rate is no setting\. Did you mean",
        ),
        (PLAIN, ("--adapter.rnk", "3"), r"^adapter.rnk is no setting\. Did you mean 'adapter.rank'"),
        (PLAIN, ("--config=x",), "^config is no setting"),
        (PLAIN | {"adapter": {"rank": "many"}}, (), "^adapter.rank is 'many'; allowed: a whole number.$"),
        (PLAIN, ("--adapter.dora", "maybe"), "^adapter.dora is 'maybe'; allowed: true or false.$"),
        (PLAIN, ("--data.text_columns", "3"), "^data.text_columns is '3'; allowed: a list, such as"),
        (PLAIN, ("--training.epochs", "null"), "^training.epochs is null; allowed: a finite number.$"),
        (
            PLAIN,
            ("--training.left_ratio", "nan"),
            "^training.left_ratio is 'nan'; allowed: a finite number.$",
        ),
        (
            PLAIN,
            ("--training.left_ratio", ".inf"),
            "^training.left_ratio is inf; allowed: a finite number above",
        ),
        (
            PLAIN,
            ("--training.max_steps", "x y"),
            "^training.max_steps is 'x y'; allowed: a whole number or null.$",
        ),
        (
            PLAIN,
            ("--training.factor_weight_decay", "abc"),
            "^training.factor_weight_decay is 'abc'; allowed: a finite number or null.$",
        ),
        (
            PLAIN,
            ("--training.precision", "int8"),
            "^training.precision is 'int8'; allowed: one of float32, bfloat16, float16.$",
        ),
        (
            PLAIN,
            ("--quantization.kind", "nf3"),
            "^quantization.kind is 'nf3'; allowed: one of nf4, fp4, int8 or null.$",
        ),
        (
            PLAIN,
            ("--quantization={kind: nf3}",),
            "^quantization.kind is 'nf3'; allowed: one of nf4, fp4, int8 or null.$",
        ),
        (
            PLAIN,
            ("--quantization", "nf4"),
            "^quantization is 'nf4', but it is a group of settings; allowed: --quantization.kind, --quantization.dou",
        ),
        (
            PLAIN,
            ("--training", "fast"),
            "^training is 'fast', but it is a group .* --training.learning_rate, ",
        ),
        (
            PLAIN | {"training": "fast"},
            (),
            "^training is 'fast', but it is a group .* --training.learning_rate, ",
        ),
        (PLAIN, ("--seed",), "--seed"),
        (PLAIN, ("stray",), "stray"),
        ({"name": "a", "model": "minilm"}, (), "task"),
        (PLAIN | {"seed": -1}, (), "^seed is -1; allowed"),
        ("- a\n- b\n", (), "allowed: settings, one NAME: VALUE a line"),
        ("", (), "allowed: settings"),
        ("name: [", (), "cannot be read as YAML"),
        (b"name: \xff", (), "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(parse, content, words, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(content, *words)
    assert "\n" not in str(caught.value)


def test_names_are_those_of_all_parts():
    found = names(RunConfig)
    assert {"seed", "training", "training.learning_rate", "allocation.beta1", "adapter.rank"} <= set(found)
    assert len(found) == len(set(found))
