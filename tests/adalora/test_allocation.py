"""The global choice of triplets: exact in number, and the same whatever the ties."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora import StateError
from adalora.allocation import require_finite, top_triplets


# Few distinct values, so that ties are the rule.
@given(scores=st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=1, max_size=30), share=st.floats(0, 1))
def test_exactly_the_budget_by_score_then_order(scores, share):
    budget = int(share * len(scores))
    alive, kept = top_triplets(torch.tensor(scores), budget)
    order = sorted((-score, i) for i, score in enumerate(scores))
    assert {i for i, on in enumerate(alive.tolist()) if on} == {i for _, i in order[:budget]}
    assert kept.tolist() == [-score for score, _ in order[:budget]]


@given(
    triplets=st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, 2.0, 12.0, -math.inf]), st.sampled_from([1, 2, 3, 12])),
        min_size=1,
        max_size=30,
    ),
    share=st.floats(0, 1),
)
def test_prices_are_paid_from_the_budget_by_score_for_a_unit(triplets, share):
    scores, prices = (torch.tensor(side) for side in zip(*triplets, strict=True))
    budget = int(share * int(prices.sum()))
    alive, kept = top_triplets(scores, budget, prices)
    spent, chosen = 0, []
    for i in sorted(range(len(triplets)), key=lambda i: (-triplets[i][0] / triplets[i][1], i)):
        score, price = triplets[i]
        spent += price
        if spent > budget or score == -math.inf:
            break
        chosen.append(i)
    assert [i for i, on in enumerate(alive.tolist()) if on] == sorted(chosen)
    torch.testing.assert_close(kept, torch.tensor([scores[i] / prices[i] for i in chosen]))


@given(scores=st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=1, max_size=30), share=st.floats(0, 1))
def test_equal_prices_choose_what_no_prices_choose(scores, share):
    budget, S = int(share * len(scores)), torch.tensor(scores)
    plain, _ = top_triplets(S, budget)
    priced, _ = top_triplets(S, 4 * budget + 3, torch.full((len(scores),), 4))
    assert torch.equal(plain, priced)


@pytest.mark.parametrize("values", [[math.nan, 1.0], [math.inf], [-math.inf]])
def test_scores_that_are_no_numbers_are_named(values):
    with pytest.raises(StateError, match=r"a triplet's score is (nan|inf|-inf) at step 3: "):
        require_finite(torch.tensor(values), 3)
    require_finite(torch.tensor([]), 3)
