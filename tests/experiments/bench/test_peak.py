"""Peak memory, in a process of its own."""

from types import MappingProxyType

from experiments.bench import peak
from experiments.bench.contestants import CONTESTANTS


def test_a_child_tells_what_it_took(settings, bert, monkeypatch):
    monkeypatch.setattr(peak, "CONTESTANTS", MappingProxyType({"lora": CONTESTANTS["lora"]}))
    found = peak.measure(settings(model=str(bert), batch=2, tokens=8))
    assert found["case"] == bert.name
    assert 0 < found["peak"]["lora"] < 2**30


def test_the_mark_never_falls():
    assert 2**20 < peak.peak_bytes("cpu") <= peak.peak_bytes("cpu")
