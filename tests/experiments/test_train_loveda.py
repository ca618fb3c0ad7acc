"""A SAM 3 learns the made-up images: by hand with each update, and as a run from the command line."""

import json
import re

import pytest
import torch
import yaml
from PIL import Image

import adalora
from experiments import files
from experiments.cli import main
from experiments.config import DataConfig
from experiments.overlap import count, overlap
from experiments.problems import SEGMENTATION, Columns
from experiments.problems.segmenting import Processor
from experiments.segmenter import IGNORED
from experiments.tasks import loveda_sample
from experiments.tasks.loveda import CLASSES, read_rows
from tests.experiments import tiny_sam

STEPS, BATCH, RANK, TARGET = 60, 4, 4, 2


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return loveda_sample.write(tmp_path_factory.mktemp("data") / "root", train=16, validation=8, size=32)


@pytest.fixture(scope="module")
def batches(root):
    """Return the 16 images to train on and the 8 to measure on."""
    parts = []
    for split in ("Train", "Val"):
        rows = read_rows(root, split)
        processor = Processor(tiny_sam.SIZE, None)
        features = SEGMENTATION.encode(rows, Columns(("image",), "mask"), processor, DataConfig())
        parts.append(SEGMENTATION.collator(None, None)(list(features)))
    return parts


def measure(model, batch):
    model.eval()
    with torch.no_grad():
        tables = count(model(**batch).logits.argmax(dim=1), batch["labels"], len(CLASSES), IGNORED)
    model.train()
    return overlap([table.numpy() for table in tables], CLASSES)


def adapted(**settings):
    config = adalora.AdapterConfig(
        rank=RANK, target_modules="all-linear", exclude_modules=tiny_sam.SPARED, **settings
    )
    return adalora.inject(tiny_sam.segmenter(), config)


def fit(model, batch, steps, optimizer, controller=None):
    """Train on batches drawn with a fixed seed; return the budgets on the way."""
    generator = torch.Generator().manual_seed(0)
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    budgets = []
    for _ in range(steps):
        chosen = torch.randperm(len(batch["labels"]), generator=generator)[:BATCH]
        model(**{name: value[chosen] for name, value in batch.items()}).loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        budgets.append(controller.budget if controller else None)
    return budgets


def require_risen(before, after):
    """Each of the three is at least twice what it was, and far above what chance gives."""
    for name, least in (("mIoU", 0.25), ("aAcc", 0.4), ("mAcc", 0.4)):
        assert after[name] > max(2 * before[name], least), (name, before[name], after[name])


def trained(model, rate):
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, weight_decay=0.0)


def test_adalora_learns_while_the_rank_goes_where_it_is_needed(batches):
    model = adapted(update="svd", alpha=32.0, init="orthogonal")
    before = measure(model, batches[1])
    optimizer = trained(model, 1e-2)
    settings = adalora.AllocationConfig(
        target_rank=TARGET, total_steps=STEPS, warmup_steps=12, final_steps=18, interval=2
    )
    controller = adalora.AdaLoRAController(model, settings)
    controller.attach(optimizer)
    budgets = fit(model, batches[0], STEPS, optimizer, controller)
    after = measure(model, batches[1])

    require_risen(before, after)
    ranks = controller.ranks()
    assert (budgets[0], budgets[-1]) == (RANK * len(ranks), TARGET * len(ranks))
    assert budgets == sorted(budgets, reverse=True)
    assert sum(ranks.values()) == budgets[-1]
    assert len(set(ranks.values())) > 2
    # No part of the model was left out, neither by the adapters nor by the allocation.
    for part in ("vision_encoder", "text_encoder", "detr_encoder", "detr_decoder", "mask_decoder"):
        assert sum(rank for name, rank in ranks.items() if name.startswith(f"sam.{part}.")) > 0, part


def test_lora_learns(batches):
    model = adapted(update="lora", alpha=8.0)
    before = measure(model, batches[1])
    fit(model, batches[0], 100, trained(model, 3e-3))
    require_risen(before, measure(model, batches[1]))


@pytest.fixture(scope="module")
def settings(sam, root, tmp_path_factory):
    """Return the settings of a short run, as a file holds them."""
    return {
        "name": "tiny",
        "task": "loveda",
        "model": str(sam),
        "output_dir": str(tmp_path_factory.mktemp("runs")),
        "adapter": {"rank": RANK, "alpha": 32, "exclude_modules": tiny_sam.SPARED, "init": "orthogonal"},
        "allocation": {"target_rank": TARGET, "warmup_steps": 2, "final_steps": 3, "interval": 1},
        "training": {"learning_rate": 1e-2, "max_steps": 12, "batch_size": 4, "log_every": 4},
        "data": {"path": str(root), "eval_rows": 5},
        "evaluation": {"every": 6, "batch_size": 2},
        "baseline": {"head": False},
    }


@pytest.fixture(scope="module")
def run(settings, tmp_path_factory):
    """Return the folder of a run that the command line has made."""
    path = tmp_path_factory.mktemp("settings") / "loveda.yaml"
    path.write_text(yaml.safe_dump(settings))
    assert main(["train", str(path)]) == 0
    return path, files.Path(settings["output_dir"]) / "tiny"


def test_a_run_gives_the_usual_folder_and_the_numbers_of_segmentation(run):
    _, folder = run
    results = json.loads((folder / files.RESULTS).read_text())
    constant, line = results["lines"]
    assert (constant["label"], line["label"]) == ("majority class", "AdaLoRA")
    assert list(line["scores"]["val"])[:3] == ["mIoU", "aAcc", "mAcc"]
    assert results["rank"]["kept"] == results["rank"]["budget"] == TARGET * results["rank"]["matrices"]
    rows = files.read_metrics(folder)
    assert [row["step"] for row in rows if "validation_mIoU" in row] == [6, 12]
    assert rows[-1]["test_mIoU"] == pytest.approx(line["scores"]["val"]["mIoU"])
    assert {path.name for path in (folder / files.PICTURES).iterdir()} >= {"ranks.png", "training.png"}


def test_the_page_has_a_row_for_each_class(run):
    page = (run[1] / files.REPORT).read_text()
    assert "Class by class" in page
    assert all(f'<th scope="row">{name}</th>' in page for name in CLASSES)
    assert ">IoU/" not in page


def test_the_adapter_of_a_run_is_loaded_as_the_page_says(run, settings):
    page = (run[1] / files.REPORT).read_text()
    code = page.split('<pre class="alone">')[1].split("</pre>")[0].replace("&#39;", "'")
    names = {}
    exec(code, names)  # noqa: S102
    last = json.loads((run[1] / files.ALLOCATION).read_text())[-1]
    assert {name: layer.rank for name, layer in adalora.adapters(names["model"]).items()} == last["ranks"]


def test_the_comparison_on_the_terminal_has_the_classes_below_it(run, capsys):
    words = ["--name", "again", "--training.max_steps", "6", "--training.precision", "bfloat16"]
    assert main(["train", str(run[0]), *words]) == 0
    printed = capsys.readouterr().out
    assert "mIoU" in printed
    assert "\nclass " in printed
    assert "\nagricultural " in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.path", "nowhere"], "data.path has no folder nowhere"),
        (["--data.path", "null"], "data.path is None; allowed for loveda"),
        (["--data.max_length", "64"], "data.max_length is 64; allowed: 128 for loveda"),
    ],
)
def test_wrong_input_is_one_line(run, capsys, words, message):
    assert main(["train", str(run[0]), "--name", "wrong", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_words_for_a_family_work(run):
    words = ["--name", "words", "--adapter.target_modules", "attention", "--training.max_steps", "6"]
    words += ["--training.save_every", "3", "--adapter.exclude_modules", "[geometry_encoder]"]
    assert main(["train", str(run[0]), *words]) == 0
    names = json.loads((run[1].parent / "words" / files.ALLOCATION).read_text())[-1]["ranks"]
    assert {name.rsplit(".", 1)[-1] for name in names} == {"q_proj", "k_proj", "v_proj", "o_proj", "out_proj"}


def test_masks_of_two_sizes_are_refused_before_the_training_unless_they_come_one_by_one(
    run, tmp_path, capsys
):
    root = loveda_sample.write(tmp_path / "root", train=4, validation=2, size=32)
    for name in ("images_png", "masks_png"):
        path = root / "Val" / "Rural" / name / "1.png"
        Image.open(path).resize((24, 16), Image.Resampling.NEAREST).save(path)
    words = ["train", str(run[0]), "--name", "sizes", "--data.path", str(root), "--training.max_steps", "6"]
    assert main(words) == 2
    message = r"evaluation.batch_size is 2, but .*Rural.masks_png.1.png has 24 by 16 pixels and .*0.png has 32 by 32"
    assert re.search(
        rf"{message}; allowed for masks of several sizes: evaluation.batch_size: 1", capsys.readouterr().err
    )
    assert main([*words, "--evaluation.batch_size", "1"]) == 0
