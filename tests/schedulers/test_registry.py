"""Schedules by name."""

import pytest

import schedulers

PHASES = {"initial": 8, "target": 4, "total_steps": 100}


def test_names_are_sorted_and_complete():
    assert schedulers.names() == ("constant", "cosine", "cubic", "exponential", "linear", "step")


@pytest.mark.parametrize("name", schedulers.names())
def test_make_equals_the_class(name):
    curve = getattr(schedulers, f"{name.capitalize()}Schedule")
    shared = PHASES | {"warmup_steps": 10, "final_steps": 20, "interval": 5}
    assert schedulers.make(name, **shared) == curve(**shared)
    assert schedulers.make(name, **PHASES) == curve(**PHASES)


def test_make_passes_options_on():
    assert schedulers.make("exponential", **PHASES, rate=2.0).rate == 2.0
    assert schedulers.make("step", **PHASES, stages=7).stages == 7


def test_unknown_name_shows_the_near_ones():
    with pytest.raises(schedulers.ScheduleError) as caught:
        schedulers.make("cubik", **PHASES)
    message = str(caught.value)
    assert message.startswith("schedule is 'cubik'; allowed: constant, cosine, cubic, exponential,")
    assert message.endswith("Did you mean 'cubic'?")


def test_name_that_is_near_to_nothing():
    with pytest.raises(schedulers.ScheduleError, match=r"^schedule is 'xyz'; allowed: .*, step\.$"):
        schedulers.make("xyz", **PHASES)


def test_option_of_another_curve():
    with pytest.raises(
        schedulers.ScheduleError, match="option of the step schedule is 'rate'; allowed: stages"
    ):
        schedulers.make("step", **PHASES, rate=2.0)
    with pytest.raises(
        schedulers.ScheduleError, match="option of the cubic schedule is 'rate'; allowed: none"
    ):
        schedulers.make("cubic", **PHASES, rate=2.0)
