"""Settings of ``adalora figures``."""

from dataclasses import dataclass

from ..checks import require


@dataclass(frozen=True)
class FiguresConfig:
    """Where the runs behind ``docs/findings.md`` go, and how long they are.

    Args:
        runs: folder of the runs. A finished run with the same settings is not trained again.
        output: folder for numbers, tables and pictures.
        steps: optimizer steps of each run; at least 4.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    runs: str = "runs/findings"
    output: str = "experiments/results/findings"
    steps: int = 200

    def __post_init__(self) -> None:
        """Check every field."""
        require(self.steps >= 4, "steps", self.steps, "at least 4")
        require(bool(self.runs), "runs", self.runs, "a folder")
        require(bool(self.output), "output", self.output, "a folder")
