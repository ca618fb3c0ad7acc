"""The shape of each curve, against values worked out another way."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schedulers


def budgets(schedule):
    """All budgets of a schedule, from step 0 to the end."""
    return [schedule.budget(step) for step in range(schedule.total_steps + 1)]


@pytest.mark.parametrize(("curve", "power"), [("CubicSchedule", 3), ("LinearSchedule", 1)])
@given(
    initial=st.integers(0, 10**15),
    fall=st.fractions(0, 1),
    middle=st.integers(2, 10**9),
    warmup=st.integers(0, 10**6),
    final=st.integers(0, 10**6),
    data=st.data(),
)
def test_polynomials_are_exact(*, curve, power, initial, fall, middle, warmup, final, data):
    target = math.floor(initial * fall)
    schedule = getattr(schedulers, curve)(initial, target, warmup + middle + final, warmup, final)
    step = data.draw(st.integers(warmup, warmup + middle))
    progress = Fraction(step - warmup, middle)
    assert schedule.budget(step) == math.floor(target + (initial - target) * (1 - progress) ** power)


def test_cubic_falls_fast_at_first():
    assert budgets(schedulers.CubicSchedule(100, 0, 10)) == [100, 72, 51, 34, 21, 12, 6, 2, 0, 0, 0]


def test_cosine_is_slow_at_both_ends():
    assert budgets(schedulers.CosineSchedule(100, 0, 6)) == [100, 93, 75, 50, 25, 6, 0]


@pytest.mark.parametrize("rate", [0.5, 5, 40.0])
def test_exponential_is_the_normalised_decay(rate):
    schedule = schedulers.ExponentialSchedule(10**6, 10**3, 100, rate=rate)
    for step in range(1, 100):
        decay = (math.exp(-rate * step / 100) - math.exp(-rate)) / (1 - math.exp(-rate))
        assert schedule.budget(step) == pytest.approx(10**3 + (10**6 - 10**3) * decay, abs=1)


def test_exponential_survives_extreme_rates():
    assert schedulers.ExponentialSchedule(100, 0, 10, rate=1e-300).budget(3) == pytest.approx(70, abs=1)
    assert schedulers.ExponentialSchedule(100, 0, 10, rate=1e300).budget(1) == 0


def test_step_takes_equal_stairs():
    quarters = schedulers.StepSchedule(12, 4, 12)
    assert budgets(quarters) == [12, 12, 12, 10, 10, 10, 8, 8, 8, 6, 6, 6, 4]
    halves = schedulers.StepSchedule(12, 4, 12, stages=2)
    assert budgets(halves) == [12] * 6 + [8] * 6 + [4]


def test_constant_prunes_once():
    schedule = schedulers.ConstantSchedule(12, 4, 10, warmup_steps=2, final_steps=3)
    assert budgets(schedule) == [12] * 7 + [4] * 4


@pytest.mark.parametrize("rate", [0, -1.0, math.inf, math.nan, "5"])
def test_bad_rate(rate):
    with pytest.raises(schedulers.ScheduleError, match=r"^rate is .*; allowed: a finite number above 0\.$"):
        schedulers.ExponentialSchedule(8, 4, 10, rate=rate)


@pytest.mark.parametrize("stages", [0, -1, 2.5])
def test_bad_stages(stages):
    with pytest.raises(
        schedulers.ScheduleError, match=r"^stages is .*; allowed: an integer of at least 1\.$"
    ):
        schedulers.StepSchedule(8, 4, 10, stages=stages)
