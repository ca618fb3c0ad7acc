"""What a run has reached, for the model card of what is made of it."""

import json
from pathlib import Path

from adalora.errors import ConfigError

from .. import files, methods
from ..config import RunConfig
from ..metrics import as_numbers


def scores_of(folder: Path, run: RunConfig | None) -> dict[str, float]:
    """Return the scores of a run by name; none where there is no run, or it has not come to its end."""
    path = folder / files.RESULTS
    if run is None or not path.is_file():
        return {}
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))["lines"]
        label = methods.get(run.method).label
        found = [line["scores"] for line in lines if line["label"] == label]
        return as_numbers(found[-1]) if found else {}
    except (ConfigError, KeyError, OSError, TypeError, ValueError):
        return {}  # a card without numbers is better than no adapter
