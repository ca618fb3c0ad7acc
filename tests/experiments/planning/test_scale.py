"""Control of 1,200 matrices: as many operations as of 12, and the bytes that a plan says."""

import adalora
from experiments.planning import scale
from experiments.planning.scale import adapter, allocation, measure, table, tiny_bert
from experiments.planning.sizes import sizes
from experiments.planning.subject import subject


def test_operations_do_not_grow_and_bytes_are_planned(config, tmp_path):
    few, many = measure(2, 8), measure(200, 8)
    assert (few.matrices, many.matrices) == (12, 1200)
    assert (few.scores, few.allocates) == (many.scores, many.allocates)
    assert few.scores < few.allocates < 200

    tiny_bert(200).config.save_pretrained(tmp_path / "deep")
    folder = str(tmp_path / "deep")
    planned = subject(
        config(
            model=folder,
            task="rotten_tomatoes",
            data={},
            adapter=vars_of(adapter()),
            allocation=vars_of(allocation(8)),
        )
    )
    found = sizes(planned)
    assert found.matrices == 1200
    triplets = scale.RANK * 1200
    assert found.controller == many.bytes + 5 * triplets
    # Linear in the matrices, but for where each triplet stands in the stacks.
    assert many.bytes == 100 * few.bytes
    assert many.after <= many.bytes + 5 * triplets


def test_the_table_has_a_row_each():
    cost = measure(1)
    rows = table([cost]).splitlines()
    assert len(rows) == 3
    assert rows[2].startswith(f"| {cost.matrices} | {cost.scores} | {cost.allocates} |")


def vars_of(settings: adalora.AdapterConfig | adalora.AllocationConfig):
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__ if name != "recipe"}
