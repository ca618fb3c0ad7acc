"""The whole benchmark on a tiny model."""

import pytest

import adalora
from experiments.bench import adapters, output
from experiments.bench.config import SECTIONS, SweepConfig
from experiments.bench.run import bench


def test_every_section_is_run_and_written(settings, config, bert, tmp_path, monkeypatch):
    monkeypatch.setattr(adapters, "ROUNDS", 3)  # on a model of a real size, whatever the settings say
    monkeypatch.setattr(adapters, "SIZES", ((3, 4),))
    asked = [name for name in SECTIONS if name not in ("peak", "accuracy")]  # these take seconds of their own
    said = []
    small = settings(model=str(bert), batch=2, tokens=8, sections=asked)
    record = bench(small, config(), said.append)
    assert set(record) == {"settings", "versions", "seconds", "sections"}
    assert set(record["sections"]) == set(record["seconds"]) == set(asked)
    for name in ("steps", "run", "memory", "control", "gradients"):
        assert list(record["sections"][name]) == [bert.name]
    assert record["settings"]["rank"] == 4
    assert record["versions"]["packages"]["peft"]
    assert record["versions"]["machine"]["processor"]
    assert len(said) == 2 * len(asked)
    folder = tmp_path / "bench"
    assert output.read(folder) == record
    assert {path.name for path in folder.iterdir()} == {"bench.json", "bench.png", "tables.md"}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"target_modules": ["qury"]}, adalora.TargetError, "qury"),
        ({"rank": 17}, adalora.TargetError, "17"),
        ({"sweep": SweepConfig(ranks=[17])}, adalora.TargetError, "17"),
        ({"model": "nowhere"}, adalora.DataError, "^model is 'nowhere'"),
    ],
)
def test_what_does_not_fit_is_said_before_the_first_section(
    settings, config, bert, tmp_path, changes, error, message
):
    said = []
    fields = {"model": str(bert), "batch": 2, "tokens": 8, **changes}
    with pytest.raises(error, match=message):
        bench(settings(**fields), config(), said.append)
    assert said == []
    assert list((tmp_path / "bench").iterdir()) == []
