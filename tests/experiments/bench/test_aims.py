"""What was asked for."""

from experiments.bench.aims import AIMS, Range, comparable, measured


def test_a_range_has_its_ends():
    assert 1.0 in Range(high=1.0)
    assert 1.01 not in Range(high=1.0)
    assert 1.2 in Range(low=1.15)
    assert -0.6 not in Range(-0.5, 0.5)


def test_every_figure_stands_somewhere_in_a_whole_record(record):
    found = {aim.figure: measured(aim, record) for aim in AIMS}
    missing = {figure for figure, value in found.items() if value is None}
    # The made-up record has two contestants less.
    assert all("LoRA adds" in figure or "int8 adds" in figure for figure in missing)
    assert found["bert-4x768: AdaLoRA before shrinking, over the floor"] == 1.1


def test_an_aim_is_no_easier_than_what_was_asked():
    for aim in AIMS:
        assert aim.aim.high <= aim.asked.high
        assert aim.aim.low >= aim.asked.low


def test_other_settings_cannot_be_compared(record):
    assert comparable(record)
    assert not comparable(record | {"settings": record["settings"] | {"rank": 4}})
