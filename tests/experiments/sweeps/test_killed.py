"""A sweep that is killed at random moments ends with the results of one that is not."""

import textwrap

import pytest

from tests.experiments.sweeps import kill

STUB = textwrap.dedent(
    """
    import time
    from experiments.sweeps import pool

    def stub(config, commit):
        time.sleep(0.2)
        score = config.seed / 10 + config.training.learning_rate
        return {"headline": "accuracy", "scores": {"validation": {"accuracy": score}}, "seconds": 0.2}

    pool.run_cell = stub
    """
)


def test_with_processes_that_only_pretend_to_train(bert, tmp_path):
    sweep, output = kill.write_sweep(bert, tmp_path), tmp_path / "killed"
    kill.kill_three_times(tmp_path, sweep, output, STUB)
    told = kill.finish(tmp_path, sweep, output, STUB)
    found = kill.results(output)
    assert len(found) == kill.RUNS
    for result in found.values():
        config = result["config"]
        score = config["seed"] / 10 + config["training"]["learning_rate"]
        assert result["scores"] == {"validation": {"accuracy": score}}
    assert "method_lora-learning_rate_0.001 " in told
    assert kill.finish(tmp_path, sweep, output, STUB) == told


@pytest.mark.slow
def test_with_real_trainings(bert, tmp_path):
    sweep = kill.write_sweep(bert, tmp_path)
    kill.finish(tmp_path, sweep, tmp_path / "undisturbed")
    kill.kill_three_times(tmp_path, sweep, tmp_path / "killed")
    kill.finish(tmp_path, sweep, tmp_path / "killed")
    found = kill.results(tmp_path / "killed")
    assert len(found) == kill.RUNS
    assert found == kill.results(tmp_path / "undisturbed")
