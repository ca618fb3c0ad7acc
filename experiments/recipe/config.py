"""Settings of ``adalora recipe``."""

from dataclasses import dataclass

from ..checks import require


@dataclass(frozen=True)
class RecipeConfig:
    """Where the results behind ``docs/recipe.md`` go, and how the runs share the machine.

    Args:
        output: folder for the results. What is there already is not trained again.
        jobs: runs beside each other; the cores are shared out among them.
        steps: optimizer steps of each run; at least 20.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    output: str = "experiments/results/recipe"
    jobs: int = 2
    steps: int = 200

    def __post_init__(self) -> None:
        """Check every field."""
        require(bool(self.output), "output", self.output, "a folder")
        require(self.jobs >= 1, "jobs", self.jobs, "at least 1")
        require(self.steps >= 20, "steps", self.steps, "at least 20")
