"""A 70B layout as its config.json, and runs planned and built."""

import json

import pytest

LLAMA_70B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8192,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "intermediate_size": 28672,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
}


@pytest.fixture
def llama(tmp_path):
    """Return a folder that holds nothing but the settings of a model of 70 billion weights."""
    folder = tmp_path / "llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_70B))
    return folder


@pytest.fixture
def large(llama, config):
    """Return a maker of settings of a run on that model."""

    def make(**changes):
        settings = {
            "model": str(llama),
            "task": "samsum",
            "adapter": {"rank": 12},
            "allocation": {"target_rank": 8},
            "training": {"max_steps": 100, "batch_size": 2, "accumulation": 3},
            "data": {"max_length": 1024, "target_length": 128},
            "evaluation": {},
        }
        return config(**(settings | changes))

    return make
