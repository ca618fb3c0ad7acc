"""What a report says, section by section, before it is a file of any kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from ..metrics import LOSS
from ..tasks import held_out
from .blocks import Plan, block_tables
from .curves import curves
from .layout import Layout
from .lines import GROUND, Line, called, told
from .maps import rank_maps
from .paired import Test, paired_tests
from .table import Cell, Table
from .tradeoff import tradeoff
from .words import NONE, chance, difference, lower_is_better
from .work import Work, work_table


@dataclass(frozen=True)
class Picture:
    """A picture of a report.

    Attributes:
        name: of its file, without the ending.
        caption: what it shows.
        figure: the picture.
    """

    name: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        notes: sentences below it.
        tables: numbers.
        pictures: pictures.
    """

    title: str
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = field(default_factory=tuple)


def sections_of(lines: Sequence[Line], layout: Layout, plan: Plan, work: Work, chosen: str) -> list[Section]:
    """Return all sections: scores, tests, pictures, what it took, what failed.

    Raises:
        ConfigError: ``compare`` fits no entry, or several of one task and model.
    """
    return [
        *_scores(lines, layout, plan, chosen),
        *_tests(lines, layout, plan),
        *_pictures(lines, layout, plan),
        Section("What it took", work.sentences(), [work_table(lines, layout, plan, chosen)]),
        *_failures(lines),
    ]


def _scores(lines: Sequence[Line], layout: Layout, plan: Plan, chosen: str) -> list[Section]:
    notes = [_explained(layout)]
    seen = [line for line in lines if not held_out(line.config.task)] if chosen else []
    if seen:
        names = ", ".join(dict.fromkeys(line.label("task", layout) for line in seen))
        notes.append(
            f"The {called(chosen, layout)} is chosen by the validation rows, and these are the test rows, "
            f"too, of {names}: their numbers are of the very rows that decided, and so too good."
        )
    missing = sum(line.outcome.missing for line in lines)
    if missing:
        wanted = sum(line.wanted for line in lines)
        notes.append(f"Half finished: {missing} of {wanted} runs are not there yet.")
    if layout.paper:
        notes.insert(0, f"In the form of {layout.paper}.")
    blocks = block_tables(lines, layout, plan)
    return [
        Section(name or "Scores", notes if place == 0 else (), tables)
        for place, (name, tables) in enumerate(blocks)
    ]


def _explained(layout: Layout) -> str:
    parts = "the test rows" if layout.part == ("test",) else f"the part {', '.join(layout.part)}"
    loss = "; the loss is that of the validation rows" if LOSS in layout.metrics else ""
    return (
        f"Mean ± standard deviation over seeds, on {parts}{loss}; shares and correlations in hundredths. "
        f"Bold: the best of a task and model. What papers print stands beside ours with their own ±, and is "
        f"not compared."
    )


def _tests(lines: Sequence[Line], layout: Layout, plan: Plan) -> list[Section]:
    tests = paired_tests(lines, layout, layout.part[0])
    untested = _untested(lines, tests)
    if not tests and not untested:
        return []
    about = (
        "Every entry against one of its task and model, seed by seed: the difference in points, the "
        "two-sided paired t-test, and its p corrected by Holm for all tests of the task and model."
    )
    notes = [about]
    settings = [name for name in plan.all if name not in GROUND]
    several = len({line.config.model for line in lines}) > 1

    def named(line: Line) -> str:
        return told(line, GROUND if several else GROUND[:1], layout)

    notes += [
        f"{named(line)}: what is compared with has no number yet, or is not there." for line in untested
    ]
    if layout.compare is None:
        notes.append("The reference is the best of these very numbers, which makes the others look worse.")
    tables = []
    for ground in dict.fromkeys(test.line.ground for test in tests):
        some = [test for test in tests if test.line.ground == ground]
        reference, metric = some[0].reference, some[0].metric
        unit = called(metric, layout) + (" ↓" if lower_is_better(metric) else "")
        title = f"{named(reference)}: {unit}, against {told(reference, settings, layout)}"
        head = ("entry", "seeds", "difference", "p", "p, Holm")
        tables.append(Table(title, head, [_test(one, layout, settings) for one in some], 1))
    return [Section("Paired tests", notes, tables)]


def _untested(lines: Sequence[Line], tests: Sequence[Test]) -> list[Line]:
    """Return an entry of every task and model that has several entries with results, and no test."""
    tested, found = {test.line.ground for test in tests}, dict[tuple[str, str], list[Line]]()
    for line in lines:
        if line.outcome.results and line.ground not in tested:
            found.setdefault(line.ground, []).append(line)
    return [some[0] for some in found.values() if len(some) > 1]


def _test(test: Test, layout: Layout, settings: Sequence[str]) -> list[Cell]:
    apart = test.difference
    return [
        Cell(told(test.line, settings, layout)),
        Cell(str(len(test.seeds)), len(test.seeds)),
        Cell(NONE) if apart is None else Cell(difference(test.metric, apart), apart),
        Cell(test.why or chance(test.p), test.p),
        Cell(chance(test.holm), test.holm),
    ]


def _pictures(lines: Sequence[Line], layout: Layout, plan: Plan) -> list[Section]:
    notes, found = [], []
    figure = tradeoff(lines, layout)
    if figure is not None:
        found.append(Picture("tradeoff", "Score against trained parameters, by method", figure))
    grounds: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        grounds.setdefault(line.ground, []).append(line)
    for number, some in enumerate(grounds.values(), 1):
        figure, left_out = curves(some, layout, [name for name in plan.all if name not in ("task", "model")])
        name = some[0].label("task", layout)
        if figure is not None:
            found.append(Picture(f"curves-{number}", f"Learning curves, {name}", figure))
        if left_out:
            notes.append(f"Learning curves of {name}, without the {left_out} worst of {len(some)} entries.")
    maps, others = rank_maps(lines, layout, plan.all)
    for number, (line, figure) in enumerate(maps, 1):
        found.append(Picture(f"ranks-{number}", f"Final ranks, {told(line, plan.all, layout)}", figure))
    if others:
        notes.append(f"No map of ranks is drawn for: {'; '.join(others)}.")
    return [Section("Pictures", notes, (), found)] if found else []


def _failures(lines: Sequence[Line]) -> list[Section]:
    failures = [failure for line in lines for failure in line.outcome.failures]
    if not failures:
        return []
    note = "adalora sweep --retry tries them again."
    rows = [[Cell(name), Cell(why)] for name, _, why in (one.partition(": ") for one in failures)]
    return [Section("Failed runs", [note], [Table("", ("run", "why"), rows, 2)])]
