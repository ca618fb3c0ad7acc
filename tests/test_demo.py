"""What `make demo` promises, on the real model and the real texts: minutes, so not in the default run."""

import json
from pathlib import Path

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

import adalora
from experiments import methods
from experiments.cli import main
from experiments.commands.train import read
from experiments.fit import build, fit
from experiments.prepare import prepare

pytestmark = pytest.mark.slow


def test_the_demo_learns_and_its_ranks_sum_to_the_budget(tmp_path, capsys):
    assert main(["train", "recipe.yaml", "--output_dir", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "recipe/results.json").read_text())
    majority, head, ours = (next(iter(line["scores"].values()))["accuracy"] for line in results["lines"])
    assert majority < head < ours
    assert ours >= 0.78
    ranks = json.loads((tmp_path / "recipe/allocation.json").read_text())[-1]["ranks"]
    assert len(ranks) == 36
    assert sum(ranks.values()) == 8 * 36
    assert len(set(ranks.values())) > 3
    assert "AdaLoRA" in capsys.readouterr().out


def test_ten_lines_of_plain_pytorch_give_the_same(tmp_path):
    config = read(["recipe.yaml", "--training.max_steps", "60", "--evaluation.every", "0", "--data.eval_rows", "50"])  # fmt: skip
    data = prepare(config)
    model, callbacks = build(data, methods.get("adalora"))
    seen = []

    def record(module, args, kwargs):
        if module.training:
            seen.append((torch.get_rng_state(), kwargs))

    model.register_forward_pre_hook(record, with_kwargs=True)
    fit(data, model, config.training, Path(tmp_path), label="", callbacks=callbacks)
    theirs = callbacks[0].controller

    model, _ = build(data, methods.get("adalora"))  # the same start; the model is injected already: line one
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=4e-3, weight_decay=0)
    rate = get_linear_schedule_with_warmup(optimizer, 20, 60)
    controller = adalora.AdaLoRAController(model, theirs.config)
    controller.attach(optimizer)  # line two
    model.train()
    for state, batch in seen:
        torch.set_rng_state(state)  # the same dropout
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rate.step()
        optimizer.zero_grad()

    assert controller.step == len(seen) == 60
    assert controller.ranks() == theirs.ranks()
    assert controller.history[-1].threshold == pytest.approx(theirs.history[-1].threshold, rel=1e-3)
