"""Whether the longest row fits a model: what is allowed is what really goes through it."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig, AutoModel, T5Config, XLNetConfig

from adalora import ConfigError
from experiments.config import TokensConfig
from experiments.fit import build, try_out
from experiments.methods import METHODS
from experiments.positions import positions_of
from experiments.prepare import prepare
from experiments.sweeps.runs import require_data
from tests.experiments import tiny

SIZE = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 12,
}
OTHER_WORDS = {
    "distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16},
    "albert": {"embedding_size": 16},
    "gpt2": {"n_positions": 12, "n_embd": 16, "n_layer": 1, "n_head": 2},
    "opt": {"ffn_dim": 16, "word_embed_proj_dim": 16},
    "mpnet": {"pad_token_id": 1},
    "longformer": {"attention_window": [4]},
}


@pytest.mark.parametrize(
    ("family", "fewer"),
    [
        *((family, 0) for family in ("bert", "electra", "albert", "distilbert", "gpt2", "opt")),
        *((family, 2) for family in ("roberta", "xlm-roberta", "camembert", "mpnet", "roberta-prelayernorm")),
        *((family, 2) for family in ("data2vec-text", "ibert", "xlm-roberta-xl", "luke")),
    ],
)
def test_as_many_positions_as_a_model_really_has(family, fewer):
    config = AutoConfig.for_model(family, **{**SIZE, **OTHER_WORDS.get(family, {})})
    model = AutoModel.from_config(config).eval()
    positions = positions_of(config)
    assert positions == 12 - fewer

    def run(length):
        return model(input_ids=torch.full((1, length), 7), attention_mask=torch.ones(1, length, dtype=int))

    with torch.no_grad():
        run(positions)
        with pytest.raises((IndexError, RuntimeError)):
            run(positions + 1)


def test_models_that_know_only_distances_take_any_length(deberta):
    for config in (AutoConfig.from_pretrained(deberta), T5Config(n_positions=512), XLNetConfig()):
        assert positions_of(config) is None


def test_rotary_positions_end_where_the_model_has_seen_none():
    assert positions_of(AutoConfig.for_model("llama", **SIZE)) == 12


def long(tmp_path, words, held=1):
    """Write rows of two classes whose longest one has so many words; in the held-out part, ``held`` words."""
    for split, count in (("train", words), ("validation", held)):
        rows = [{"text": "good " * count, "label": 0}, {"text": "bad", "label": 1}]
        tiny.write_split(tmp_path / "long", split, rows)
    return {"path": str(tmp_path / "long")}


def test_rows_that_fit_are_taken_whatever_the_setting_allows(config, tmp_path):
    data = long(tmp_path, tiny.POSITIONS - 2) | {"max_length": 4000}  # two special tokens
    prepared = prepare(config(data=data))
    assert max(map(len, prepared.train.features["input_ids"])) == tiny.POSITIONS
    try_out(prepared, build(prepared, METHODS["head"])[0])


@pytest.mark.parametrize(("words", "held", "part"), [(63, 1, "training"), (1, 63, "validation")])
def test_one_token_too_many_is_named_with_what_fits(config, tmp_path, words, held, part):
    settings = config(data=long(tmp_path, words, held) | {"max_length": 100})
    message = (
        rf"^data.max_length is 100, and the longest of the {part} rows takes 65 positions, of which the "
        r"model .* has 64; allowed here: at most 64\.$"
    )
    with pytest.raises(ConfigError, match=message):
        prepare(settings)
    with pytest.raises(ConfigError, match=r"run tiny: data\.max_length is 100"):
        require_data([settings])  # those of a sweep are checked alike
    prepare(replace(settings, data=replace(settings.data, max_length=64)))


@pytest.fixture
def chats(config, tmp_path):
    """Return a maker of settings: a decoder of 64 positions, a chat of so many words."""
    tiny.save_gpt2(tmp_path / "gpt2")

    def make(words, **data):
        rows = [{"dialogue": "good " * words, "summary": "bad film", "id": "1"}]
        for split in ("train", "validation", "test"):
            tiny.write_split(tmp_path / "chats", split, rows)
        return config(
            task="samsum", model=str(tmp_path / "gpt2"), data={"path": str(tmp_path / "chats"), **data}
        )

    return make


def test_what_is_to_be_written_needs_room_too(chats):
    prepare(chats(43, max_length=60, target_length=20))  # and the colon
    message = (
        r"^data.max_length is 60, and the longest of the training rows takes 65 positions, 20 of them to be "
        r"written, .* has 64; allowed here: at most 44\.$"
    )
    with pytest.raises(ConfigError, match=message):
        prepare(chats(44, max_length=60, target_length=20))
    prepare(chats(44, max_length=44, target_length=20))


def test_a_target_that_leaves_no_room_is_named(chats):
    with pytest.raises(ConfigError, match=r"^data.target_length is 62, .* allowed here: at most 60\.$"):
        prepare(chats(10, max_length=8, target_length=62))


@pytest.mark.parametrize("method", ["preembed", "prelayer", "lora+pe", "lora+pl"])
def test_trained_tokens_need_room_too(config, tmp_path, method):
    data = long(tmp_path, 1, held=58) | {"max_length": 64}
    message = (
        r"^data.max_length is 64, and the longest of the validation rows takes 60 positions beside the 5 of "
        r"tokens.prefix \+ tokens.infix, .* has 64; allowed here: at most 59, or fewer tokens\.$"
    )
    tokens = {"prefix": 3, "infix": 2}
    with pytest.raises(ConfigError, match=message):
        prepare(config(method=method, tokens=tokens, data=data))
    prepare(config(method=method, tokens=tokens, data=data | {"max_length": 59}))
    prepare(config(method="lora", tokens=tokens, data=data))
    with pytest.raises(ConfigError, match=r"beside the 61 of .* has 64; allowed here: fewer tokens\.$"):
        prepare(config(method=method, tokens={"prefix": 61}, data=data))


def test_trained_tokens_leave_less_to_be_written(chats):
    def with_tokens(settings):
        return replace(settings, method="preembed", tokens=TokensConfig(3, 2))

    prepare(with_tokens(chats(38, max_length=60, target_length=20)))
    with pytest.raises(
        ConfigError, match=r"20 of them to be written beside the 5 of .* at most 39, or fewer"
    ):
        prepare(with_tokens(chats(39, max_length=60, target_length=20)))


def test_a_decoder_behind_an_encoder_has_no_trained_tokens(config, bart, tmp_path):
    rows = [{"document": "good film", "summary": "bad"}]
    for split in ("train", "validation", "test"):
        tiny.write_split(tmp_path / "news", split, rows)
    data = {"path": str(tmp_path / "news"), "max_length": 56, "target_length": 64}
    prepare(config(task="xsum", model=str(bart), method="preembed", data=data))


def test_an_encoder_decoder_has_its_positions_twice(config, bart, tmp_path):
    rows = [{"document": "good film", "summary": "bad"}]
    for split in ("train", "validation", "test"):
        tiny.write_split(tmp_path / "news", split, rows)

    def settings(**data):
        return config(task="xsum", model=str(bart), data={"path": str(tmp_path / "news"), **data})

    prepare(settings(max_length=64, target_length=64))
    with pytest.raises(ConfigError, match=r"^data.target_length is 65, .* allowed here: at most 64\.$"):
        prepare(settings(max_length=8, target_length=65))


def test_a_model_that_does_not_say_is_tried(config, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.prepare.positions_of", lambda _: None)
    prepared = prepare(config(data=long(tmp_path, 80) | {"max_length": 100}))
    with pytest.raises(
        ConfigError, match=r"largest of the training rows \(82 tokens, .* does not go through"
    ):
        try_out(prepared, build(prepared, METHODS["head"])[0])
