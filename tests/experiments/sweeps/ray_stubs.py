"""What stands in for a training in Ray's processes, which import it from here."""

import os
import signal
import time
from pathlib import Path
from uuid import uuid4


def scored(config, commit):
    """Leave a file that tells of the start, take a moment, and return what follows from the settings."""
    _begun(config)
    time.sleep(1)
    return {"headline": "accuracy", "scores": {"validation": {"accuracy": config.seed / 10}}, "seconds": 1}


def broken(config, commit):
    """Fail as a run does for seed 0, lose the process for seed 1."""
    _begun(config)
    if config.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError(f"seed {config.seed}")


def _begun(config):
    import ray

    node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "here"
    Path(config.output_dir, f"{config.seed}-{node}-{uuid4().hex}.begun").touch()
