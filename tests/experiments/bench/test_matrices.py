"""The controller over many matrices."""

from experiments.bench.config import SweepConfig
from experiments.bench.matrices import measure


def test_operations_do_not_grow_with_the_number_of_matrices(case, settings):
    found = measure(case, settings(sweep=SweepConfig(matrices=[120, 12])))
    assert list(found["rows"]) == ["12", "120"]
    few, many = found["rows"].values()
    assert few["operations"] == many["operations"]
    assert 0 < few["operations"]["scores"] < few["operations"]["allocates"]
    assert found["growth"] == 1.0
