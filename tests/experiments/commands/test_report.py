"""``adalora report``: its words, and what it says."""

import pytest

from tests.experiments.commands.test_sweep import file  # noqa: F401 - a fixture


def test_a_swept_file_is_reported(file, tmp_path, say, refuse):  # noqa: F811
    path = file(**{"method": ["lora"], "adapter.rank": [1, 2]})
    out = tmp_path / "out"
    said = refuse("report", path, "--results", out)
    assert (
        said == f"{out} has no finished run of swept yet; train it first: adalora sweep {path} --output {out}"
    )
    say("sweep", path, "--output", out)
    assert say("report", path, "--results", out) == f"report: {out}/report/report.html\n"
    names = {"report.html", "report.md", "report.csv", "report.tex", "pictures"}
    assert {one.name for one in (out / "report").iterdir()} == names
    assert "# swept" in (out / "report" / "report.md").read_text()
    assert say("report", path, "--results", out, "--output", tmp_path / "else").endswith("else/report.html\n")
    assert say("report", path, "--results", out).endswith("out/report/report.html\n")  # once more
    assert refuse("report", path, "--results", out, "--output", out).startswith(
        f"output is '{out}', which holds "
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["nothing"],
            "SWEEP is 'nothing'; allowed: the path of a YAML file, or a shipped one: budget, methods, ",
        ),
        ([], "SWEEP is missing; usage: adalora report SWEEP [--output DIR] [--results DIR]."),
        (["rank", "--jobs", "2"], "option is '--jobs'; allowed: --output, --results."),
    ],
)
def test_what_is_wrong_is_named(words, said, refuse):
    assert refuse("report", *words).startswith(said)


def test_the_help_says_where_the_layout_stands(say):
    assert "report in its file" in " ".join(say("report", "--help").split())
