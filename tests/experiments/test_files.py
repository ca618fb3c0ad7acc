"""The folder of a run."""

import pytest

from adalora import ConfigError
from experiments import files
from experiments.commands import settings


def test_settings_written_are_read_back_equal(config):
    written = config(training={"lr_warmup": 0.1, "classifier_dropout": 0.2, "learning_rate": 1e-3})
    path = files.make(written) / files.CONFIG
    assert settings.read(settings.make_parser("train", "", ""), path, []) == written


def test_a_finished_run_is_kept_unless_asked(config):
    folder = files.make(config())
    (folder / files.RESULTS).write_text("{}")
    with pytest.raises(ConfigError, match=r"name is 'tiny', .* overwrite: true"):
        files.make(config())
    assert (folder / files.RESULTS).exists()
    files.make(config(overwrite=True))
    assert not (folder / files.RESULTS).exists()


def test_an_unfinished_run_is_begun_anew(config):
    folder = files.make(config())
    (folder / files.METRICS).write_text("{}")
    files.make(config())
    assert [path.name for path in folder.iterdir()] == [files.CONFIG]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_no_run_is_never_touched(config, overwrite):
    folder = files.path_of(config())
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="exists and is no run's"):
        files.make(config(overwrite=overwrite))
    assert (folder / "thesis.tex").exists()


def test_an_empty_folder_is_free(config):
    files.path_of(config()).mkdir(parents=True)
    assert files.make(config()).is_dir()


def test_metrics_are_read_line_by_line(tmp_path):
    (tmp_path / files.METRICS).write_text('{"step": 1}\n{"step": 2}\n')
    assert files.read_metrics(tmp_path) == [{"step": 1}, {"step": 2}]
