"""What a command prints of the folder that it has written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adalora.locate import locate

from ..results import in_columns

_ROUNDING = 1e-3  # of the largest logit, in float32 with room to spare


@dataclass(frozen=True)
class Summary:
    """What was written.

    Attributes:
        title: what it is, and where.
        folder: where.
        ranks: kept rank of each adapted module, by name.
        probe: what the models were asked; empty where nothing could be.
        size: largest |logit| of the model before.
        differences: largest |difference| of the logits from it, by what was compared.
        expected: the same where more than rounding was meant to differ.
        notes: sentences to add.
    """

    title: str
    folder: Path
    ranks: Mapping[str, int]
    probe: str
    size: float
    differences: Mapping[str, float]
    notes: Sequence[str] = ()
    expected: Mapping[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """Return it as lines for the terminal."""
        parts = [self.title, _files(self.folder), _ranks(self.ranks), self._compared(), *self.notes]
        return "\n\n".join(part for part in parts if part)

    def _compared(self) -> str:
        if not self.probe:
            return "logits not compared: the model takes neither tokens nor images"
        head = f"largest logit difference on a probe batch ({self.probe}; logits up to {self.size:.3g})"
        values = {words: f"{value:.2g}" for words, value in {**self.differences, **self.expected}.items()}
        width = max(map(len, values.values()))
        lines = [head, *(f"  {value:<{width}}   {words}" for words, value in values.items())]
        if not all(value <= _ROUNDING * self.size for value in self.differences.values()):
            lines += [
                "",
                f"Rounding explains a difference up to {_ROUNDING * self.size:.1g}, and no larger one.",
            ]
        return "\n".join(lines)


def _files(folder: Path) -> str:
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    rows = [[name, f"{size:,}"] for name, size in sizes.items()]
    return in_columns([["file", "bytes"], *rows, ["total", f"{sum(sizes.values()):,}"]])


def _ranks(ranks: Mapping[str, int]) -> str:
    """Return the kept ranks, a row for each type of matrix."""
    if not ranks:
        return ""
    kept: dict[str, list[int]] = {}
    for name, place in locate(ranks).items():
        kept.setdefault(place.type, []).append(ranks[name])
    rows = [_row(kind, values) for kind, values in kept.items()]
    rows += [_row("all", list(ranks.values()))] if len(kept) > 1 else []
    return in_columns([["module", "number", "kept rank", "sum"], *rows])


def _row(kind: str, values: list[int]) -> list[str]:
    low, high = min(values), max(values)
    return [kind, str(len(values)), str(low) if low == high else f"{low} to {high}", f"{sum(values):,}"]
