"""A run against a machine: what it needs, how long it takes at least, and what does not fit."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ..config import RunConfig
from ..optimizers import stand_in
from .machine import Machine, matmul_rate, this_machine
from .sizes import Sizes, sizes
from .subject import Subject, subject
from .text import binary
from .work import Work, work

_CHECKPOINTS = 3  # the Trainer keeps two, and writes a third before it removes one


@dataclass(frozen=True)
class Estimate:
    """What `adalora plan` says.

    Attributes:
        subject: the run.
        sizes: what it takes.
        work: operations of a step; None where they are not counted.
        machine: what there is.
        rate: measured operations a second; None where ``work`` is.
    """

    subject: Subject
    sizes: Sizes
    work: Work | None
    machine: Machine
    rate: float | None

    @property
    def seconds(self) -> float | None:
        """Seconds of a step, at least."""
        return self.work.operations / self.rate if self.work and self.rate else None

    @property
    def adapts(self) -> bool:
        """Whether a controller steers the rank."""
        return self.sizes.controller > 0

    @property
    def on_cpu(self) -> bool:
        """Whether the run has nothing but the CPU."""
        return self.machine.device == "cpu"

    @property
    def memory(self) -> int:
        """Bytes of main memory: the model is read there in float32, as a whole, and quantised there."""
        loaded = self.subject.base.loaded
        return max(loaded, self.sizes.training) if self.on_cpu else loaded

    @property
    def own(self) -> int:
        """Bytes of the accelerator's memory; a paged optimizer can leave."""
        paged = self.subject.config.training.optimizer.startswith("paged")
        return self.sizes.training - (self.sizes.optimizer if paged else 0)

    @property
    def disk(self) -> int:
        """Bytes that the folder of the run grows to."""
        checkpoints = _CHECKPOINTS if self.subject.config.training.save_every else 0
        return checkpoints * self.sizes.checkpoint + self.sizes.start.file + self.sizes.start.resume

    def notes(self) -> list[str]:
        """Return sentences on what is done otherwise than the settings say."""
        sentence = stand_in(self.subject.config.training)
        return [sentence] if sentence else []

    def obstacles(self) -> list[str]:
        """Return a sentence for each thing of which the machine has too little."""
        config, machine = self.subject.config, self.machine
        smaller = "a smaller model, or a larger machine"
        if not self.on_cpu and config.quantization.kind is None:
            smaller = "quantization.kind: nf4, a smaller model, or a larger one"
        rows = [
            ("main memory", self.memory, machine.memory, "a smaller model, or a larger machine"),
            ("the accelerator's memory", self.own, None if self.on_cpu else machine.own, smaller),
            (
                f"room in output_dir ({config.output_dir})",
                self.disk,
                machine.disk,
                "another output_dir, or training.save_every: 0",
            ),
        ]
        return [
            f"does not fit: {what} is {binary(there)}, and at least {binary(needed)} are needed; allowed: "
            f"{allowed}."
            for what, needed, there, allowed in rows
            if there is not None and needed > there
        ]


def estimate(config: RunConfig, seconds: float = 1.0) -> Estimate:
    """Plan a run; nothing of the model is allocated, and no weight of it is read.

    Args:
        config: settings of the run.
        seconds: for which the machine multiplies matrices, to see how fast it is.

    Raises:
        ConfigError: a setting is wrong, or does not fit the method, the task or the model.
        TargetError: the adapter does not fit the model.
        DataError: the model is not there, or the rows of a ``hub:`` task are not.
    """
    planned = subject(config)
    found, operations = sizes(planned), work(planned)
    machine = this_machine(Path(config.output_dir))
    dtype = getattr(torch, config.training.precision)
    rate = matmul_rate(machine.device, dtype, seconds) if operations else None
    return Estimate(planned, found, operations, machine, rate)
