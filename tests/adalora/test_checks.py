"""Settings checked and put in form."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora.checks import integer, names, number, one_of
from adalora.errors import ConfigError


@given(value=st.integers(-5, 5), least=st.integers(-5, 5))
def test_integers_keep_their_value_or_are_refused(value, least):
    if value < least:
        with pytest.raises(ConfigError, match=rf"^x is {value}; allowed: an integer of at least {least}\.$"):
            integer("x", value, least)
    else:
        assert integer("x", np.int32(value), least) == value


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_what_is_no_integer(value):
    with pytest.raises(ConfigError, match=r"^x is .*; allowed: an integer"):
        integer("x", value, 0)


@pytest.mark.parametrize(
    "value", [True, "1", None, float("inf"), float("nan"), 10**400, np.ones(2), torch.ones(2), 1j]
)
def test_what_is_no_number(value):
    with pytest.raises(ConfigError, match=r"^x is .*; allowed: a number"):
        number("x", value, "a number")


def test_names_are_a_new_list():
    given = ["a", "b"]
    assert names("x", given) == given
    assert names("x", given) is not given
    for wrong in ("ab", 3, ["a", ""], [1]):
        with pytest.raises(ConfigError, match=r"^x is .*; allowed: a list of names\.$"):
            names("x", wrong)


def test_words_are_listed():
    with pytest.raises(ConfigError, match=r"^x is 'c'; allowed: 'a' or 'b'\.$"):
        one_of("x", "c", ("a", "b"))
