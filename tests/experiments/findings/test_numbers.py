"""The numbers behind the findings, on updates of which the answer is known."""

import numpy as np
import pytest

from analysis import AdapterRecord, BaseWeight, Factors
from experiments.findings import numbers

D = 80
KINDS = ("attention.self.query", "attention.self.value", "output.dense")
LAYERS = 4


def record(kind, layer, rank, right, scale=1.0, seed=0):
    random = np.random.default_rng((seed, layer, KINDS.index(kind)))
    left = scale * np.linalg.qr(random.standard_normal((D, max(rank, 1))))[0][:, :rank]
    factors = Factors(left, None, right, np.ones(rank, dtype=bool))
    W0 = np.random.default_rng((9, layer, KINDS.index(kind))).standard_normal((D, D))
    return AdapterRecord(
        module=f"{layer}.{kind}",
        update="lora",
        shape=(D, D),
        rank=rank,
        scale=1.0,
        read=lambda: factors,
        base=BaseWeight(lambda: W0),
        layer=layer,
        type=kind,
    )


def rows(rank, seed, layer, kind):
    """Directions in falling order of importance, other ones for every seed."""
    random = np.random.default_rng((seed, layer, KINDS.index(kind)))
    Q = np.linalg.qr(random.standard_normal((D, rank)))[0].T
    return np.linspace(2, 1, rank)[:, None] * Q


def run(rank, seed, *, of=rows, scale=1.0):
    return [
        record(kind, layer, rank, of(rank, seed, layer, kind), scale, seed)
        for layer in range(LAYERS)
        for kind in KINDS
    ]


def same_first(rank, seed, layer, kind):
    """The first direction is the same in every run, and far ahead of the others."""
    Q = np.linalg.qr(np.vstack([np.eye(D)[:1], rows(rank, seed, layer, kind)[1:]]).T)[0].T
    return np.concatenate([[20.0], np.linspace(2, 1, rank - 1)])[:, None] * Q


def test_a_top_direction_that_is_the_same():
    records = {"lora-r8": run(8, 1, of=same_first), "lora-r64": run(64, 2, of=same_first)}
    for row in numbers.top_direction(records):
        right = row["side"] == "right"
        assert row["layers"] == LAYERS
        assert row["first_chance"] == pytest.approx(1 / D)
        assert row["all_chance"] == pytest.approx(64 / D)
        if right:
            assert row["first"] > 0.9
            assert row["first_above"] == row["all_above"] == LAYERS
        else:
            assert row["first"] < 0.2


def values_alike(rank, seed, layer, kind):
    """Values share all their directions between seeds, and the others none beyond chance."""
    return rows(rank, 7 if "value" in kind else seed, layer, kind)


def test_seeds_that_share_values_only():
    found = numbers.seeds(
        {"lora-r64": run(64, 2, of=values_alike), "lora-r64-again": run(64, 3, of=values_alike)}
    )
    right = {row["type"]: row for row in found["rows"] if (row["side"], row["of"]) == ("right", "factor")}
    assert right["attention.self.value"]["phi_1"] == pytest.approx(1)
    assert right["attention.self.query"]["phi_64"] == pytest.approx(64 / D, abs=0.05)
    assert right["attention.self.query"]["above"] < right["attention.self.value"]["above"] == 1
    test = next(one for one in found["tests"] if (one["side"], one["of"]) == ("right", "factor"))
    assert test["value_larger"] == LAYERS
    assert test["p"] == pytest.approx(1 / 2**LAYERS)  # the least that so few layers can give
    assert test["value"] > test["query"]


def test_the_factor_falls_with_the_rank():
    records = {
        name: run(rank, seed)
        for seed, (name, rank) in enumerate(
            {"lora-r2": 2, "lora-r8": 8, "lora-r64": 64, "adalora": 8}.items()
        )
    }
    found = numbers.amplified(records)
    assert found["matrices"] == found["falls"] == LAYERS * len(KINDS)
    for row in found["rows"]:
        assert row["lora-r2"]["factor"] > row["lora-r8"]["factor"] > row["lora-r64"]["factor"]
        assert row["lora-r8"]["factor"] == pytest.approx(
            row["lora-r8"]["delta_norm"] / row["lora-r8"]["by_delta"], rel=0.5
        )


def ranked(seed):
    found = []
    for layer in range(LAYERS):
        for kind in KINDS:
            rank = 1 + layer + 4 * ("attention" not in kind)
            found.append(record(kind, layer, rank, rows(rank, seed, layer, kind), seed=seed))
    return found


def test_where_the_rank_goes():
    found = numbers.ranks({"adalora": ranked(0), "adalora-again": ranked(1)})
    assert found["by_type"]["output.dense"] == [6.5, 6.5]
    assert found["by_layer"]["3"] == [pytest.approx(16 / 3)] * 2
    feed, upper = found["tests"]
    assert (feed["mean_more"], feed["mean_less"]) == (6.5, 2.5)
    assert upper["mean_more"] - upper["mean_less"] == pytest.approx(2)
    assert feed["p"] < 0.01
    assert (found["l1"], found["tau"]) == (0, pytest.approx(1))
