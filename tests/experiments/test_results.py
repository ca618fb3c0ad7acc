"""The numbers of a run as a table."""

from experiments.results import Line, Rank, Results, class_table, score_cells, shown, table


def results(*lines, rank=None):
    return Results("demo", "stsb", "About.", "minilm", "AutoModel", 2, "accuracy", 1000, lines, rank)


def test_shares_are_per_cent_and_correlations_are_not():
    assert shown("accuracy", 0.8234) == "82.3 %"
    assert shown("pearson", 0.8234) == "0.823"


def test_sums_without_a_highest_value_are_no_shares():
    assert shown("nist", 8.8511) == "8.851"
    assert shown("cider", 2.5312) == "2.531"
    assert shown("ter", 0.463) == "46.3 %"


def test_the_part_is_named_only_where_there_are_several():
    assert score_cells(Line("a", {"test": {"accuracy": 0.5}})) == {"accuracy": "50.0 %"}
    several = Line("a", {"matched": {"accuracy": 0.5}, "mismatched": {"accuracy": 0.25}})
    assert score_cells(several) == {"accuracy (matched)": "50.0 %", "accuracy (mismatched)": "25.0 %"}


def test_the_table_for_the_terminal():
    lines = (
        Line("majority class", {"test": {"accuracy": 0.513}}),
        Line("AdaLoRA", {"test": {"accuracy": 0.8}}, trained=498866, seconds=87.2, steps=200),
    )
    rank = Rank(matrices=36, initial=432, budget=288, kept=288, lowest=3, highest=12)
    assert table(results(*lines, rank=rank)).splitlines() == [
        "                 accuracy   weights trained   seconds",
        "majority class     51.3 %                 0         0",
        "AdaLoRA            80.0 %           498,866        87",
        "",
        "budget 288 triplets; 288 of 432 triplets kept in 36 matrices, 3 to 12 in each",
    ]


OF_CLASSES = {"mIoU": 0.5, "IoU/road": 0.25, "IoU/water": 0.75, "Acc/road": 0.125}


def test_the_numbers_of_classes_are_no_columns_but_rows():
    line = Line("a", {"val": OF_CLASSES})
    assert score_cells(line) == {"mIoU": "50.0 %"}
    assert class_table(line) == [
        ["class", "IoU", "Acc"],
        ["road", "25.0 %", "12.5 %"],
        ["water", "75.0 %", "-"],
    ]
    assert class_table(Line("a", {"val": {"mIoU": 0.5}})) == []


def test_the_terminal_shows_the_classes_of_the_last_line():
    lines = (Line("majority class", {"val": {"mIoU": 0.1}}), Line("AdaLoRA", {"val": OF_CLASSES}))
    assert table(results(*lines)).splitlines()[3:] == [
        "",
        "class      IoU      Acc",
        "road    25.0 %   12.5 %",
        "water   75.0 %        -",
    ]


def test_without_ranks_the_table_ends_with_its_rows():
    assert table(results(Line("head only", {"test": {"accuracy": 1.0}}))).endswith("0")
