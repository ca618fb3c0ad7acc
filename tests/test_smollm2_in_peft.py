"""The adapter of a real model in another library: SmolLM2, adapted, exported, loaded and merged in peft."""

import copy

import pytest
import torch

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig, DataError
from experiments import packages
from experiments.models import load_model
from experiments.pretrained import load_tokenizer
from experiments.problems import WRITING

peft = pytest.importorskip("peft")

PROMPTS = ("The capital of France is", "A good cup of tea", "In the year 1969")
TEXT = "Rank goes where it is needed: some matrices keep many triplets, and some keep none at all."


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")
@pytest.mark.parametrize(("fold", "pad"), [("left", False), ("even", True)])
def test_the_exported_adapter_writes_the_same_text_token_for_token(fold, pad, tmp_path):
    try:
        packages.find(packages.SMOLLM2)
    except DataError as error:
        pytest.skip(str(error))
    base, tokenizer = load_model("smollm2", WRITING, ()), load_tokenizer("smollm2")
    base.eval()
    model = trained(copy.deepcopy(base), tokenizer)
    ranks = {layer.rank for layer in adalora.adapters(model).values()}
    assert len(ranks) > 1

    plain = written(base, tokenizer)
    ours = written(model, tokenizer)
    assert any(not torch.equal(one, other) for one, other in zip(ours, plain, strict=True))
    adalora.export_peft(model, tmp_path / "peft", fold=fold, pad=pad)
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "peft").eval()
    ids = tokenizer(TEXT, return_tensors="pt")
    with torch.inference_mode():
        found, expected = theirs(**ids).logits, model(**ids).logits
    # Thirty layers of float32, whose sums have another order on another processor.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())
    for one, other in zip(ours, written(theirs, tokenizer), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(ours, written(theirs.merge_and_unload(), tokenizer), strict=True):
        assert torch.equal(one, other)


def trained(model, tokenizer):
    """Train on one sentence until the rank has been allocated."""
    torch.manual_seed(0)
    adalora.inject(model, AdapterConfig(rank=4))
    free = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(free, lr=5e-3)
    steps = 12
    allocation = AllocationConfig(target_rank=2, total_steps=steps, warmup_steps=4, final_steps=4, interval=1)
    AdaLoRAController(model, allocation).attach(optimizer)
    ids = tokenizer(TEXT, return_tensors="pt")
    for _ in range(steps):
        model(**ids, labels=ids["input_ids"]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def written(model, tokenizer):
    found = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt")
        found.append(model.generate(**ids, max_new_tokens=24, do_sample=False))
    return found
