"""What the runs of a sweep are called."""

import pytest

from experiments.sweeps.names import name_of


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"training.learning_rate": 1e-05, "data.train_rows": None}, "learning_rate_1e-05-train_rows_null"),
        ({"training.learning_rate": 1, "baseline.learning_rate": 2},
         "training.learning_rate_1-baseline.learning_rate_2"),
        ({"adapter.dora": True, "adapter.target_modules": ["query", "key"]}, "dora_true-target_modules_query.key"),
    ],
)  # fmt: skip
def test_names(changes, name):
    assert name_of(changes) == name


def test_names_that_no_folder_can_have_stay_apart():
    odd = [name_of({"model": model}) for model in ("a/b", "a:b", "c" * 200, "c" * 201)]
    assert len(set(odd)) == 4
    assert all(len(name) <= 100 and "/" not in name for name in odd)
    assert odd[0].startswith("model_a.b-")
