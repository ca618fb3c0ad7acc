"""From folders of runs to folders of results."""

import csv
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from experiments import cli
from tests.experiments.analyses.conftest import make_run


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def runs(shelf, tmp_path):
    """A copy that a test may spoil, in a path with spaces and letters beyond ASCII."""
    folder = tmp_path / "eine Kopie é"
    shutil.copytree(shelf, folder)
    for header in folder.glob("*/adapter/adapter.json"):
        header.write_text(json.dumps({**json.loads(header.read_text()), "base_model": str(folder / "base")}))
    return folder


def test_analyze_writes_everything_that_applies(runs, capsys):
    assert cli.main(["analyze", str(runs / "seed 0"), str(runs / "lora")]) == 0
    place = runs / "seed 0-analysis"
    assert capsys.readouterr().out == f"report: {place / 'report.html'}\n"
    names = ["ranks", "evolution", "strip", "budget", "scores", "spectra", "amplification"]
    pictures = [f"pictures/run1-{name}.png" for name in names]
    pictures += [
        f"pictures/{name}.png" for name in ("run2-spectra", "run2-amplification", "base-query", "base-value")
    ]
    assert files_in(place) == sorted(["analysis.json", "matrices.csv", "report.html", *pictures])

    record = json.loads((place / "analysis.json").read_text())
    assert (record["format"], record["version"]) == ("adalora-analysis", 1)
    first, second = record["runs"]
    assert (first["label"], second["label"]) == ("seed 0", "lora")
    assert first["missing"] == second["missing"] == {}
    assert len(first["matrices"]) == 4
    one = first["matrices"][1]
    assert one["module"] == "bert.encoder.layer.0.attention.self.value"
    assert (one["layer"], one["type"], one["shape"], one["rank"]) == (0, "value", [16, 16], 2)
    assert len(one["sigma"]) == one["numerical_rank"] == 2
    assert one["base"]["factor"] == pytest.approx(one["base"]["delta_norm"] / one["base"]["by_delta"])
    assert set(one["triplets"]) == {"residual_left", "residual_right", "gap"}
    assert second["matrices"][0]["triplets"] is None
    assert first["allocation"]["steps"] == [0, 5]
    assert first["allocation"]["parameters"][0] == 4 * 3 * 33
    assert second["allocation"] is None

    with (place / "matrices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["seed 0"] * 4 + ["lora"] * 4
    assert float(rows[1]["amplification"]) == pytest.approx(one["base"]["factor"])
    assert rows[4]["residual P"] == ""


def test_compare_writes_everything_that_applies(runs, capsys):
    words = [str(runs / name) for name in ("seed 0", "seed 1", "lora")]
    assert cli.main(["compare", *words, "--format", "svg"]) == 0
    place = runs / "seed 0-comparison"
    assert str(place) in capsys.readouterr().out
    names = [
        f"pair{n}-{of}{rest}" for n in (1, 2, 3) for of in ("factor", "delta") for rest in ("", "-layers")
    ]
    pictures = [f"pictures/{name}.svg" for name in [*names, "stability"]]
    assert files_in(place) == sorted(
        ["analysis.json", "pairs.csv", "report.html", "similarity.csv", *pictures]
    )

    record = json.loads((place / "analysis.json").read_text())
    assert [(one["first"], one["second"]) for one in record["pairs"]] == [
        ("seed 0", "seed 1"),
        ("seed 0", "lora"),
        ("seed 1", "lora"),
    ]
    rows = record["pairs"][0]["matrices"]
    assert len(rows) == 4 * 4
    assert {(row["side"], row["of"]) for row in rows} == {
        (s, o) for s in ("left", "right") for o in ("factor", "delta")
    }
    for row in rows:
        assert len(row["diagonal"]) == len(row["chance"]) == min(row["ranks"])
        assert row["chance"][0] == pytest.approx(1 / 16)
        assert 0 <= row["above"] <= 1
    assert record["stability"]["runs"] == ["seed 0", "seed 1"]
    with (place / "similarity.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert {row["runs"] for row in cells} == {"seed 0, seed 1", "seed 0, lora", "seed 1, lora"}


def test_two_runs_with_different_modules(runs, capsys):
    make_run(runs / "other", runs / "base", 3, targets=["query", "key"])
    assert cli.main(["compare", str(runs / "seed 0"), str(runs / "other")]) == 0
    place = runs / "seed 0-comparison"
    (pair,) = json.loads((place / "analysis.json").read_text())["pairs"]
    assert pair["only_first"] == [f"bert.encoder.layer.{n}.attention.self.value" for n in (0, 1)]
    assert pair["only_second"] == [f"bert.encoder.layer.{n}.attention.self.key" for n in (0, 1)]
    assert {row["module"] for row in pair["matrices"]} == {
        f"bert.encoder.layer.{n}.attention.self.query" for n in (0, 1)
    }
    assert "Only in other: bert.encoder.layer.0.attention.self.key" in (place / "report.html").read_text()


def test_without_the_pretrained_weights_the_rest_still_runs(runs):
    shutil.rmtree(runs / "base")
    assert cli.main(["analyze", str(runs / "seed 0")]) == 0
    place = runs / "seed 0-analysis"
    (run,) = json.loads((place / "analysis.json").read_text())["runs"]
    assert all(one["base"] is None and one["norm"] > 0 for one in run["matrices"])
    ((reason, count),) = run["missing"].items()
    assert "is no folder" in reason
    assert count == 4
    page = (place / "report.html").read_text()
    assert "What needs the pretrained weight is missing for 4 of 4 matrices" in page
    assert not (place / "pictures" / "run1-amplification.png").exists()
    assert cli.main(["analyze", str(runs / "seed 0"), "--weights", "false", "--overwrite", "true"]) == 0


def test_an_adapter_of_rank_zero(runs):
    folder = runs / "seed 0" / "adapter"
    (path,) = folder.glob("adapter-*.safetensors")
    tensors = load_file(path)
    for name, tensor in tensors.items():
        if name.endswith((".lam", ".mask")):
            tensor.zero_()
    save_file(tensors, path)
    header = json.loads((folder / "adapter.json").read_text())
    for entry in header["modules"].values():
        entry["rank"] = 0
    (folder / "adapter.json").write_text(json.dumps(header))
    assert cli.main(["analyze", str(runs / "seed 0")]) == 0
    assert cli.main(["compare", str(runs / "seed 0"), str(runs / "lora")]) == 0
    (pair,) = json.loads((runs / "seed 0-comparison" / "analysis.json").read_text())["pairs"]
    assert all(row["ranks"][0] == 0 and row["diagonal"] == [] for row in pair["matrices"])


def test_names_that_are_markup_stay_text(runs):
    bad = runs / "<script>alert(1)<!--"
    shutil.copytree(runs / "seed 0", bad)
    assert cli.main(["analyze", str(bad), "--output", str(runs / "out")]) == 0
    page = (runs / "out" / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;!--" in page


def spoiled(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def infinite(tensors):
    tensors["bert.encoder.layer.0.attention.self.query.P"][0, 0] = torch.inf


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "is truncated or not a safetensors file"),
        (
            lambda path: spoiled(path, infinite),
            "self.query: factor left has a NaN or an infinite value; take a healthy run",
        ),
        (
            lambda path: (path.parent.parent / "allocation.json").write_text("{"),
            "allocation.json is damaged: ",
        ),
        (
            lambda path: (path.parent.parent / "triplets.jsonl").write_text("[]\n"),
            "triplets.jsonl is damaged: ",
        ),
        (lambda path: shutil.rmtree(path.parent), "holds no adapter: neither adapter.json"),
    ],
)
def test_a_damaged_run(runs, capsys, spoil, message):
    (path,) = (runs / "seed 0" / "adapter").glob("adapter-*.safetensors")
    spoil(path)
    before = files_in(runs)
    assert cli.main(["analyze", str(runs / "seed 0")]) == 2
    error = capsys.readouterr().err
    assert error.splitlines()[-1].split("\r")[-1].startswith("adalora: ")
    assert message in error
    assert files_in(runs) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["analyze"], "no run is named; usage: adalora analyze RUN... [--key value ...]."),
        (["compare", "--seed", "1"], "no run is named; usage: adalora compare RUN RUN..."),
        (["compare", "seed 0"], "1 run is named; allowed: at least two to compare."),
        (["analyze", "seed 0", "seed 0/"], "is named twice; allowed: each run once."),
        (["analyze", "nowhere"], "is no folder; give one that holds an adapter or a run."),
        (["analyze", "seed 0", "--format", "gif"], "format is 'gif'; allowed: one of png, pdf, svg."),
        (["analyze", "seed 0", "--samples", "3"], "samples is 3; allowed: at least 100."),
        (["analyze", "seed 0", "--sed", "3"], "sed is no setting. Did you mean 'seed'"),
        (["analyze", "seed 0", "--output", ""], "output is ''; allowed: a folder"),
        (["analyze", "seed 0", "--output", "seed 1"], "and is no analysis; give another folder."),
        (["analyze", "seed 0", "--output", "base/config.json"], "which is a file; allowed: a folder."),
    ],
)
def test_what_is_wrong_is_named(runs, capsys, monkeypatch, words, message):
    monkeypatch.chdir(runs)
    before = files_in(runs)
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err
    assert files_in(runs) == before


def test_runs_with_nothing_in_common(runs, capsys):
    make_run(runs / "other", runs / "base", 3, targets=["key"])
    assert cli.main(["compare", str(runs / "seed 0"), str(runs / "other")]) == 2
    assert (
        "seed 0 and other have no matrix in common; allowed: runs on one base model"
        in capsys.readouterr().err
    )


def test_an_earlier_analysis_is_replaced_only_when_asked(runs, capsys):
    assert cli.main(["analyze", str(runs / "lora")]) == 0
    assert cli.main(["analyze", str(runs / "lora")]) == 2
    assert (
        "holds an earlier analysis; give another folder, or set --overwrite true" in capsys.readouterr().err
    )
    assert cli.main(["analyze", str(runs / "lora"), "--overwrite", "true"]) == 0


def test_a_folder_that_cannot_be_written(runs, capsys, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    assert cli.main(["analyze", str(runs / "lora")]) == 2
    error = capsys.readouterr().err
    assert "cannot be written: [Errno 13] Permission denied" in error
    assert "Give one with --output." in error


def test_a_disk_that_fills_up_leaves_nothing(runs, capsys, monkeypatch):
    before = files_in(runs)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("experiments.analyses.run.write_csv", full)
    assert cli.main(["analyze", str(runs / "lora")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert files_in(runs) == before
    assert not list(runs.glob(".*"))


def test_labels_of_adapters_of_one_name(runs):
    words = [str(runs / name / "adapter") for name in ("seed 0", "lora")]
    assert cli.main(["analyze", *words, "--output", str(runs / "out")]) == 0
    found = json.loads((runs / "out" / "analysis.json").read_text())["runs"]
    assert [one["label"] for one in found] == ["seed 0/adapter", "lora/adapter"]
