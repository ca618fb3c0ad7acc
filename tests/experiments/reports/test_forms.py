"""Markdown, LaTeX and the page: whatever a name holds, it is shown and does nothing."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from experiments.reports import latex, markdown
from experiments.reports.table import Cell, Table
from tests.experiments.reports.conftest import BASE, result

BAD = r"""<script>alert('1')</script> | a_b & 50 % # {x} $y$ ~^ \z "q" `c` *d* 秩 [e](f)"""


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def read(page):
    """Return the tags and texts of a page."""
    found = _Tags()
    found.feed(page)
    return found


@pytest.fixture
def bad(sweep):
    """A sweep whose labels, names and failures hold everything that any form takes for its own."""
    swept = sweep(
        base={**BASE, "task": "stsb"},
        grid={"adapter.target_modules": [["query"], [BAD]], "adapter.rank": [1, 2]},
        seeds=[0, 1],
        report={
            "title": BAD,
            "paper": BAD,
            "labels": {"adapter.rank": {1: BAD, 2: f"_{BAD}"}},
            "names": {"adapter.rank": BAD, "bleu": BAD},
        },
    )
    return swept.fill(
        lambda run: (
            f"ValueError: {BAD}"
            if run.seed and run.adapter.rank == 2
            else result(0.5 + run.seed, trained=run.adapter.rank * 10**5)
        )
    )


def test_markdown_shows_names_as_they_stand():
    rendered = MarkdownIt("commonmark").enable("table").render
    words = " ".join(BAD.split())
    shown = read(rendered(markdown.escaped(words)))
    assert (shown.tags, "".join(shown.texts).strip()) == (["p"], words)
    table = markdown.table(Table("", ("a", "b|c"), [[Cell(words), Cell("1 ± 2", 1.0, best=True)]]))
    shown = read(rendered(table))
    assert [text for text in shown.texts if text.strip()] == ["a", "b|c", words, "1 ± 2"]
    assert shown.tags.count("strong") == 1


def test_latex_escapes_what_it_would_take_for_its_own():
    assert latex.escaped("50 % & a_bc #1 {x} $y$") == r"50 \% \& a\_bc \#1 \{x\} \$y\$"
    assert latex.escaped("\\z ~ ^") == r"\textbackslash{}z \textasciitilde{} \textasciicircum{}"
    assert latex.escaped("W_q, W_v") == "$W_{q}$, $W_{v}$"
    assert latex.escaped("70.4 ± 0.1 –") == r"70.4 $\pm$ 0.1 --"
    assert latex.escaped("Läufe 秩") == "Läufe [U+79E9]"
    table = latex.table(Table("", ("a", "b"), [[Cell("x"), Cell("1", 1.0, best=True)]]), "T")
    assert (
        "\\begin{tabular}{lr}\n\\toprule\n{}a & b \\\\\n\\midrule\n{}x & \\textbf{1} \\\\\n\\bottomrule"
        in table
    )


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex: apt install texlive-latex-recommended"
)
def test_the_latex_compiles(bad, tmp_path):
    place = bad.report()
    command = [
        "pdflatex",
        "-interaction=nonstopmode",
        "-halt-on-error",
        f"-output-directory={tmp_path}",
        "report.tex",
    ]
    done = subprocess.run(  # noqa: S603
        command, cwd=place, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "report.pdf").stat().st_size > 10_000


def test_the_page_escapes_every_name(bad):
    page = (bad.report() / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    found = read(page)
    assert found.tags.count("script") == 1
    assert BAD in found.texts  # the heading
    assert f"ValueError: {BAD}" in found.texts
    assert (
        page.count('src="data:image/png;base64,')
        == page.count("<img")
        == len(list((bad.store.folder / "report/pictures").iterdir()))
    )


def test_the_best_are_bold_in_every_form(sweep):
    swept = sweep(grid={"adapter.rank": [1, 2]}, base={**BASE, "task": "stsb"})
    place = swept.fill(lambda run: result(run.adapter.rank / 10)).report()
    assert re.search(r"<td[^>]*>10.0</td>", (place / "report.html").read_text())
    assert '<td data-key="0.2" class="best">20.0</td>' in (place / "report.html").read_text()
    assert r"{}2 & 0.35 M & \textbf{20.0} \\" in (place / "report.tex").read_text()
    assert "| 2 | 0.35 M | **20.0** |" in (place / "report.md").read_text()
