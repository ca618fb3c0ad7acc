"""Operations of a step, beside those that torch counts."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from experiments.fit import build
from experiments.methods import METHODS
from experiments.planning.subject import subject
from experiments.planning.work import work
from experiments.prepare import prepare


@pytest.mark.parametrize("name", METHODS)
def test_no_method_does_less(config, name):
    settings = config(method=name, training={"max_steps": 8, "batch_size": 4}, quantization={"kind": None})
    if "nf4" in name or name == "qlora":
        pytest.skip("torch does not count what bitsandbytes does")
    planned = work(subject(settings))
    model, _ = build(prepare(METHODS[name].resolve(settings)), METHODS[name])
    batch = {
        "input_ids": torch.randint(40, (4, 16)),
        "attention_mask": torch.ones(4, 16, dtype=torch.long),
        "labels": torch.randint(2, (4,)),
    }
    model.train()
    with FlopCounterMode(display=False) as counted:
        loss = model(**batch).loss
    forward = counted.get_total_flops()
    with FlopCounterMode(display=False) as counted:
        loss.backward()
    # What attention does with pairs of tokens is left out, and much in a model as narrow as its rows are long.
    assert 0.65 * forward <= planned.forward <= forward
    backward = counted.get_total_flops()
    assert 0.4 * backward <= planned.inputs + planned.weights <= backward


def test_the_work_of_a_large_decoder(large):
    planned = subject(large())
    found = work(planned)
    assert (found.tokens, found.rows) == ((1024 + 128,), 6)
    layers = 80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    updates = sum(p.numel() for p in planned.model.parameters() if p.requires_grad)
    head = 8192 * 128256
    each = 2 * 6 * 1152
    assert found.forward == each * (layers + updates + head)
    assert found.weights == each * updates
    assert found.inputs == each * ((layers + updates) * 79 // 80 + head)


def test_an_encoder_and_its_decoder_have_texts_of_their_own(bart, config):
    changes = {"model": str(bart), "task": "xsum", "data": {"max_length": 32, "target_length": 8}}
    adapter = {"rank": 2, "target_modules": ["q_proj", "v_proj"]}
    assert work(subject(config(**changes, adapter=adapter))).tokens == (32, 8)


def test_images_have_no_tokens(sam, config, tmp_path):
    changes = {"model": str(sam), "task": "loveda", "data": {"path": str(tmp_path)}}
    adapter = {"rank": 2, "target_modules": ["q_proj", "v_proj"]}
    assert work(subject(config(**changes, adapter=adapter))) is None
