"""The targets of `make fuzz` run without the fuzzer."""

import pytest

from tests.fuzz.targets import Target
from tests.readers import READERS


@pytest.mark.parametrize("name", READERS)
def test_every_target_takes_its_corpus_and_what_is_near(name):
    target = Target(name)
    try:
        for data in target.corpus():
            target(data)
            for near in (b"", data[:1], data[:40], data[:-3], data[:9] + b"\xff" + data[10:], data + data):
                target(near)
    finally:
        target.close()
