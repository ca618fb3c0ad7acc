"""``adalora methods``: what it lists."""

from experiments.cli import main
from experiments.methods import METHODS


def test_methods_are_listed(capsys):
    assert main(["methods"]) == 0
    printed = capsys.readouterr().out
    for method in METHODS.values():
        assert method.label in printed
        assert method.paper in printed
    assert "training.left_ratio 16" in printed
    assert "counted" not in printed


def test_both_numbers_are_printed(capsys):
    assert main(["methods", "--counts"]) == 0
    printed = capsys.readouterr().out
    for one, other in (("0.35 M", "0.393 M"), ("0.77 M", "0.737 M"), ("354.92 M", "354.823 M")):
        assert any(one in line and other in line for line in printed.splitlines())


def test_a_word_that_is_no_option(capsys):
    assert main(["methods", "--count"]) == 2
    assert "option is '--count'; allowed: --counts. Did you mean '--counts'?" in capsys.readouterr().err
    assert main(["methods", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: adalora methods [--counts]")
