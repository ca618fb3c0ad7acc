"""When the budget falls."""

from experiments.bench.timetable import PRUNING, SHRUNK, whole_run


def test_a_whole_run_warms_up_prunes_and_ends_with_the_pattern_frozen():
    timetable = whole_run(300)
    assert (timetable.warmup, timetable.decision, timetable.total) == (60, 210, 300)


def test_single_steps_lie_in_one_phase():
    assert PRUNING.warmup == 0
    assert PRUNING.decision > 10_000
    assert SHRUNK.decision == 4
