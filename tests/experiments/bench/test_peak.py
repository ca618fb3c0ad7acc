"""Peak memory, in a process of its own."""

import os
import sys
from multiprocessing import get_context
from types import MappingProxyType

import pytest
import torch

from experiments.bench import peak
from experiments.bench.contestants import CONTESTANTS


def test_a_child_tells_what_it_took(settings, bert, monkeypatch):
    monkeypatch.setattr(peak, "CONTESTANTS", MappingProxyType({"lora": CONTESTANTS["lora"]}))
    found = peak.measure(settings(model=str(bert), batch=2, tokens=8))
    assert found["case"] == bert.name
    assert 0 < found["peak"]["lora"] < 2**30


def test_the_mark_never_falls():
    assert 2**20 < peak.peak_bytes("cpu") <= peak.peak_bytes("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forget a peak")
def test_the_mark_can_be_forgotten():
    torch.zeros(2**24)  # 64 MiB, freed at once
    high = peak.peak_bytes("cpu")
    peak.forget_peak("cpu")
    assert peak.peak_bytes("cpu") < high


def test_children_give_back_what_they_free(settings, bert, monkeypatch):
    name = "MALLOC_MMAP_THRESHOLD_"
    seen = []
    contestants = MappingProxyType({"lora": CONTESTANTS["lora"]})
    monkeypatch.setattr(peak, "CONTESTANTS", contestants)
    monkeypatch.setattr(
        peak, "get_context", lambda way: seen.append(os.environ.get(name)) or get_context(way)
    )
    monkeypatch.delenv(name, raising=False)
    peak.measure(settings(model=str(bert), batch=2, tokens=8))
    assert seen == ["65536"]
    assert name not in os.environ
