"""How wrong values are refused."""

from experiments.checks import did_you_mean, unknown


def test_near_names_are_offered_and_far_ones_are_not():
    assert did_you_mean("trian", ["train", "sweep"]) == " Did you mean 'train'?"
    assert did_you_mean("xyz", ["train", "sweep"]) == ""


def test_unknown_lists_what_is_there():
    error = unknown("task", "stbs", ["stsb", "xsum"])
    assert str(error) == "task is 'stbs'; allowed: stsb, xsum. Did you mean 'stsb'?"
