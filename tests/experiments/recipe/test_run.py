"""From runs to the comparison, with made-up scores in place of training."""

import json
import warnings

import pytest

from adalora import ConfigError
from experiments.recipe import run
from experiments.recipe.cells import ABLATIONS, CONTENDERS, FORMS, GROUNDS, RATES, TRIALS, cell
from experiments.recipe.config import RecipeConfig
from experiments.recipe.tables import markdown
from experiments.sweeps.store import Store, key_of

LENGTHS = [
    {"start": start, "d1": 6, "d2": 4, "step": 1, "least": 0.5, "most": 0.75, "measured": value}
    for start, value in (("LoRA", 0.5), ("AdaLoRA, the recipe", 0.75))
]
BEST = {"adalora": 2e-3, "lora": 1e-3, "rslora": 5e-4, "dora": 8e-3}


def made_up(config):
    """A validation score that is best at one rate; a test score that says which run it is of."""
    kind = (
        "rslora" if config.adapter.scaling == "rslora" else "dora" if config.adapter.dora else config.method
    )
    far = abs(config.training.learning_rate - BEST[kind])
    bonus = 0.01 if kind == "adalora" else 0
    test = 0.8 + bonus + 0.001 * config.seed * (2 if kind == "adalora" else 1) - far
    return {
        "headline": "accuracy",
        "scores": {"validation": {"accuracy": 0.7 - far}, "test": {"accuracy": test}},
        "trained": 10,
        "seconds": 2.0,
        "ranks": {},
        "versions": {
            "commit": "0123456789",
            "machine": {"platform": "Linux", "cores": 2},
            "packages": {"torch": "2.13.0", "transformers": "5.0"},
        },
    }


@pytest.fixture
def trained(monkeypatch):
    seen = []

    def run_all(configs, store, *, jobs, label):
        for config in configs:
            if not store.has(config):
                seen.append(key_of(config))
                store.write(config, made_up(config))
        return {}

    monkeypatch.setattr(run, "run_all", run_all)
    monkeypatch.setattr(run.derivation, "measure", lambda: LENGTHS)
    return seen


def test_the_rate_is_chosen_on_validation_rows_and_five_seeds_are_tested(tmp_path, trained):
    record = run.recipe(RecipeConfig(output=str(tmp_path)))
    assert json.loads((tmp_path / run.RECORD).read_text()) == record == run.read(tmp_path)
    assert len(record["contenders"]) == len(CONTENDERS)
    assert [row["changed"] for row in record["ablations"]] == ["", *(who.changed for who in ABLATIONS)]
    assert (len(record["trials"]), len(record["forms"])) == (len(TRIALS), len(FORMS))
    for row, who in zip(record["contenders"], CONTENDERS, strict=True):
        assert row["rate"] == max(BEST[row["method"]], min(who.rates))
        assert len(row["test"]) == len(GROUNDS[row["task"]].seeds)
        assert set(row["validation"]) == {f"{rate:g}" for rate in who.rates}
        assert row["mean"] == pytest.approx(0.814 if row["method"] == "adalora" else 0.802, abs=0.0025)
    # 5 rates, or 3, with 2 seeds, and 3 seeds more for the one that was chosen; none twice.
    different = {(who.task, who.method, who.budget, who.settings): who for who in (*ABLATIONS, *CONTENDERS)}
    needed = sum(2 * len(who.rates) + len(GROUNDS[who.task].seeds) - 2 for who in different.values())
    forms = {key_of(one) for who in (*TRIALS, *FORMS) for one in run.choosing(who, 200)}
    assert set(trained) >= forms
    rest = {key_of(one) for who in different.values() for one in run.choosing(who, 200)}
    assert len(trained) == len(set(trained)) == needed + len(forms - rest)
    for test in record["tests"]:
        if not test["against_changed"]:
            assert test["difference"] == pytest.approx(0.0115, abs=0.0006)
            assert test["p"] < 0.01
    assert len(record["tests"]) == 2 * (2 * 4 + 1) + 2 * 4  # two forms of ours; and short LoRA against both

    before = len(trained)
    run.recipe(RecipeConfig(output=str(tmp_path)))
    assert len(trained) == before

    page = markdown(record)
    assert "Linux, 2 cores; torch 2.13.0, transformers 5.0; 200 steps a run" in page
    assert "commits 0123456." in page
    assert {path.name for path in tmp_path.glob("*.png")} == {"lengths.png", "rates.png", "scores.png"}
    assert "| rotten_tomatoes | 8 | LoRA | 0.001 | 80.2 ± 0.2 | 10 | 2 |" in page
    assert "| wordnet24 | 2 | AdaLoRA | LoRA | +1.2 |" in page
    assert "| wordnet24 | 2 | AdaLoRA, long first steps | LoRA | +1.2 |" in page
    assert "| nothing: the recipe | 0.002 | 70.0 | 81.4 ± 0.3 |  |  |" in page
    assert "| scorer: sensitivity | 0.002 | 70.0 | 81.4 ± 0.3 | +0.0 | 1 |" in page
    assert "| long first steps, penalty | 69.8 | 69.8 | 69.8 | 69.8 |" in page
    assert "| AdaLoRA, the recipe | 6 × 4 | 1 | 0.5 to 0.75 | 0.75 | 1.5 |" in page


def test_equal_scores_take_the_smaller_rate(tmp_path):
    store, who = Store(tmp_path), CONTENDERS[0]
    for config in run.choosing(who, 200):
        store.write(config, {**made_up(config), "scores": {"validation": {"accuracy": 0.5}}})
    assert run.best_rate(who, store, 200) == min(RATES)


def test_a_record_of_other_runs_is_not_written_over(tmp_path, trained):
    run.recipe(RecipeConfig(output=str(tmp_path)))
    before = (tmp_path / run.RECORD).read_bytes()
    with pytest.raises(ConfigError, match=r"steps is 20, and .*recipe.json is of runs of 200 steps; give"):
        run.recipe(RecipeConfig(output=str(tmp_path), steps=20))
    assert (tmp_path / run.RECORD).read_bytes() == before


def test_only_the_runs_that_are_compared_are_counted(tmp_path, trained):
    stray = cell(CONTENDERS[0], 0.5, 9, steps=200)
    Store(tmp_path / run.CELLS).write(stray, made_up(stray))
    assert run.recipe(RecipeConfig(output=str(tmp_path)))["made_with"]["runs"] == len(trained)


def test_lengths_are_measured_again_where_their_settings_have_changed(tmp_path, trained):
    run.recipe(RecipeConfig(output=str(tmp_path)))
    path = tmp_path / run.LENGTHS
    found = json.loads(path.read_text())
    assert found["rows"] == LENGTHS
    path.write_text(json.dumps({"keys": ["other"], "rows": []}))
    assert run.recipe(RecipeConfig(output=str(tmp_path)))["lengths"] == LENGTHS
    path.write_text(json.dumps({**found, "rows": LENGTHS[:1]}))
    assert run.recipe(RecipeConfig(output=str(tmp_path)))["lengths"] == LENGTHS[:1]


@pytest.mark.parametrize(("theirs", "p"), [([0.5, 0.6, 0.7], 1.0), ([0.6, 0.7, 0.8], 0.0)])
def test_equal_scores_differ_by_chance(theirs, p):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers that differ by nothing but a constant
        assert run._p([0.5, 0.6, 0.7], theirs) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(
    ("commit", "short"),
    [("0123456789", "0123456"), ("0123456789+", "0123456+"), (None, "unknown")],
)
def test_a_commit_that_is_not_clean_keeps_its_plus(commit, short):
    assert run._short(commit) == short


def test_a_run_that_fails_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "run_all", lambda configs, store, **_: {"file": "a-run: DataError: not there"})
    monkeypatch.setattr(run.derivation, "measure", lambda: LENGTHS)
    with pytest.raises(ConfigError, match="1 runs have failed; first: a-run: DataError: not there"):
        run.recipe(RecipeConfig(output=str(tmp_path)))


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [("jobs", 0, "at least 1"), ("steps", 5, "at least 20"), ("output", "", "a folder")],
)
def test_settings_are_checked(field, value, allowed):
    with pytest.raises(ConfigError, match=rf"{field} is .*; allowed: {allowed}"):
        RecipeConfig(**{field: value})
