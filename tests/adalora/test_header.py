"""The header of a saved adapter."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adalora import AdapterConfig, CheckpointError
from adalora.header import Header, read_header

SIZES = st.integers(1, 10**6)
HEADERS = st.builds(
    Header,
    files=st.just({"adapter": "adapter-0a1b.safetensors"}),
    base_model=st.text(),
    config=st.builds(
        AdapterConfig, rank=st.integers(1, 99), alpha=st.floats(0, 1e6), target_modules=st.just(["q"])
    ),
    modules=st.dictionaries(st.text(), st.tuples(SIZES, SIZES), max_size=3),
    ranks=st.just({}),
    trained=st.dictionaries(st.text(), st.lists(SIZES, max_size=3).map(tuple), max_size=3),
)


@given(header=HEADERS, rank=st.integers(0, 99))
def test_round_trip(header, rank, tmp_path_factory):
    header = dataclasses.replace(header, ranks=dict.fromkeys(header.modules, rank))
    path = tmp_path_factory.mktemp("header") / "adapter.json"
    path.write_text(json.dumps(header.as_json()), encoding="utf-8")
    assert read_header(path) == header


def test_it_names_every_tensor_beside_it():
    config = AdapterConfig(rank=3, target_modules=["q"])
    header = Header({}, "", config, {"a.q": (5, 4)}, {"a.q": 2}, {"head.weight": (2, 5)})
    assert header.tensors() == {
        "a.q.P": (5, 3),
        "a.q.lam": (3,),
        "a.q.Q": (3, 4),
        "a.q.mask": (3,),
        "head.weight": (2, 5),
    }


@pytest.mark.parametrize("name", ["../../etc/passwd", "/x", "adapter.json", "adapter-ab.safetensors/..", ""])
def test_it_cannot_name_a_file_elsewhere(name, tmp_path):
    value = Header({"adapter": name}, "", AdapterConfig(), {}, {}, {}).as_json()
    (tmp_path / "adapter.json").write_text(json.dumps(value))
    with pytest.raises(CheckpointError, match="is no name of a file of ours"):
        read_header(tmp_path / "adapter.json")
