"""Every text of a page that comes from a setting, a module or a data set is shown, never run."""

import json

import pytest

from adalora import AdapterConfig
from adalora.card import model_card
from adalora.header import Header
from adalora.rank_map import rank_map
from experiments import files, report
from experiments.analyses import page
from experiments.results import Base, Line, Rank, Results

TAGS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></style><svg onload=alert(1)>",
    "{{ 7 * 7 }}",
]
RAW = ["<script>alert", "<img src=x", "<svg onload"]


def harmless(text):
    return not any(raw in text for raw in RAW) and ">49<" not in text


@pytest.mark.parametrize("tag", TAGS)
def test_the_report_of_a_run(tag, tmp_path):
    line = Line(tag, {tag: {tag: 0.5, f"{tag}/{tag}": 0.5, "f1": 0.5}}, 1, 1.0, 1)
    results = Results(
        name=tag, task=tag, about=tag, model=tag, auto_class=tag, labels=2, headline=tag, weights=10,
        lines=(line, line), rank=Rank(1, 2, 1, 1, 1, 1, tag), base=Base(tag, tag, 1, 1), loading=(tag, tag),
        precision=tag, optimizer=tag, notes=(tag,),
    )  # fmt: skip
    (tmp_path / files.CONFIG).write_text(f"task: {tag}\n")
    (tmp_path / files.VERSIONS).write_text(
        json.dumps(
            {
                "started": tag,
                "seed": tag,
                "commit": tag,
                "python": tag,
                "machine": {tag: tag},
                "packages": {tag: tag},
            }
        )
    )
    text = report.write(tmp_path, results, tmp_path / "x").read_text()
    assert harmless(text)
    assert text.count("<script") == 0


@pytest.mark.parametrize("tag", TAGS)
def test_the_card_and_the_picture_of_an_adapter(tag):
    header = Header(
        {"adapter": "adapter-0.safetensors"}, tag,
        AdapterConfig(rank=2, target_modules=[tag], exclude_modules=[tag], train_modules=[tag]),
        {tag: (3, 3), f"layer.0.{tag}": (3, 3)}, {tag: 1, f"layer.0.{tag}": 2}, {tag: 2, f"layer.0.{tag}": 2},
        {f"{tag}.weight": (2, 2)},
    )  # fmt: skip
    for text in (
        model_card(header, {tag: 0.5}),
        model_card(header, {tag: 0.5}, peft=True),
        rank_map(header.ranks, 2),
    ):
        assert harmless(text)


@pytest.mark.parametrize("tag", TAGS)
def test_the_page_of_an_analysis(tag):
    sheet = page.Sheet(tag, (tag,), [[(tag, tag)]], frozenset(), (tag,), 1)
    section = page.Section(tag, [tag], [page.Image(tag, 1, 1, "")], [sheet])
    text = page.render(tag, tag, [section, section], {tag: tag})
    assert harmless(text)
    assert text.count("<script") == 1  # our own, which the page's policy names by its hash
