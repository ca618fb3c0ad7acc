"""The folder of a run."""

import json

import pytest

from adalora import ConfigError
from experiments import files
from experiments.commands import settings
from experiments.config import RunConfig


def test_settings_written_are_read_back_equal(config):
    written = config(training={"lr_warmup": 0.1, "classifier_dropout": 0.2, "learning_rate": 1e-3})
    path = files.make(written) / files.CONFIG
    assert settings.read(RunConfig, settings.make_parser(RunConfig, "train", "", ""), path, []) == written


def test_text_that_looks_like_a_number_is_read_back_as_text(config):
    for name in ("1e5", "007", "null", "yes", "1.0"):
        path = files.make(config(name=name)) / files.CONFIG
        assert (
            settings.read(RunConfig, settings.make_parser(RunConfig, "train", "", ""), path, []).name == name
        )


def finish(settings):
    folder = files.make(settings)
    files.write_json(folder / files.RESULTS, {"seed": settings.seed})
    return files.publish(settings)


def test_a_finished_run_is_whole_until_the_next_one_is(config):
    folder = finish(config(seed=1))
    assert (folder / files.RESULTS).exists()
    with pytest.raises(ConfigError, match=r"name is 'tiny', .* overwrite: true"):
        files.make(config())
    files.make(config(seed=2, overwrite=True))
    assert "seed: 1" in (folder / files.CONFIG).read_text()
    assert finish(config(seed=3, overwrite=True)) == folder
    assert "seed: 3" in (folder / files.CONFIG).read_text()
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_what_a_crash_left_while_a_run_moved_is_in_nobodys_way(config):
    folder = finish(config(seed=1))
    (folder.parent / ".tiny.replaced/old").mkdir(parents=True)
    finish(config(seed=2, overwrite=True))
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]
    assert "seed: 2" in (folder / files.CONFIG).read_text()


def test_an_unfinished_run_is_begun_anew_unless_it_has_checkpoints(config):
    folder = files.make(config())
    (folder / files.METRICS).write_text("{}")
    assert [path.name for path in files.make(config()).iterdir()] == [files.CONFIG]
    (folder / "checkpoint-4").mkdir()
    with pytest.raises(
        ConfigError, match=r"unfinished run of that name with 1 checkpoints; .* overwrite: true"
    ):
        files.make(config())
    assert (folder / "checkpoint-4").exists()
    files.make(config(overwrite=True))
    assert not (folder / "checkpoint-4").exists()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "written", [["thesis.tex"], [files.CONFIG], [files.CONFIG, files.RESULTS, "thesis.tex"]]
)
def test_a_folder_that_is_no_run_is_never_touched(config, overwrite, written):
    folder = files.path_of(config())
    folder.mkdir(parents=True)
    for name in written:
        (folder / name).write_text("years of work")
    with pytest.raises(
        ConfigError, match=r"is no finished run; give another|holds thesis.tex, which no run has"
    ):
        files.make(config(overwrite=overwrite))
    assert sorted(path.name for path in folder.iterdir()) == sorted(written)


def test_an_empty_folder_is_free(config):
    files.path_of(config()).mkdir(parents=True)
    assert finish(config()).is_dir()


def test_a_place_that_cannot_be_written_to_is_named(config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"output_dir is .*file', where .tiny.unfinished cannot be written"):
        files.make(config(output_dir=str(tmp_path / "file")))


def test_numbers_that_json_does_not_have_become_null(tmp_path):
    files.write_json(tmp_path / "x.json", {"a": [1.5, float("nan")], "b": (float("inf"), "text", 3)})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": [1.5, None], "b": [None, "text", 3]}


def test_metrics_are_read_line_by_line(tmp_path):
    (tmp_path / files.METRICS).write_text('{"step": 1}\n{"step": 2}\n')
    assert files.read_metrics(tmp_path) == [{"step": 1}, {"step": 2}]
    (tmp_path / files.METRICS).write_text('{"step": 1, "loss": null}\n')
    assert files.read_metrics(tmp_path) == [{"step": 1}]
