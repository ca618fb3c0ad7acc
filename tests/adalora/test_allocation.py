"""The global choice of triplets: exact in number, and the same whatever the ties."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora.allocation import top_triplets

# Few distinct values, so that ties are the rule.
MATRICES = st.lists(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=1, max_size=6), min_size=1, max_size=5
)


@given(matrices=MATRICES, share=st.floats(0, 1))
def test_exactly_the_budget_by_score_then_module_then_index(matrices, share):
    budget = int(share * sum(map(len, matrices)))
    masks, kept = top_triplets([torch.tensor(scores) for scores in matrices], budget)
    order = sorted((-score, k, i) for k, scores in enumerate(matrices) for i, score in enumerate(scores))
    expected = {(k, i) for _, k, i in order[:budget]}
    assert {(k, i) for k, mask in enumerate(masks) for i, on in enumerate(mask.tolist()) if on} == expected
    assert [len(mask) for mask in masks] == [len(scores) for scores in matrices]
    assert kept.tolist() == [-score for score, _, _ in order[:budget]]


def test_types_may_differ_between_matrices():
    scores = [torch.tensor([0.25, 3.0], dtype=torch.bfloat16), torch.tensor([1.0, 2.0], dtype=torch.float64)]
    masks, kept = top_triplets(scores, 2)
    assert [mask.tolist() for mask in masks] == [[False, True], [False, True]]
    assert kept.tolist() == [3.0, 2.0]
