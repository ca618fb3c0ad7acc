"""Several adapters on one model."""

from experiments.bench import adapters


def test_switches_and_mixed_batches_are_measured(settings, monkeypatch):
    monkeypatch.setattr(adapters, "ROUNDS", 3)
    monkeypatch.setattr(adapters, "SIZES", ((3, 4),))
    found = adapters.measure(settings())
    assert found["case"] == "minilm"
    assert found["forward"]["n"] == found["switch"]["n"] == 3
    assert list(found["mixed"]) == ["3 × 4"]
    assert found["worst"] == found["mixed"]["3 × 4"]["median"] > 0


def test_the_three_differ_in_kind_and_rank(settings):
    first, second, third = adapters._adapters(settings(rank=12, target_rank=8))
    assert [one.update for one in (first, second, third)] == ["svd", "lora", "lora"]
    assert [one.rank for one in (first, second, third)] == [12, 8, 4]
    assert all(one.train_modules == ["classifier"] for one in (first, second, third))
