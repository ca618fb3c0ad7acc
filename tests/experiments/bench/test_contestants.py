"""What every contestant trains, and that it does what its name says."""

import pytest
import torch

import adalora
from experiments.bench import ours, theirs
from experiments.bench.cases import batches
from experiments.bench.contestants import CONTESTANTS, ROUNDED, TIMED
from experiments.bench.timetable import Timetable
from tests.experiments.bench.conftest import MATRICES

OURS = ("lora", "adalora", "adalora_shrunk", *ROUNDED)
PEFT = ("peft_lora", "peft_adalora")


def trained(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_the_table_is_whole():
    assert set(TIMED) == {"floor", "full", *PEFT, *OURS} - set(ROUNDED)


def test_all_start_from_the_same_weights_and_train_nothing_but_their_own(case, settings):
    config = settings()
    weight = case.make().state_dict()["bert.encoder.layer.1.output.dense.weight"].shape
    starts = []
    for name, contestant in CONTESTANTS.items():
        model = contestant.build(case, config).model
        assert model.training
        found = [p for n, p in model.named_parameters() if n.endswith("layer.1.output.dense.weight")] + [
            p for n, p in model.named_parameters() if "layer.1.output.dense.base" in n and p.shape == weight
        ]
        starts.append(found[0].detach())
        own = trained(model)
        if name == "floor":
            assert not own
        elif name == "full":
            assert own == {n for n, _ in model.named_parameters()}
        else:
            assert len(adalora.adapters(model)) == (MATRICES if name in OURS else 0)
            factors = 2 if name in ("lora", "peft_lora") else 3
            assert len(own) == factors * MATRICES
            assert not any("pooler" in one or "classifier" in one for one in own)
    assert all(torch.equal(start, starts[0]) for start in starts)


def test_every_contestant_takes_steps(case, settings):
    config = settings()
    for name, contestant in CONTESTANTS.items():
        racer = contestant.build(case, config)
        (batch,) = batches(racer.model, case, 1, 0)
        before = {n: p.detach().clone() for n, p in racer.model.named_parameters() if p.requires_grad}
        racer.rehearse(batch)
        racer.step(batch)
        racer.step(batch)
        after = dict(racer.model.named_parameters())
        moved = {n for n, p in before.items() if not torch.equal(p, after[n])}
        assert bool(moved) == (name != "floor"), name


def test_the_floor_passes_gradients_to_the_inputs_of_what_others_adapt(case, settings):
    racer = CONTESTANTS["floor"].build(case, settings())
    (batch,) = batches(racer.model, case, 1, 0)
    seen = []
    query = racer.model.bert.encoder.layer[0].attention.self.query
    query.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    racer.step(batch)
    assert seen[0].grad.abs().sum() > 0
    assert all(p.grad is None for p in racer.model.parameters())


def test_shrunk_tensors_hold_what_was_kept(case, settings):
    racer = ours.shrunk(case, settings())
    ranks = [layer.update.P.shape[1] for layer in adalora.adapters(racer.model).values()]
    assert sum(ranks) == 2 * MATRICES


def test_the_penalty_is_in_pefts_loss(case, settings):
    racer = theirs.adaptive(case, settings())
    (batch,) = batches(racer.model, case, 1, 0)
    penalised, task = racer.loss(batch), racer.model(**batch).loss
    assert penalised - task > 0.01
    racer.backward(batch)
    factors = [p for n, p in racer.model.named_parameters() if "lora_A" in n]
    # λ is zero at the start: from the task alone P and Q learn nothing.
    assert all(p.grad.norm() > 1e-4 for p in factors)


def test_peft_allocates(case, settings):
    racer = theirs.adaptive(case, settings(), Timetable(total=30, warmup=0, final=5))
    for batch in batches(racer.model, case, 26, 0):
        racer.step(batch)
    alive = sum(int((p != 0).sum()) for n, p in racer.model.named_parameters() if "lora_E" in n)
    assert alive == 2 * MATRICES


def test_ours_allocates_too(case, settings):
    racer = ours.adaptive(case, settings(), Timetable(total=30, warmup=0, final=5))
    for batch in batches(racer.model, case, 26, 0):
        racer.step(batch)
    assert sum(layer.rank for layer in adalora.adapters(racer.model).values()) == 2 * MATRICES


def test_what_peft_does_not_adapt_is_refused(case, settings):
    with pytest.raises(adalora.ConfigError, match="which peft does not adapt in small: "):
        theirs.adaptive(case, settings(target_modules=["word_embeddings"]))


def test_without_peft_the_command_that_installs_it_is_told(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(theirs, "import_module", missing)
    with pytest.raises(adalora.DataError, match="python -m pip install"):
        theirs.require_peft()
