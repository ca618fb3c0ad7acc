"""What each process of test_ddp.py and test_fsdp.py does; started by `tests.processes.launch`."""

import json
import os
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import adalora
from adalora import AdaLoRAController
from tests.joined import adapted, allocation, loss_of, optimizer_of, told, train
from tests.models import mlp_batches


def sharded(model):
    """Shard a layer by itself and the rest together, as one does with the blocks of a large model."""
    fully_shard(model.up)
    return fully_shard(model)


def kept_whole(model):
    """Shard a model that keeps whole parameters in place between its passes."""
    sharded(model).set_reshard_after_backward(False)
    return model


WRAPS = {
    "ddp": DistributedDataParallel,
    "fsdp": sharded,
    "fsdp_root": fully_shard,
    "fsdp_whole": kept_whole,
    "none": lambda model: model,
}


def run(folder, *, wrap, settings=None, optimizer="AdamW", compiled=None, seeds=False, load=None, save=None,
        early=False, **how):  # fmt: skip
    """Train as one of the processes; see `tests.joined.train` for what is left of the settings."""
    rank, world = dist.get_rank(), dist.get_world_size()
    plain = adapted(rank if seeds else 0, optimizer)
    controller = AdaLoRAController(plain, allocation(**(settings or {})))
    if load and early:
        adalora.load(plain, load, controller)
    model = WRAPS[wrap](plain)
    if load and not early and Path(load, "adapter.json").exists():
        adalora.load(model, load, controller)
    running = torch.compile(model, backend=compiled) if compiled else model
    steps = optimizer_of(model, optimizer)
    controller.attach(steps)
    if load and Path(load, ".metadata").exists():
        taken_up(model, steps, controller, load)
    record = train(running, steps, controller, rank=rank, world=world, first=controller.step, **how)
    if save == "dcp":
        written(model, steps, controller, folder / "dcp")
    elif save:
        adalora.save(model, folder / "saved", controller)  # by all of them
    controller.detach()
    record |= told(model, controller) | {"skipped": controller.skipped, "held": shapes(plain)}
    del model, running
    if wrap == "ddp" and not compiled:
        adalora.compact_(plain)
    return record | {"shrunk": shapes(plain)}


def shapes(model):
    return [tuple(layer.update.P.shape) for layer in adalora.adapters(model).values()]


def written(model, optimizer, controller, folder):
    weights, moments = get_state_dict(model, optimizer)
    state = {"model": weights, "optimizer": moments, "controller": controller.state_dict()}
    dcp.save(state, checkpoint_id=folder)


def taken_up(model, optimizer, controller, folder):
    weights, moments = get_state_dict(model, optimizer)
    state = {"model": weights, "optimizer": moments, "controller": controller.state_dict()}
    dcp.load(state, checkpoint_id=folder)
    set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
    controller.load_state_dict(state["controller"])


def refused(folder, *, wrap, load, inner=False):
    """Load what does not fit into shards, or into what copies are kept in step of."""
    plain = adapted()
    held = WRAPS[wrap](plain)
    model = plain if inner else held
    before = told(model, AdaLoRAController(model, allocation()))["deltas"]
    try:
        adalora.load(model, load)
    except adalora.StateError as error:
        after = told(model, AdaLoRAController(model, allocation()))["deltas"]
        return {"error": str(error), "same": before == after}
    return {}


def raising(folder, *, wrap):
    """Meet a gradient that is not finite, on one process only, and do not go on."""
    model = WRAPS[wrap](adapted())
    optimizer = optimizer_of(model)
    controller = AdaLoRAController(model, allocation())
    controller.attach(optimizer)
    where = {"rank": dist.get_rank(), "world": dist.get_world_size()}
    train(model, optimizer, controller, until=2, **where)
    before = told(model, controller)
    try:
        train(model, optimizer, controller, first=2, spoiled=[2], **where)
    except adalora.StateError as error:
        return {"error": str(error), "same": told(model, controller) == before}
    return {}


def disagreeing(folder):
    """Train copies that have parted, once under one decision and once each by itself."""
    rank, world = dist.get_rank(), dist.get_world_size()
    own = [dist.new_group([one]) for one in range(world)][rank]
    found = {}
    for key, group in (("all", None), ("own", own)):
        model = adapted(rank)
        steps = optimizer_of(model)
        controller = AdaLoRAController(model, allocation(), group=group)
        controller.attach(steps)
        train(model, steps, controller, rank=rank, world=world)
        found[key] = [[row.ranks, row.threshold] for row in controller.history]
        found[f"{key} shapes"] = shapes(model)
        adalora.save(model, folder / f"{key}-{rank}", controller)
        controller.detach()
    dist.barrier()  # each has written
    return found | {"written": sorted(path.name for path in folder.glob("*-[01]"))}


def emptied(folder):
    """Train copies in which a matrix has been pruned to nothing."""
    plain = adapted()
    plain.up.update.keep_(torch.zeros(5, dtype=torch.bool))
    adalora.compact_(plain)
    model = DistributedDataParallel(plain)
    steps = optimizer_of(model)
    rank, world = dist.get_rank(), dist.get_world_size()
    for x, y in mlp_batches(3):
        loss_of(model, x[rank::world], y[rank::world], len(x), world).backward()
        steps.step()
        steps.zero_grad()
    return {"up": shapes(plain)[0], "down": plain.down.update.P.tolist()}


def measured(folder):
    """Save shards with a metric that is no number on the first process, and with none on the others."""
    model = sharded(adapted())
    metrics = {"accuracy": float("nan")} if dist.get_rank() == 0 else None
    try:
        adalora.save(model, folder / "measured", metrics=metrics)
    except adalora.ConfigError as error:
        return {"error": str(error)}
    return {}


JOBS = {
    "run": run,
    "refused": refused,
    "raising": raising,
    "disagreeing": disagreeing,
    "emptied": emptied,
    "measured": measured,
}


def main(folder):
    warnings.simplefilter("error")
    # Advice to who writes into the output of a layer that is sharded by itself; nobody does here.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
    warnings.filterwarnings("ignore", message="the gradients of step .* are not finite; such steps are left")
    # What torch.compile itself does on its way.
    warnings.filterwarnings("ignore", message=".*autograd.function.Function.* should not be instantiated")
    warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found = []
    for number, one in enumerate(json.loads((folder / "runs.json").read_text())):
        job = JOBS[one.pop("job", "run")]
        found.append(job(folder / str(number), **one) if job is run else job(folder, **one))
        dist.barrier()
    (folder / f"{dist.get_rank()}.json").write_text(json.dumps(found))
    dist.destroy_process_group()
    sys.stdout.flush()
    os._exit(0)  # now and then threads of torch's own abort a process that comes to its end with them


if __name__ == "__main__":
    main(Path(sys.argv[1]))
