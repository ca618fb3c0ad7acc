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
    triplets=st.just({}),
    trained=st.dictionaries(st.text(), st.lists(SIZES, max_size=3).map(tuple), max_size=3),
)


@given(header=HEADERS, rank=st.integers(0, 99))
def test_round_trip(header, rank, tmp_path_factory):
    left = min(rank, header.config.rank)
    header = dataclasses.replace(
        header, ranks=dict.fromkeys(header.modules, rank), triplets=dict.fromkeys(header.modules, left)
    )
    path = tmp_path_factory.mktemp("header") / "adapter.json"
    path.write_text(json.dumps(header.as_json()), encoding="utf-8")
    assert read_header(path) == header


def test_it_names_every_tensor_beside_it():
    config = AdapterConfig(rank=3, target_modules=["q"])
    header = Header({}, "", config, {"a.q": (5, 4)}, {"a.q": 1}, {"a.q": 2}, {"head.weight": (2, 5)})
    assert header.tensors() == {
        "a.q.P": (5, 2),
        "a.q.lam": (2,),
        "a.q.Q": (2, 4),
        "a.q.mask": (2,),
        "head.weight": (2, 5),
    }


@pytest.mark.parametrize("name", ["../../etc/passwd", "/x", "adapter.json", "adapter-ab.safetensors/..", ""])
def test_it_cannot_name_a_file_elsewhere(name, tmp_path):
    value = Header({"adapter": name}, "", AdapterConfig(), {}, {}, {}, {}).as_json()
    (tmp_path / "adapter.json").write_text(json.dumps(value))
    with pytest.raises(CheckpointError, match="is no name of a file of ours"):
        read_header(tmp_path / "adapter.json")


def written(tmp_path, config, change):
    value = Header(
        {"adapter": "adapter-0a.safetensors"}, "", config, {"q": (5, 4)}, {"q": 1}, {"q": config.rank}, {}
    ).as_json()
    change(value)
    path = tmp_path / "adapter.json"
    path.write_text(json.dumps(value))
    return path


def test_the_first_version_knew_no_tensors_that_have_shrunk(tmp_path):
    def change(value):
        value["version"] = 1
        del value["modules"]["q"]["triplets"]

    header = read_header(written(tmp_path, AdapterConfig(rank=3), change))
    assert header.triplets == {"q": 3}


@pytest.mark.parametrize(
    ("update", "triplets", "message"),
    [
        ("svd", 4, "triplets is 4, with an initial rank of 3"),
        ("svd", -1, "triplets is -1"),
        ("svd", "2", "triplets is '2'"),
        ("svd", True, "triplets is True"),
        ("lora", 4, "triplets is 4, with an initial rank of 3"),
    ],
)
def test_numbers_of_triplets_that_cannot_be(update, triplets, message, tmp_path):
    path = written(
        tmp_path, AdapterConfig(update=update, rank=3), lambda v: v["modules"]["q"].update(triplets=triplets)
    )
    with pytest.raises(CheckpointError, match=f"is damaged: {message}"):
        read_header(path)
