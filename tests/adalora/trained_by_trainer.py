"""What each process does that `torchrun` starts with the HF Trainer in it."""

import json
import sys
from pathlib import Path

import torch
from accelerate import DistributedType, FullyShardedDataParallelPlugin

import adalora
from adalora import AdaLoRACallback
from tests.adalora.test_callback import ALLOCATION, adapted, trainer
from tests.joined import full


def shard(run):
    """Do what the Trainer and accelerate do with ``fsdp=...`` where there is a GPU."""
    plugin = FullyShardedDataParallelPlugin(fsdp_version=2, cpu_ram_efficient_loading=False)
    run.accelerator.state._shared_state |= {"distributed_type": DistributedType.FSDP, "fsdp_plugin": plugin}
    run.is_fsdp_enabled = True


def numbers(model):
    """Yield a few numbers of each weight that was trained; shards keep triplets that others have dropped."""
    for name, layer in adalora.adapters(model).items():
        P, lam, Q = (full(factor.detach()) for factor in (layer.update.P, layer.update.lam, layer.update.Q))
        yield name, (P * lam @ Q)[:2, :2].flatten().tolist()
    for name, parameter in model.classifier.named_parameters():
        yield name, full(parameter.detach()).flatten()[:4].tolist()


def main(folder, *, batch, output, resume=None, sharded=False):
    callback = AdaLoRACallback(ALLOCATION)
    run = trainer(
        adapted().double(),
        output,
        callback,
        save_strategy="steps",
        save_steps=6,
        per_device_train_batch_size=batch,
        average_tokens_across_devices=False,
    )
    if sharded:
        shard(run)
    run.train(resume_from_checkpoint=resume)
    history = [[row.step, row.budget, row.ranks, row.threshold] for row in callback.controller.history]
    wrapped = type(run.model_wrapped).__name__
    weights = dict(numbers(run.model))
    found = [{"history": history, "wrapped": wrapped, "weights": weights}]
    (folder / f"{run.args.process_index}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    main(place, **json.loads((place / "runs.json").read_text())[0])
