"""What each process does that `accelerate launch` starts; the loop is accelerate's own."""

import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedType, FullyShardedDataParallelPlugin
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import adalora
from adalora import AdaLoRAController
from tests.joined import STEPS, adapted, allocation, optimizer_of, told
from tests.models import mlp_batches


def main(folder, *, wrap, parts=1, attach_first=False):
    plugin = None
    if wrap == "fsdp":
        plugin = FullyShardedDataParallelPlugin(fsdp_version=2, cpu_ram_efficient_loading=False)
    accelerator = Accelerator(cpu=True, fsdp_plugin=plugin, gradient_accumulation_steps=parts)
    if (
        plugin is not None
    ):  # without a GPU accelerate takes no notice of the plugin; its code runs all the same
        accelerator.state._shared_state |= {"distributed_type": DistributedType.FSDP, "fsdp_plugin": plugin}
    plain = adapted()
    optimizer = optimizer_of(plain)
    controller = AdaLoRAController(plain, allocation())
    if attach_first:
        controller.attach(optimizer)
    rows = list(mlp_batches(STEPS, size=4 * accelerator.num_processes * parts))
    data = TensorDataset(torch.cat([x for x, _ in rows]), torch.cat([y for _, y in rows]))
    model, optimizer, loader = accelerator.prepare(plain, optimizer, DataLoader(data, batch_size=4))
    if not attach_first:
        controller.attach(optimizer)
    record = {"alive": [], "penalties": []}
    for x, y in loader:
        with accelerator.accumulate(model):
            accelerator.backward(nn.functional.cross_entropy(model(x), y))
            optimizer.step()
            optimizer.zero_grad()
        if accelerator.sync_gradients:
            record["penalties"].append(controller.penalty.item())
            if controller.schedule.is_update(controller.step):
                masks = controller.decision.alive()
                record["alive"].append({name: mask.tolist() for name, mask in masks.items()})
    adalora.save(accelerator.unwrap_model(model), folder / "saved", controller)
    controller.detach()
    found = [record | told(plain, controller) | {"kind": type(model).__name__}]
    (folder / f"{accelerator.process_index}.json").write_text(json.dumps(found))
    accelerator.end_training()


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    main(place, **json.loads((place / "runs.json").read_text())[0])
