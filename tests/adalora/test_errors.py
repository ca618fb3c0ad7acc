"""One root for all errors, and beside it the type that Python users would catch."""

import adalora
from adalora import errors


def test_every_error_is_under_the_root_and_public():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert all(issubclass(kind, errors.AdaLoRAError) for kind in kinds)
    assert {kind.__name__ for kind in kinds} <= set(adalora.__all__)
    assert len(kinds) == 6


def test_a_wrong_value_is_a_value_error():
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.StateError, RuntimeError)
    assert issubclass(errors.DataError, FileNotFoundError)
