"""The files, and when they may be written."""

import pytest

from adalora import ConfigError
from experiments.bench import output
from experiments.bench.tables import markdown


def test_all_files_are_written_whole(settings, record, tmp_path):
    config = settings()
    output.require_free(config)
    output.write(config, record)
    folder = tmp_path / "bench"
    assert {path.name for path in folder.iterdir()} == {"bench.json", "bench.png", "tables.md"}
    assert output.read(folder) == record
    assert (folder / "tables.md").read_text(encoding="utf-8") == markdown(record)


def test_results_are_replaced_only_when_that_is_asked_for(settings, record, tmp_path):
    output.require_free(settings())
    output.write(settings(), record)
    with pytest.raises(ConfigError, match=r"holds bench.json, bench.png, tables.md; give another folder, or"):
        output.require_free(settings())
    output.require_free(settings(overwrite=True))
    record["sections"] = {"inference": record["sections"]["inference"]}
    output.write(settings(overwrite=True), record)
    assert not (tmp_path / "bench" / "bench.png").exists()  # it would be one of other numbers


def test_a_place_that_cannot_be_written_to_is_refused_at_once(settings, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^output is .*, which cannot be written to: "):
        output.require_free(settings(output=str(tmp_path / "file" / "bench")))
