"""What each process does that `torchrun` starts with the HF Trainer in it."""

import json
import sys
from pathlib import Path

import torch

from adalora import AdaLoRACallback
from tests.adalora.test_callback import ALLOCATION, adapted, trainer


def main(folder, *, batch, output, resume=None):
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
    run.train(resume_from_checkpoint=resume)
    history = [[row.step, row.budget, row.ranks, row.threshold] for row in callback.controller.history]
    wrapped = type(run.model_wrapped).__name__
    weights = {name: p.double().sum().item() for name, p in run.model.named_parameters() if p.requires_grad}
    found = [{"history": history, "wrapped": wrapped, "weights": weights}]
    (folder / f"{run.args.process_index}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    main(place, **json.loads((place / "runs.json").read_text())[0])
