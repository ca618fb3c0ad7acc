"""The tables of made-up sweeps, cell by cell."""

import csv

import pytest

from adalora import ConfigError
from experiments.reports.words import difference, duration, millions
from tests.experiments.reports.conftest import BASE, result

LABELS = {"adapter.target_modules": {"[query]": "W_q", "[query, value]": "W_q, W_v"}}
TINY = {**BASE, "task": "rotten_tomatoes", "model": "minilm"}


def test_a_row_a_method_and_a_column_a_metric(sweep, tables):
    swept = sweep(
        grid={"method": ["lora", "bitfit"]}, seeds=[0, 1], report={"metrics": ["bleu", "loss"]}, base=TINY
    )
    swept.fill(lambda run: result(0.5 + 0.02 * run.seed + 0.1 * (run.method == "lora")))
    scores, tests, work = tables(swept.text())
    assert scores == [
        ["method", "trained", "bleu", "loss ↓"],
        ["LoRA", "0.35 M", "**61.0 ± 1.4**", "**0.390 ± 0.014**"],
        ["BitFit", "0.35 M", "51.0 ± 1.4", "0.490 ± 0.014"],
    ]
    assert tests[1] == ["BitFit", "2", "-10.00", "every seed differs alike", "–"]
    assert work[0] == ["method", "learning rate", "trained", "steps", "time a run", "runs", "failed"]
    assert work[1] == ["LoRA", "0.001", "0.35 M", "100", "90 s", "2", "–"]


def test_one_seed_has_no_spread_and_one_entry_is_no_winner(sweep, tables):
    swept = sweep(grid={"seed": [3]}, base=TINY).fill(lambda run: result(0.5))
    (scores, work) = tables(swept.text())
    assert scores == [["run", "trained", "bleu"], ["swept", "0.35 M", "50.0"]]
    assert work[1][0] == "swept"


def test_the_form_of_table_5(sweep, tables):
    settings = [{"target_modules": ["query"], "rank": 8}, {"target_modules": ["query", "value"], "rank": 4}]
    swept = sweep(
        base=TINY,
        grid={"task": ["rotten_tomatoes", "wordnet24"], "adapter": settings},
        report={
            "rows": ["task"],
            "columns": ["adapter.target_modules", "adapter.rank"],
            "labels": LABELS,
            "names": {"adapter.rank": "r"},
        },
    )
    swept.fill(lambda run: result(0.7 + (0.1 if run.adapter.rank == 4 else 0), metric="accuracy"))
    assert tables(swept.text())[0] == [
        ["task", "W\\_q, r = 8", "W\\_q, W\\_v, r = 4"],
        ["rotten\\_tomatoes", "70.0", "**80.0**"],
        ["wordnet24", "70.0", "**80.0**"],
    ]


def test_the_form_of_table_6(sweep, tables):
    swept = sweep(
        base=TINY,
        grid={"adapter.target_modules": [["query"], ["query", "value"]], "adapter.rank": [1, 2]},
        report={
            "rows": ["adapter.target_modules"],
            "columns": ["adapter.rank"],
            "labels": LABELS,
            "metrics": ["bleu", "loss"],
        },
    )
    swept.fill(lambda run: result(0.1 * run.adapter.rank * len(run.adapter.target_modules)))
    scores, losses, *_ = tables(swept.text())
    head = ["target modules", "rank = 1", "rank = 2"]
    assert scores == [head, ["W\\_q", "10.0", "20.0"], ["W\\_q, W\\_v", "20.0", "**40.0**"]]
    assert losses == [head, ["W\\_q", "0.900", "0.800"], ["W\\_q, W\\_v", "0.800", "**0.600**"]]


def test_a_table_for_each_task_and_the_best_of_each(sweep, tables):
    swept = sweep(base=TINY, grid={"task": ["rotten_tomatoes", "stsb"], "adapter.rank": [1, 2]})
    metrics = {"rotten_tomatoes": "accuracy", "stsb": "pearson"}
    swept.fill(lambda run: result(0.1 * run.adapter.rank, metric=metrics[run.task]))
    first, second, *_ = tables(swept.text())
    assert [table[0] for table in (first, second)] == [
        ["rank", "trained", "accuracy"],
        ["rank", "trained", "pearson"],
    ]
    assert first[2] == second[2] == ["2", "0.35 M", "**20.0**"]


def test_parts_beside_each_other(sweep, tables):
    def make(run):
        made = result(0.5, part="seen")
        made["scores"]["unseen"] = {"bleu": 0.25}
        return made

    layout = {"part": ["unseen", "seen"], "metrics": ["bleu", "loss"]}
    swept = sweep(base=TINY, grid={"adapter.rank": [1]}, report=layout).fill(make)
    assert tables(swept.text())[0] == [
        ["run", "trained", "bleu, unseen", "bleu, seen", "loss ↓"],
        ["swept", "0.35 M", "25.0", "50.0", "0.500"],
    ]


def test_a_half_finished_sweep_says_what_is_missing_and_what_failed(sweep, tables):
    def make(run):
        if run.adapter.rank == 1:
            return result(0.5 + run.seed / 10) if run.seed < 2 else None
        return "ValueError: no | room" if run.adapter.rank == 2 else None

    swept = sweep(base=TINY, grid={"adapter.rank": [1, 2, 4]}, seeds=[0, 1, 2]).fill(make)
    text = swept.text()
    scores, work, failed = tables(text)
    assert [row[-1] for row in scores] == ["bleu", "55.0 ± 7.1\\*", "failed", "–"]
    assert "fewer seeds than the sweep asks for" in text
    assert "Half finished: 4 of 9 runs are not there yet." in text
    assert [row[-2:] for row in work[1:]] == [["2 of 3", "–"], ["0 of 3", "3"], ["0 of 3", "–"]]
    assert failed[1] == ["rank\\_2-seed\\_0", "ValueError: no \\| room"]


def test_a_metric_that_the_machines_could_not_measure_is_not_there_yet(sweep, tables):
    swept = sweep(grid={"adapter.rank": [1, 2]}, report={"metrics": ["bleu", "meteor"]})
    scores = tables(swept.fill(lambda run: result(0.5)).text())[0]
    assert scores[:2] == [["rank", "trained", "bleu", "meteor"], ["1", "0.35 M", "**50.0**", "–"]]


def test_numbers_that_are_not_finite_and_old_results_without_losses(sweep, tables):
    def make(run):
        made = result(float("nan") if run.seed else 0.5)
        del made["losses"], made["log"], made["versions"], made["trained"]
        return made

    swept = sweep(
        base=TINY, grid={"adapter.rank": [1, 2]}, seeds=[0, 1], report={"metrics": ["bleu", "loss"]}
    )
    assert tables(swept.fill(make).text())[0][1] == ["1", "–", "**50.0\\***", "–"]


def test_what_is_chosen_is_told_and_trials_count_as_work(sweep, tables):
    swept = sweep(
        base=TINY,
        grid={"adapter.rank": [1, 2]},
        seeds=[0, 1],
        choose={"training.learning_rate": [0.1, 0.2], "seeds": [0]},
    )
    swept.fill(lambda run: None if run.adapter.rank == 2 else result(run.training.learning_rate))
    text = swept.text()
    work = tables(text)[1]
    assert work[0][:2] == ["rank", "learning rate, chosen"]
    assert work[1][:2] == ["1", "0.2"]
    assert work[2][:2] == ["2", "–"]
    assert "4 finished runs, trials included: 0.10 hours of training." in text


@pytest.mark.parametrize("chooses", [True, False])
def test_numbers_of_the_rows_that_decided_are_said_to_be(sweep, chooses):
    choice = {"training.learning_rate": [0.1, 0.2], "seeds": [0]}
    swept = sweep(
        base=TINY,
        grid={"task": ["glue/sst2", "rotten_tomatoes", "glue/mnli"]},
        seeds=[0],
        **({"choose": choice} if chooses else {}),
    )
    text = swept.fill(lambda run: result(0.5)).text()
    said = "these are the test rows, too, of glue/sst2, glue/mnli: their numbers are of the very rows that decided"
    assert (said in text) == chooses


def test_a_choice_from_some_of_the_values_is_none_yet(sweep, tables):
    swept = sweep(
        base=TINY,
        grid={"adapter.rank": [1, 2]},
        seeds=[0],
        choose={"training.learning_rate": [0.1, 0.2], "seeds": [0]},
    )
    swept.fill(lambda run: result(0.5) if run.adapter.rank == 2 or run.training.learning_rate < 0.2 else None)
    text = swept.text()
    assert "Half finished: 1 of 2 runs are not there yet." in text
    assert [row[-1] for row in tables(text)[0]] == ["bleu", "–", "50.0"]


def test_the_csv_holds_every_number_with_its_seeds(sweep):
    swept = sweep(
        base=TINY,
        grid={"adapter.target_modules": [["query"], ["query", "key"]], "adapter.rank": [1]},
        seeds=[0, 1],
    )
    swept.fill(
        lambda run: result(0.5 + 0.1 * run.seed) if len(run.adapter.target_modules) == 1 else 'Error: "a", b'
    )
    with (swept.report() / "report.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["entry"], row["metric"], row["part"]) for row in rows] == [
        ("target_modules_query", "bleu", "validation"),
        ("target_modules_query", "bleu", "test"),
        ("target_modules_query", "loss", "validation"),
        ("target_modules_query", "loss", "test"),
        ("target_modules_query.key", "", ""),
    ]
    test, failed = rows[1], rows[-1]
    assert test["adapter.target_modules"] == "[query]"
    assert list(zip(test["seeds"].split(), map(float, test["values"].split()), strict=True)) == [
        ("0", 0.5),
        ("1", 0.6),
    ]
    assert float(test["mean"]) == pytest.approx(0.55)
    assert float(test["sd"]) == pytest.approx(0.1 / 2**0.5)
    assert (float(test["trained"]), float(test["seconds"]), test["wanted"]) == (350_000, 90, "2")
    assert failed["failures"].count('Error: "a", b') == 2


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({"metrics": ["blue"]}, r"report: metrics \(of rotten_tomatoes\) is 'blue'; allowed: bleu, accuracy, loss\. Did you mean 'bleu'"),
        ({"part": "tests"}, r"report: part \(of rotten_tomatoes\) is 'tests'; allowed: .* Did you mean 'test'"),
        ({"rows": ["adapter.rnk"]}, r"report: rows is 'adapter.rnk'; allowed: .* Did you mean 'adapter.rank'"),
        ({"rows": ["task"]}, r"report: rows is \['task'\], and does not tell \(adapter.rank=1\) from \(adapter.rank=2\); .*adapter.rank"),
    ],
)  # fmt: skip
def test_a_layout_that_does_not_fit_is_named(sweep, layout, said):
    swept = sweep(base=TINY, grid={"adapter.rank": [1, 2]}, report=layout).fill(lambda run: result(0.5))
    with pytest.raises(ConfigError, match=said):
        swept.report()


def test_a_reference_without_a_result_is_told(sweep):
    layout = {"compare": {"adapter.rank": 1}}
    swept = sweep(base=TINY, grid={"adapter.rank": [1, 2, 4]}, report=layout)
    text = swept.fill(lambda run: None if run.adapter.rank == 1 else result(0.5)).text()
    assert "rotten\\_tomatoes: what is compared with has no number yet, or is not there." in text
    assert "| p |" not in text


def test_nothing_finished_says_how_to_train(sweep):
    swept = sweep(base=TINY, grid={"adapter.rank": [1, 2]})
    with pytest.raises(
        ConfigError, match=r"has no finished run of swept yet; train it first: adalora sweep swept"
    ):
        swept.report()
    swept.fill(lambda run: "Error: no")
    with pytest.raises(ConfigError, match=r"train it first \(2 have failed: add --retry\): "):
        swept.report()
    assert not (swept.store.folder / "report").exists()


def test_an_earlier_report_is_replaced_and_nothing_else(sweep):
    swept = sweep(base=TINY, grid={"adapter.rank": [1, 2]}).fill(lambda run: result(0.5))
    place = swept.report()
    (place / "pictures" / "curves-9.png").touch()
    assert swept.report() == place
    assert not (place / "pictures" / "curves-9.png").exists()
    (place / "notes.txt").touch()
    with pytest.raises(ConfigError, match=r"which holds notes.txt and is no report"):
        swept.report()
    assert (place / "report.md").exists()


def test_numbers_in_words():
    assert [millions(n) for n in (0, 37_634, 296_450, 354_920_000)] == [
        "0.00 M",
        "0.038 M",
        "0.30 M",
        "354.92 M",
    ]
    assert [duration(n) for n in (45, 700, 7200)] == ["45 s", "12 min", "2.0 h"]
    assert [difference("accuracy", n) for n in (-1e-17, 0.0123)] == ["+0.00", "+1.23"]
