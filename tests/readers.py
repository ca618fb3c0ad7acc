"""The readers of files from strangers, each with a folder that it reads: what is fuzzed."""

import copy
import json
import time
import warnings
from dataclasses import dataclass
from typing import Any

import torch
import yaml
from peft import LoraConfig, get_peft_model

import adalora
import analysis
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from experiments import files, methods
from experiments.commands.train import read as read_run
from experiments.sweeps.plan import read_plan
from tests.models import bert, bert_batches

SECONDS = 5.0
BASE = bert()
ADAPTER = AdapterConfig(
    rank=3, target_modules=["query", "dense"], exclude_modules=["pooler"], train_modules=["classifier"]
)
RUN = {
    "name": "run", "task": "rotten_tomatoes", "model": "minilm",
    "adapter": {"rank": 4, "target_modules": ["query"], "train_modules": ["classifier"]},
    "training": {"learning_rate": 1e-3, "max_steps": 3}, "data": {"text_columns": ["text"]}, "seed": 1,
}  # fmt: skip
SWEEP = {
    "name": "sweep", "base": RUN, "grid": {"method": ["lora", "adalora"], "adapter.rank": [1, 2]},
    "seeds": [0, 1], "choose": {"training.learning_rate": [1e-3, 1e-2], "seeds": [0]}, "output": "x", "report": {},
}  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A reader, and what it reads.

    Attributes:
        write: folder -> writes what is whole.
        read: (folder, model) -> None.
        model: what it may change.
    """

    write: Any
    read: Any
    model: Any = BASE


def _save(folder):
    model = adalora.inject(copy.deepcopy(BASE), ADAPTER)
    controller = AdaLoRAController(model, AllocationConfig(target_rank=1, total_steps=6, warmup_steps=1))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    controller.attach(optimizer)
    for batch in bert_batches(2):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    adalora.save(model, folder, controller)


def _load(folder, model):
    adalora.load(model, folder)


def _resume(folder, model):
    controller = AdaLoRAController(model, AllocationConfig(target_rank=1, total_steps=6, warmup_steps=1))
    adalora.load(model, folder, controller)


def _peft(folder):
    settings = LoraConfig(
        r=2, target_modules=["query"], modules_to_save=["classifier"], rank_pattern={"layer.1.attention.self.query": 1},
        alpha_pattern={"query": 4},
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an older name
        get_peft_model(copy.deepcopy(BASE), settings).save_pretrained(folder)


def _analyse(folder, _):
    for record in analysis.read(folder):
        record.factors()


def _trained(folder):
    methods.get("adapter-l").save(_with_modules(), [], folder)


def _with_modules():
    model = copy.deepcopy(BASE)
    methods.get("adapter-l").prepare(model, _run())
    return model


def _run():
    from tests.experiments.tiny import build

    return build(
        RUN
        | {
            "adapter": {"target_modules": ["query"], "train_modules": ["classifier"]},
            "bottleneck": {"width": 2},
        }
    )


def _yaml(name, value):
    def write(folder):
        (folder / name).write_text(yaml.safe_dump(value, sort_keys=False))

    return write


READERS = {
    "adapter": Reader(_save, _load),
    "run of a controller": Reader(_save, _resume, adalora.inject(copy.deepcopy(BASE), ADAPTER)),
    "peft": Reader(_peft, lambda folder, model: adalora.import_peft(model, folder)),
    "analysis": Reader(_save, _analyse),
    "analysis of peft": Reader(_peft, _analyse),
    "modules": Reader(_trained, lambda folder, model: methods.get("adapter-l").load(model, folder)),
    "settings": Reader(_yaml(files.CONFIG, RUN), lambda folder, _: read_run([str(folder / files.CONFIG)])),
    "sweep": Reader(_yaml("sweep.yaml", SWEEP), lambda folder, _: read_plan(folder / "sweep.yaml")),
}  # fmt: skip


def snapshot(model):
    """Return types and numbers of a model."""
    kinds = [(name, type(module)) for name, module in model.named_modules()]
    return kinds, {name: tensor.clone() for name, tensor in model.state_dict().items()}


def try_read(reader, folder, outside=()):
    """Read; raise unless that works, or is refused as promised and leaves everything as it was."""
    model = copy.deepcopy(reader.model)
    kinds, tensors = snapshot(model)
    there = listing(folder.parent)
    begun, used = time.perf_counter(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # other settings of a run that is taken up
            reader.read(folder, model)
    except adalora.AdaLoRAError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert len(str(refused)) < 20_000
        now, numbers = snapshot(model)
        assert now == kinds
        assert all(torch.equal(tensors[name], tensor) for name, tensor in numbers.items())
    assert time.process_time() - used < SECONDS  # of work: other processes may have the machine
    assert time.perf_counter() - begun < 12 * SECONDS
    assert listing(folder.parent) == there
    return refused is not None


def listing(folder):
    """Return names and sizes of all that lies below a folder."""
    return sorted((str(path), path.lstat().st_size) for path in folder.rglob("*"))


def load_json(path):
    return json.loads(path.read_text())
