"""``adalora bench``: its words."""

import pytest

from adalora import ConfigError
from experiments.bench.config import BenchConfig
from experiments.cli import main
from experiments.commands.bench import read


def test_without_words_there_are_the_defaults():
    assert read([]) == BenchConfig()


def test_words_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "bench.yaml"
    path.write_text("rounds: 7\ncases: [minilm]\ninference: {rounds: 3}\n")
    words = ["--rounds", "5", "--sections", "[steps, memory]", "--inference.batches", "[2]"]
    config = read([str(path), *words])
    assert (config.rounds, config.cases, config.sections) == (5, ["minilm"], ["steps", "memory"])
    assert (config.inference.rounds, config.inference.batches) == (3, [2])
    assert read(["--target_modules", "all-linear"]).target_modules == "all-linear"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.yaml"], r"^config is 'none.yaml'; allowed: the path of a YAML file. Usage: adalora bench"),
        (["--round", "3"], r"^round is no setting\. Did you mean 'rounds'"),
        (["--rounds", "many"], "^rounds is 'many'; allowed: a whole number.$"),
        (["--dtype", "int8"], "^dtype is 'int8'; allowed: one of float32, bfloat16, float16.$"),
        (["--sections", "[stesp]"], r"^sections is 'stesp'; allowed: steps, .* Did you mean 'steps'"),
        (["--sweep", "3"], "^sweep is '?3'?, but it is a group of settings; allowed: --sweep.matrices"),
        (["--threads", "x"], "^threads is 'x'; allowed: a whole number or null.$"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read(words)
    assert "\n" not in str(caught.value)


def test_the_tables_are_printed(bert, tmp_path, capsys):
    words = ["--model", str(bert), "--batch", "2", "--tokens", "8", "--rank", "4", "--target_rank", "2"]
    words += ["--sections", "[memory]", "--output", str(tmp_path / "bench")]
    assert main(["bench", *words]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("# Benchmark")
    assert "| peft LoRA |" in said.out
    assert "memory: " in said.err
    assert main(["bench", *words]) == 2
    assert "set overwrite: true to replace them" in capsys.readouterr().err
