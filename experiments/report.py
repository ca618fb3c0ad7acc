"""One page on a run, in one file that needs no network: ``report.html``."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from . import files, packages
from .pages import environment
from .results import Line, Results, base_in_words, class_table, score_cells, shown

_CAPTIONS = {
    "ranks": "The rank that every matrix kept: a row for each kind of matrix, a column for each layer.",
    "evolution": "How each matrix came to its rank, from the first step to the last.",
    "budget": "The triplets that the schedule left, and the lowest score that was enough to stay.",
    "training": "The loss of the task alone, and the metric on rows that were not trained on.",
}
_SCALE, _COLUMN = 0.56, 480  # screen pixels for a pixel of a picture; of a column


@dataclass(frozen=True)
class Picture:
    """A picture in the page.

    Attributes:
        caption: what it shows.
        width: width on the screen; one scale for all pictures, so that their letters are of one size.
        data: the PNG itself, in base64.
    """

    caption: str
    width: int
    data: str


@dataclass(frozen=True)
class Bar:
    """A bar of the comparison.

    Attributes:
        label: what was done.
        value: the headline metric as text.
        percent: length of the bar.
        main: whether it is the run itself rather than a baseline.
    """

    label: str
    value: str
    percent: float
    main: bool


def write(folder: Path, results: Results, place: Path) -> Path:
    """Write the page of a run from what lies in its folder.

    Args:
        folder: folder of the run, with settings, versions and pictures.
        results: the numbers of the run.
        place: where the folder will lie when the page is read.

    Returns:
        The page's path.
    """
    pages = environment()
    pages.filters["duration"] = duration
    page = pages.get_template("report.html").render(
        results=results,
        headline=_headline(results, results.lines[-1]),
        bars=[_bar(results, line) for line in results.lines],
        cells=[(line, score_cells(line)) for line in results.lines],
        classes=class_table(results.lines[-1]),
        base=base_in_words(results.base) if results.base else "",
        columns=_columns(folder / files.PICTURES),
        code=how_to_load(results, place),
        settings=(folder / files.CONFIG).read_text(encoding="utf-8"),
        versions=json.loads((folder / files.VERSIONS).read_text(encoding="utf-8")),
    )
    path = folder / files.REPORT
    path.write_text(page, encoding="utf-8")
    return path


def how_to_load(results: Results, folder: Path) -> str:
    """Return Python code that loads the trained model; empty for a run that has no adapter."""
    if not results.adapter:
        return ""
    alias = results.model in packages.MODELS
    base = f"packages.find(packages.MODELS[{results.model!r}])" if alias else repr(results.model)
    packaged = ["from experiments import packages"] if alias else []
    if results.loading:
        library, ours = [], [*packaged, results.loading[0]]
        model = [f"model = {results.loading[1]}"]
    else:
        labels = f", num_labels={results.labels}" if results.labels else ""
        imports = ["import torch", f"from transformers import {results.auto_class}, AutoTokenizer", ""]
        library, ours = imports, packaged
        # As `load_model` does: in float32, and with a new head where the base has one of another task.
        options = "dtype=torch.float32, ignore_mismatched_sizes=True"
        model = [
            "tokenizer = AutoTokenizer.from_pretrained(base)",
            f"model = {results.auto_class}.from_pretrained(base{labels}, {options})",
        ]
    if results.base:
        model.append(results.base.call)
    adapter = f"adalora.load(model, {(folder / files.ADAPTER).as_posix()!r}).eval()"
    lines = [*library, "import adalora", *ours, "", f"base = {base}", *model, adapter]
    return "\n".join([*lines, *_how_to_measure(results.precision)])


def _how_to_measure(precision: str) -> list[str]:
    if precision == "float32":
        return []
    return [
        "# The scores of the run were measured in mixed precision:",
        f"# with torch.autocast(next(model.parameters()).device.type, torch.{precision}): model(**batch)",
    ]


def duration(seconds: float) -> str:
    """Return a time as people say it, such as ``48 s``, ``2 min 05 s`` and ``3 h 20 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _headline(results: Results, line: Line) -> float:
    return next(iter(line.scores.values()))[results.headline]


def _bar(results: Results, line: Line) -> Bar:
    value = _headline(results, line)
    percent = round(100 * min(max(value, 0), 1), 1)
    return Bar(line.label, shown(results.headline, value), percent, line is results.lines[-1])


def _columns(folder: Path) -> list[list[Picture]]:
    """Return the pictures in columns of about equal height; a wide picture of ranks has a row of its own."""
    found = {name: _picture(folder / f"{name}.png", text) for name, text in _CAPTIONS.items()}
    columns = [["ranks", "evolution"], ["budget", "training"]]
    ranks = found["ranks"]
    if ranks and ranks.width > _COLUMN:
        columns = [["ranks"], ["evolution"], ["budget", "training"]]
    placed = [[picture for name in column if (picture := found[name])] for column in columns]
    return [column for column in placed if column]


def _picture(path: Path, caption: str) -> Picture | None:
    if not path.exists():
        return None
    data = path.read_bytes()
    pixels = int.from_bytes(data[16:20])  # where every PNG says how wide it is
    return Picture(caption, round(pixels * _SCALE), base64.b64encode(data).decode("ascii"))
