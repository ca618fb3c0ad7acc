"""Operations are counted."""

import torch

from experiments.bench.operations import operations


def test_each_dispatched_operation_counts():
    a, b = torch.ones(2), torch.ones(2)
    assert operations(lambda: a + b) == 1
    assert operations(lambda: torch._foreach_add([a, b, a], 1)) == 1
    assert operations(lambda: None) == 0
