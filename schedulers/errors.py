"""The one error of this package."""


class ScheduleError(ValueError):
    """A schedule was asked for with a value that is not allowed; the message says what is."""


def require(allowed: bool, name: str, value: object, what: str) -> None:
    """Raise a `ScheduleError` that names field, value and what is allowed, unless the value is `allowed`."""
    if not allowed:
        raise ScheduleError(f"{name} is {value!r}; allowed: {what}.")
