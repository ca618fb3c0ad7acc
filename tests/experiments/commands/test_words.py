"""The words of a command that takes folders and a handful of options."""

import pytest

from adalora import ConfigError
from experiments.commands.words import Form, Option

FORM = Form(
    "pack",
    "Pack.",
    "BOX",
    "a box",
    (
        Option("output", "where to", "DIR", needed=True),
        Option("flat", "make it flat"),
        Option("weights", "of the boxes", "W", several=True),
    ),
    many=True,
)


def test_folders_and_options_come_in_any_order():
    words = ["--output=o", "a", "--flat", "b", "--weights", "1", "-.5", "-1e-3"]
    assert FORM.read(words) == (
        ["a", "b"],
        {"output": ["o"], "flat": [], "weights": ["1", "-.5", "-1e-3"]},
    )


def test_the_help_tells_everything():
    text = FORM.help()
    assert text.startswith("usage: adalora pack BOX [BOX ...] --output DIR [--flat] [--weights W [W ...]]\n")
    for words in ("Pack.", "BOX", "a box", "--flat", "make it flat"):
        assert words in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "BOX is missing; usage: adalora pack BOX"),
        (["a"], "output is missing; usage: adalora pack BOX"),
        (["a", "--output"], "output is ''; allowed: DIR."),
        (["a", "--output", "--flat"], "output is ''; allowed: DIR."),
        (["a", "--flat=true", "--output", "o"], "flat is 'true'; allowed: no value."),
        (["a", "--flet", "--output", "o"], "option is '--flet'; allowed: --output, --flat, --weights. Did you mean '--flat'"),
        (["a", "-o", "o"], "option is '-o'; allowed: --output"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(words, said):
    with pytest.raises(ConfigError) as error:
        FORM.read(words)
    assert str(error.value).startswith(said)


def test_one_folder_where_one_is_taken():
    form = Form("pack", "Pack.", "BOX", "a box", ())
    with pytest.raises(ConfigError, match=r"BOX is \['a', 'b'\]; allowed: one BOX"):
        form.read(["a", "b"])
