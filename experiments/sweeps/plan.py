"""What a sweep's YAML file says: a base, and what is varied over it."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from adalora.errors import ConfigError

from ..checks import did_you_mean, require
from ..mappings import flatten, read_mapping
from .budget import Budget, read_budget
from .choice import Choice, read_choice, read_seeds
from .resources import Resources, read_resources

Grid = Mapping[str, list[Any]]

_KNOWN = ("name", "base", "grid", "grids", "seeds", "choose", "budget", "report", "output", "resources")
_EXAMPLE = "lists by full setting name, such as adapter.rank: [4, 8]"


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        name: of the sweep, as for a folder.
        base: settings that all runs share: a shipped file, a path, or the settings themselves.
        grids: what is varied, values by full setting name; each grid is a product, and all are joined.
        output: folder for the results.
        seeds: of every combination; empty where the grids name them, or for the base's own.
        choice: what every combination chooses for itself on validation rows; None for nothing.
        budget: of what every combination is left with in the end; None for what its settings say.
        report: how its tables are laid out, as it stands in the file.
        resources: what each run needs, for an engine that shares them out.
    """

    name: str
    base: str | Mapping[str, Any]
    grids: tuple[Grid, ...]
    output: str
    seeds: tuple[int, ...] = ()
    choice: Choice | None = None
    budget: Budget | None = None
    report: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    resources: Resources = field(default_factory=Resources)

    def count(self) -> int:
        """Return how many runs it makes, at most: a seed that has decided is not trained again."""
        seeds = max(1, len(self.seeds))
        if self.choice is not None:
            seeds = len(set(self.seeds) - set(self.choice.seeds))
            seeds += len(self.choice.seeds) * max(map(len, self.choice.possible()))
        return seeds * sum(math.prod(map(len, grid.values())) for grid in self.grids)

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Yield what every run puts over the base, the first name of a grid varying slowest."""
        for grid in self.grids:
            for values in product(*grid.values()):
                yield dict(zip(grid, values, strict=True))

    def varied(self) -> tuple[str, ...]:
        """Return the names of the settings that tell runs apart, in the order of the file."""
        values: dict[str, list[Any]] = {}
        for grid in self.grids:
            for name, some in grid.items():
                values.setdefault(name, []).extend(some)
        everywhere = set.intersection(*(set(grid) for grid in self.grids))
        return tuple(
            name
            for name, some in values.items()
            if name not in everywhere or any(one != some[0] for one in some)
        )


def read_plan(path: Path) -> Plan:
    """Return the sweep of a YAML file.

    Raises:
        ConfigError: the file cannot be read, or something in it is unknown, missing, of a wrong kind, or
            would make no run.
    """
    found = read_mapping(path)
    for name in found:
        if name not in _KNOWN:
            raise ConfigError(
                f"{path}: {name} is nothing that a sweep has; allowed: {', '.join(_KNOWN)}."
                f"{did_you_mean(str(name), _KNOWN)}"
            )
    name, base = str(found.get("name", path.stem)), found.get("base")
    fits = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name) is not None
    require(fits, "name", name, "up to 100 letters, digits, '-', '_' and '.', as for a folder")
    fits = isinstance(base, str | Mapping) and bool(base)
    require(fits, "base", base, "a shipped file, the path of a YAML file, or settings")
    output = found.get("output", f"runs/sweeps/{name}")
    require(isinstance(output, str) and bool(output), "output", output, "a folder")
    report = found.get("report", {})
    require(isinstance(report, Mapping), "report", report, "settings of its tables")
    plan = Plan(
        name,
        base or "",
        tuple(_grids(found)),
        output,
        read_seeds("seeds", found["seeds"]) if "seeds" in found else (),
        read_choice(found["choose"]) if "choose" in found else None,
        read_budget(found["budget"]) if "budget" in found else None,
        report,
        read_resources(found.get("resources", {})),
    )
    _require_seeds(plan)
    return plan


def _require_seeds(plan: Plan) -> None:
    """Refuse seeds that stand in two places, or in none where something is chosen."""
    in_grids = any("seed" in grid for grid in plan.grids)
    where = "seeds of the grids, or one list of them for all: seeds: [0, 1, 2]"
    require(not (in_grids and plan.seeds), "seeds", list(plan.seeds), where)
    if plan.choice is not None:
        require(bool(plan.seeds), "seeds", list(plan.seeds), "a list such as [0, 1, 2], where choose stands")
        chosen = plan.choice.setting
        varied = any(
            chosen in flatten({name: value})
            for grid in plan.grids
            for name, values in grid.items()
            for value in values
        )
        require(not varied, f"choose: {chosen}", "in a grid too", "a setting that no grid varies")


def _grids(found: Mapping[str, Any]) -> Iterator[Grid]:
    """Yield ``grid``, and those of ``grids``."""
    several = found.get("grids", [])
    require(isinstance(several, list), "grids", several, f"a list of grids, each of {_EXAMPLE}")
    named = {"grid": found["grid"]} if "grid" in found else {}
    named |= {f"grids[{place}]": grid for place, grid in enumerate(several)}
    if not named:
        raise ConfigError(f"grid is missing, so there would be no runs; allowed: {_EXAMPLE}.")
    for where, grid in named.items():
        require(isinstance(grid, Mapping) and bool(grid), where, grid, _EXAMPLE)
        for name, values in grid.items():
            fits = isinstance(name, str)
            require(
                fits, f"{where}: {name}", values, "the full name of a setting in front, such as adapter.rank"
            )
            what = f"a list of one value or more, such as [{_sample(values)}]; with none there are no runs"
            require(isinstance(values, list) and bool(values), f"{where}: {name}", values, what)
            require(name != "name", f"{where}: name", values, "no names, for a run is named by what varies")
        yield grid


def _sample(values: Any) -> str:
    return "1, 2" if isinstance(values, list | Mapping) or values is None else str(values)
