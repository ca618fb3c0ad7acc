"""Settings of an analysis."""

from dataclasses import dataclass
from typing import Literal

from ..checks import require


@dataclass(frozen=True)
class AnalysisConfig:
    """How adapters are analysed, and where the results go.

    Args:
        output: folder for the results; null for one beside the first run, NAME-analysis or NAME-comparison.
        base: folder or name of the pretrained model, for what needs its weights; null for what each adapter
            says. Never downloaded.
        weights: false leaves out what needs the pretrained weights.
        format: of the pictures beside the report: png, pdf or svg.
        samples: Monte Carlo samples of the similarity of random subspaces; at least 100.
        seed: of every random direction.
        overwrite: replace the results of an earlier analysis.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    output: str | None = None
    base: str | None = None
    weights: bool = True
    format: Literal["png", "pdf", "svg"] = "png"
    samples: int = 1000
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        require(self.format in ("png", "pdf", "svg"), "format", self.format, "one of png, pdf, svg")
        require(self.samples >= 100, "samples", self.samples, "at least 100")
        require(0 <= self.seed < 2**32, "seed", self.seed, "an integer from 0 to 4294967295")
        require(self.output != "", "output", self.output, "a folder, or null for one beside the first run")
