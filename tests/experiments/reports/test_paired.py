"""Paired tests against scipy, and Holm's correction against its definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from adalora import ConfigError
from experiments.reports.layout import read_layout
from experiments.reports.paired import holm, paired_tests
from tests.experiments.reports.conftest import result

SCORES = {1: [0.50, 0.52, 0.51], 4: [0.60, 0.66, 0.61], 8: [0.70, 0.71, 0.75]}


def naive(ps):
    """Holm 1979: the larger of all (m - j + 1) p_j up to the i-th smallest, and at most 1."""
    ranks = sorted(range(len(ps)), key=lambda i: ps[i])
    return [
        min(1.0, max((len(ps) - j) * ps[ranks[j]] for j in range(ranks.index(i) + 1))) for i in range(len(ps))
    ]


@given(some.lists(some.floats(0, 1), max_size=8))
def test_holm_is_what_it_says(ps):
    assert holm(ps) == pytest.approx(naive(ps))


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def compared(sweep, scores=SCORES, **layout):
    swept = sweep(grid={"adapter.rank": list(scores)}, seeds=[0, 1, 2])
    swept.fill(lambda run: None if (value := scores[run.adapter.rank][run.seed]) is None else result(value))
    found = paired_tests(swept.lines(), read_layout(layout), "test")
    return {one.line.config.adapter.rank: one for one in found}


def test_every_entry_is_tested_against_the_best_one(sweep):
    found = compared(sweep)
    assert set(found) == {1, 4}
    ps = [stats.ttest_rel(SCORES[rank], SCORES[8]).pvalue for rank in (1, 4)]
    assert [found[rank].p for rank in (1, 4)] == pytest.approx(ps)
    assert [found[rank].holm for rank in (1, 4)] == pytest.approx(naive(ps))
    assert found[1].difference == pytest.approx(0.51 - 0.72)
    assert found[1].reference.config.adapter.rank == 8


def test_the_reference_can_be_named_and_the_best_loss_is_the_lowest(sweep):
    assert set(compared(sweep, compare={"adapter.rank": 1})) == {4, 8}
    assert set(compared(sweep, metrics=["loss"])) == {1, 4}


def test_only_seeds_that_both_have_count(sweep):
    found = compared(sweep, {1: [0.5, 0.6, None], 4: [None, None, 0.5], 8: [0.7, 0.9, 0.95]})
    assert found[1].seeds == (0, 1)
    assert found[1].p == pytest.approx(stats.ttest_rel([0.5, 0.6], [0.7, 0.9]).pvalue)
    assert (found[4].p, found[4].holm, found[4].why) == (None, None, "not enough seeds")
    assert found[1].holm == found[1].p  # a test that is not there is not corrected for


def test_what_a_test_is_not_defined_for_is_told(sweep):
    found = compared(sweep, {1: [0.5, 0.6, 0.7], 4: [0.75, 0.85, 0.95], 8: [0.75, 0.85, 0.95]})
    assert found[8].p == 1.0
    assert (found[1].p, found[1].why) == (None, "every seed differs alike")


def test_tasks_are_not_mixed(sweep):
    swept = sweep(grid={"task": ["e2e", "dart"], "adapter.rank": [1, 2]}, seeds=[0, 1])
    swept.fill(lambda run: result(0.1 * run.adapter.rank + 0.01 * run.seed * run.adapter.rank))
    found = paired_tests(swept.lines(), read_layout({}), "test")
    assert [(one.line.config.task, one.reference.config.task) for one in found] == [
        ("e2e", "e2e"),
        ("dart", "dart"),
    ]


def test_models_are_not_mixed(sweep, tables):
    """Of the small model the first method is better, of the large one the second; its numbers are all higher."""
    bonus = {
        ("small", "lora"): 0.1,
        ("small", "bitfit"): 0.0,
        ("large", "lora"): 0.3,
        ("large", "bitfit"): 0.4,
    }

    def make(run):
        return result(bonus[run.model, run.method] + 0.01 * run.seed ** (1 + (run.method == "lora")))

    grid = {"model": ["small", "large"], "method": ["lora", "bitfit"]}
    swept = sweep(grid=grid, seeds=[0, 1, 2], report={"labels": {"model": {"small": "Small"}}}).fill(make)
    found = paired_tests(swept.lines(), read_layout({}), "test")
    pairs = [(one.line, one.reference) for one in found]
    assert [(ours.config.method, theirs.config.method) for ours, theirs in pairs] == [
        ("bitfit", "lora"),
        ("lora", "bitfit"),
    ]
    assert [ours.config.model for ours, _ in pairs] == [theirs.config.model for _, theirs in pairs]
    assert [one.holm for one in found] == [one.p for one in found]
    text = swept.text()
    assert "e2e, Small: bleu, against LoRA" in text
    assert "e2e, large: bleu, against BitFit" in text
    assert [len(table) for table in tables(text) if "p, Holm" in table[0]] == [2, 2]
    named = paired_tests(swept.lines(), read_layout({"compare": {"method": "lora"}}), "test")
    assert [one.line.config.model for one in named] == ["small", "large"]


@pytest.mark.parametrize(
    ("compare", "said"),
    [
        (
            {"adapter.rank": 2},
            r"compare is \(adapter.rank=2\), which fits no entry; allowed: .* rank_1, rank_4",
        ),
        ({"method": "lora"}, r"compare is \(method=lora\), which fits rank_1 and rank_4; allowed"),
    ],
)
def test_a_reference_is_one_entry_of_a_task(sweep, compare, said):
    with pytest.raises(ConfigError, match=said):
        compared(sweep, compare=compare)
