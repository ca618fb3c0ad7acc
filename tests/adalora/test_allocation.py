"""The global choice of triplets: exact in number, and the same whatever the ties."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora.allocation import top_triplets


# Few distinct values, so that ties are the rule.
@given(scores=st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=1, max_size=30), share=st.floats(0, 1))
def test_exactly_the_budget_by_score_then_order(scores, share):
    budget = int(share * len(scores))
    alive, kept = top_triplets(torch.tensor(scores), budget)
    order = sorted((-score, i) for i, score in enumerate(scores))
    assert {i for i, on in enumerate(alive.tolist()) if on} == {i for _, i in order[:budget]}
    assert kept.tolist() == [-score for score, _ in order[:budget]]
