"""What a plan says before a run, beside what the run has taken."""

from pathlib import Path

import pytest
import torch

import adalora
from adalora import ConfigError
from experiments import files
from experiments.fit import build, count_weights
from experiments.methods import METHODS
from experiments.methods.counts import free_weights
from experiments.planning.sizes import sizes
from experiments.planning.subject import subject, tensor_bytes
from experiments.prepare import prepare
from experiments.train import train


def built(settings):
    method = METHODS[settings.method]
    return build(prepare(method.resolve(settings)), method)


def tensors_of(thing, seen=None):
    """Yield every tensor that an object holds, however deep; models and updates apart."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, torch.nn.Module):
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, dict):
        for one in thing.values():
            yield from tensors_of(one, seen)
    elif isinstance(thing, list | tuple):
        for one in thing:
            yield from tensors_of(one, seen)
    elif type(thing).__module__.startswith("adalora"):
        yield from tensors_of(vars(thing), seen)


def held(controller):
    """Return the bytes of the memory that a controller alone holds: views of one memory count once."""
    mine = {}
    weights = {p.untyped_storage().data_ptr() for p in controller._weights()}
    for tensor in tensors_of(controller):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tensor is not controller.penalty:
            mine[storage.data_ptr()] = storage.nbytes()
    return sum(mine.values())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_trains_what_is_planned(config, name):
    settings = config(method=name)
    planned = sizes(subject(settings))
    model, callbacks = built(settings)
    assert planned.start.weights == free_weights(model)
    assert planned.matrices == len(adalora.adapters(model))
    assert planned.end.weights <= planned.start.weights
    assert (planned.controller > 0) == (len(callbacks) > 0)
    model_bytes = sum({t.data_ptr(): t.nbytes for t in (*model.parameters(), *model.buffers())}.values())
    if settings.quantization.kind is None and "nf4" not in name and name != "qlora":
        copies = model.__dict__.get("adalora_found", {}).values()
        assert planned.model == model_bytes + sum(map(tensor_bytes, copies))


@pytest.mark.parametrize("scorer", ["sensitivity_uncertainty", "sensitivity", "magnitude"])
@pytest.mark.parametrize("targets", [["query", "dense"], ["query", "value", "word_embeddings"]])
def test_the_controllers_memory_is_what_it_holds(config, scorer, targets):
    changes = {"adapter": {"rank": 4, "target_modules": targets, "exclude_modules": ["pooler"]}}
    settings = config(**changes, allocation={"target_rank": 2, "scorer": scorer, "total_steps": 8})
    planned = sizes(subject(settings)).controller
    model, _ = built(settings)
    controller = adalora.AdaLoRAController(model, settings.allocation)
    # The latest decision comes with the first budget update.
    triplets = sum(len(update.lam) for update in controller._in_order)
    assert planned == controller.nbytes + 5 * triplets
    assert abs(held(controller) - controller.nbytes) <= 0.01 * controller.nbytes


def test_the_decision_is_counted(config):
    settings = config(allocation={"target_rank": 2, "total_steps": 8, "compact": False, "prune": "hard"})
    model, _ = built(settings)
    controller = adalora.AdaLoRAController(model, settings.allocation)
    before = controller.nbytes
    for _ in range(4):
        controller.before_step()
        controller.after_step()
    triplets = sum(len(update.lam) for update in controller._in_order)
    assert controller.decision is not None
    assert controller.nbytes == before + 5 * triplets == sizes(subject(settings)).controller


@pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")
@pytest.mark.parametrize(
    "method", ["adalora", "adalora-dora", "lora", "full", "head", "lora+pe", "adapter-h"]
)
def test_files_are_as_large_as_planned(config, method):
    settings = config(
        method=method,
        baseline={"head": False},
        allocation={"recipe": "paper", "target_rank": 2, "interval": 1, "compact": method != "adalora"},
        training={"max_steps": 4, "save_every": 4, "batch_size": 4},
    )
    planned = sizes(subject(settings))
    train(settings)
    folder = files.path_of(settings)
    here = [*folder.glob("*.safetensors"), *folder.glob("*/adapter-*.safetensors")]
    assert sum(map(size, here)) == pytest.approx(planned.end.file, rel=0.01)
    averages = list(folder.glob("adapter/averages-*"))
    assert sum(map(size, averages)) == pytest.approx(planned.end.resume, rel=0.02)
    checkpoint = folder / "checkpoint-4"
    kept = [*checkpoint.rglob("*.safetensors"), checkpoint / "optimizer.pt"]
    # Each tensor of torch's own format has some two hundred bytes around its numbers, and here few numbers.
    around = 600 * len(list(built(settings)[0].parameters()))
    assert planned.checkpoint * 0.99 <= sum(map(size, kept)) + planned.start.file
    assert sum(map(size, kept)) <= 1.01 * planned.checkpoint + around


def size(path: Path):
    return path.stat().st_size


def test_the_optimizers_state_is_what_adamw_holds(config):
    settings = config()
    model, _ = built(settings)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    bytes_of_state = sum(t.nbytes for state in optimizer.state.values() for t in state.values())
    assert sizes(subject(settings)).optimizer == bytes_of_state
    assert sizes(subject(settings)).gradients == 4 * free_weights(model)


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_a_quantised_base_takes_what_is_planned(config, kind):
    settings = config(quantization={"kind": kind})
    planned = subject(settings)
    model, _ = built(settings)
    size = adalora.footprint(model)
    assert planned.base.quantised == size.weights
    assert planned.base.loaded - planned.base.kept == 4 * size.weights - size.bytes
    assert planned.base.weights == count_weights(model) - sizes(planned).start.adapter


def test_a_budget_in_parameters_is_the_end(config):
    settings = config(
        allocation={
            "target_rank": 2,
            "budget_unit": "parameter",
            "total_steps": 8,
            "warmup_steps": 1,
            "final_steps": 1,
        }
    )
    planned = sizes(subject(settings))
    assert planned.end.adapter == planned.start.adapter // 2
    kept = config(allocation={"target_rank": 2, "compact": False, "total_steps": 8})
    assert sizes(subject(kept)).end == sizes(subject(kept)).start


def test_a_budget_above_the_start_is_named(config):
    with pytest.raises(ConfigError, match="target_rank is 9"):
        sizes(subject(config(allocation={"target_rank": 9})))


def test_nothing_of_a_large_model_is_allocated(large):
    planned = subject(large())
    assert all(tensor.is_meta for tensor in (*planned.model.parameters(),))
    assert planned.base.weights == 70_553_706_496
    found = sizes(planned)
    assert found.matrices == 7 * 80
    # r (d1 + d2 + 1) for each of q, o, k, v, gate, up, down
    per_layer = 2 * (2 * 8192 + 1) + 2 * (8192 + 1024 + 1) + 3 * (8192 + 28672 + 1)
    assert (found.start.adapter, found.end.adapter) == (12 * 80 * per_layer, 8 * 80 * per_layer)
    assert found.optimizer == 8 * found.start.adapter + 4 * 3 * 560
    penalty = 4 * 560 * (12 * 12 + 2 * 12)
    order = 8 * 12 * 560  # stacks of one size lie apart from module order
    assert found.controller == 4 * 4 * found.start.adapter + penalty + order + 5 * 12 * 560
    assert found.start.file == pytest.approx(4 * found.start.adapter, rel=0.01)


def test_a_large_model_in_four_bits(large):
    planned = subject(large(method="adalora-nf4"))
    assert planned.base.quantised == 80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    bits = (
        8 * (planned.base.kept - 4 * (planned.base.weights - planned.base.quantised)) / planned.base.quantised
    )
    assert 4.12 < bits < 4.13


def test_the_images_of_a_segmenter(sam, config, tmp_path):
    changes = {"model": str(sam), "task": "loveda", "data": {"path": str(tmp_path)}}
    adapter = {"rank": 2, "target_modules": ["q_proj", "v_proj"]}
    planned = subject(config(**changes, adapter=adapter))
    assert sizes(planned).matrices > 0
    assert planned.steps == 8
