"""The error is a ValueError, so that callers who know nothing of this package can catch it."""

import schedulers


def test_schedule_error_is_a_value_error():
    assert issubclass(schedulers.ScheduleError, ValueError)
