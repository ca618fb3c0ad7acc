"""What every schedule promises, whatever its curve."""

import dataclasses
import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schedulers


@st.composite
def phases(draw):
    """The shared arguments of a schedule, all of them allowed."""
    initial = draw(st.integers(0, 5000))
    warmup, middle, final = draw(st.integers(0, 60)), draw(st.integers(1, 120)), draw(st.integers(0, 60))
    return {
        "initial": initial,
        "target": draw(st.integers(0, initial)),
        "total_steps": warmup + middle + final,
        "warmup_steps": warmup,
        "final_steps": final,
        "interval": draw(st.integers(1, 40)),
    }


@pytest.mark.parametrize("name", schedulers.names())
@given(phases=phases(), data=st.data())
def test_every_schedule_keeps_every_promise(name, phases, data):
    options = {
        "exponential": {"rate": st.floats(1e-9, 1e4)},
        "step": {"stages": st.integers(1, 200)},
    }.get(name, {})
    schedule = schedulers.make(name, **phases, **{key: data.draw(values) for key, values in options.items()})
    total, last = schedule.total_steps, schedule.total_steps - schedule.final_steps

    steps = range(total + 20)
    budgets = [schedule.budget(step) for step in steps]
    assert all(type(budget) is int for budget in budgets)
    assert all(schedule.target <= budget <= schedule.initial for budget in budgets)
    assert all(later <= earlier for earlier, later in itertools.pairwise(budgets))
    assert set(budgets[: schedule.warmup_steps + 1]) == {schedule.initial}
    assert set(budgets[last:]) == {schedule.target}

    updates = [step for step in steps if schedule.is_update(step)]
    multiples = range(0, last + 1, schedule.interval)
    assert updates == sorted({step for step in multiples if step > schedule.warmup_steps} | {last})


VALID = {"initial": 8, "target": 4, "total_steps": 100, "warmup_steps": 10, "final_steps": 20}
BAD = [
    ({"initial": -1}, "initial is -1; allowed: an integer of at least 0"),
    ({"initial": 8.0}, "initial is 8.0; allowed: an integer"),
    ({"target": -1}, "target is -1; allowed: an integer of at least 0"),
    ({"target": 9}, "target is 9; allowed: at most initial = 8"),
    ({"total_steps": 0}, "total_steps is 0; allowed: an integer of at least 1"),
    ({"total_steps": True}, "total_steps is True; allowed: an integer"),
    ({"total_steps": None}, "total_steps is None; allowed: an integer"),
    ({"warmup_steps": -1}, "warmup_steps is -1; allowed: an integer of at least 0"),
    ({"final_steps": -1}, "final_steps is -1; allowed: an integer of at least 0"),
    ({"warmup_steps": 80}, "warmup_steps + final_steps is 100; allowed: less than total_steps = 100"),
    ({"interval": 0}, "interval is 0; allowed: an integer of at least 1"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[str(change) for change, _ in BAD])
@pytest.mark.parametrize("name", schedulers.names())
def test_bad_values_are_named(name, change, message):
    with pytest.raises(schedulers.ScheduleError) as caught:
        schedulers.make(name, **(VALID | change))
    assert message in str(caught.value)


def test_a_schedule_is_plain_frozen_data():
    schedule = schedulers.CubicSchedule(8, 4, 100, 10, 20, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.initial = 9
    assert pickle.loads(pickle.dumps(schedule)) == schedule  # noqa: S301 - our own bytes
    assert len({schedule, dataclasses.replace(schedule)}) == 1
