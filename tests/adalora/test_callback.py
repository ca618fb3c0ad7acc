"""AdaLoRA in the HF Trainer."""

import copy
import dataclasses
import subprocess
import sys

import pytest
import torch
from datasets import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

import adalora
from adalora import AdaLoRACallback, AdaLoRAController, AdapterConfig, AllocationConfig
from tests.models import bert, bert_batches

ADAPTER = AdapterConfig(recipe="paper", rank=4, target_modules=["query", "dense"], exclude_modules=["pooler"])
ALLOCATION = AllocationConfig(
    recipe="paper", target_rank=2, warmup_steps=2, final_steps=4, interval=2, orthogonality=50.0
)


def rows(size=48):
    batch = next(bert_batches(1, size=size))
    return Dataset.from_dict({"input_ids": batch["input_ids"].tolist(), "labels": batch["labels"].tolist()})


def trainer(model, folder, callback, steps=16, **settings):
    settings.setdefault("per_device_train_batch_size", 8)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        learning_rate=1e-2,
        logging_steps=2,
        report_to="none",
        save_strategy=settings.pop("save_strategy", "no"),
        disable_tqdm=True,
        use_cpu=settings.pop("use_cpu", True),
        seed=3,
        dataloader_pin_memory=False,
        **settings,
    )
    return Trainer(model, arguments, train_dataset=rows(), eval_dataset=rows(16), callbacks=[callback])


def adapted(**settings):
    set_seed(5)
    return adalora.inject(bert(), dataclasses.replace(ADAPTER, **settings))


class Broken(torch.nn.Module):
    """A model whose loss is NaN in some of its batches."""

    def __init__(self, model, bad):
        super().__init__()
        self.model, self.bad, self.seen = model, bad, 0

    def forward(self, input_ids=None, labels=None):
        found = self.model(input_ids=input_ids, labels=labels)
        if self.training:
            self.seen += 1
            found.loss = found.loss * (torch.nan if self.seen in self.bad else 1)
        return found


def test_a_nan_loss_stops_the_trainer_or_is_left_out(tmp_path):
    with pytest.raises(adalora.StateError, match="at step 4 the gradients of"):
        trainer(Broken(adapted(), {4}), tmp_path / "a", AdaLoRACallback(ALLOCATION)).train()
    callback = AdaLoRACallback(dataclasses.replace(ALLOCATION, nonfinite="skip"))
    model = Broken(adapted(), {4, 9})
    with pytest.warns(UserWarning, match="gradients of step 4 are not finite"):
        trainer(model, tmp_path / "b", callback).train()
    assert (callback.controller.step, callback.controller.skipped) == (14, 2)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.cuda
def test_the_trainer_in_fp16_keeps_its_averages_finite(tmp_path):
    callback = AdaLoRACallback(ALLOCATION)
    trainer(adapted(), tmp_path, callback, steps=24, fp16=True, use_cpu=False).train()
    assert callback.controller.budget <= 4 * len(callback.controller.ranks())
    averages = callback.controller.state_dict()["tensors"]
    assert all(torch.isfinite(average).all() for average in averages.values())


def test_a_plain_loop_with_our_two_lines_gives_what_the_trainer_gives(tmp_path):
    model = adapted()
    twin, seen = copy.deepcopy(model), []
    model.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs), with_kwargs=True)
    callback = AdaLoRACallback(ALLOCATION)
    run = trainer(model, tmp_path, callback, lr_scheduler_type="constant", max_grad_norm=0.0)
    run.train()

    optimizer = torch.optim.AdamW([p for p in twin.parameters() if p.requires_grad], lr=1e-2, weight_decay=0)
    controller = AdaLoRAController(twin, dataclasses.replace(ALLOCATION, total_steps=16))
    controller.attach(optimizer)
    for batch in seen:
        twin(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    assert len(seen) == callback.controller.schedule.total_steps == callback.controller.step == 16
    assert controller.budget == sum(controller.ranks().values()) == 2 * len(controller.ranks())
    assert [row.ranks for row in controller.history] == [row.ranks for row in callback.controller.history]
    for one, two in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)
    # The Trainer's run is over, and so is the callback's hold on its optimizer.
    run.optimizer.step()
    assert callback.controller.step == 16


def test_the_logs_show_task_loss_and_penalty_apart(tmp_path):
    callback = AdaLoRACallback(ALLOCATION)
    run = trainer(adapted(), tmp_path, callback)
    run.train()
    log = [row for row in run.state.log_history if "loss" in row]
    assert len(log) == 8
    assert all(row["adalora/penalty"] > 10 and row["loss"] < 5 for row in log)
    assert log[-1]["adalora/budget"] == sum(callback.controller.ranks().values())
    evaluation = run.evaluate()
    assert evaluation["eval_loss"] < 5
    assert "adalora/penalty" not in evaluation


def test_gradient_accumulation_counts_optimizer_steps(tmp_path):
    callback = AdaLoRACallback(ALLOCATION)
    trainer(adapted(), tmp_path, callback, gradient_accumulation_steps=3).train()
    assert callback.controller.step == 16


# Before the decay, between two budget updates, at one, at the last decision, and after shrinking.
@pytest.mark.parametrize("stop", [1, 5, 6, 12, 14])
@pytest.mark.parametrize("settings", [{}, {"bf16": True}], ids=["float32", "bf16"])
def test_a_run_resumed_from_the_trainers_checkpoint_goes_on_where_it_was(tmp_path, stop, settings):
    whole = AdaLoRACallback(ALLOCATION)
    model = adapted(dropout=0.1)
    first = trainer(model, tmp_path / "a", whole, save_strategy="steps", save_steps=stop, **settings)
    first.train()
    resumed = AdaLoRACallback(ALLOCATION)
    twin = adapted(dropout=0.1)
    run = trainer(twin, tmp_path / "a", resumed, save_strategy="steps", save_steps=stop, **settings)
    run.train(resume_from_checkpoint=str(tmp_path / f"a/checkpoint-{stop}"))
    assert resumed.controller.history == whole.controller.history
    states = [callback.controller.state_dict()["tensors"] for callback in (whole, resumed)]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    losses = [[row.get("loss") for row in one.state.log_history] for one in (first, run)]
    begin = (stop + 1) // 2  # a row averages two steps
    assert losses[0][begin:-1] == losses[1][begin:-1]
    for (name, one), (_, two) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        assert torch.equal(one, two), name


def test_a_checkpoint_that_was_moved_is_named_to_the_callback(tmp_path):
    model = adapted()
    trainer(model, tmp_path / "a", AdaLoRACallback(ALLOCATION), save_strategy="steps", save_steps=6).train()
    kept = (tmp_path / "a/checkpoint-6").rename(tmp_path / "kept")
    lost = trainer(adapted(), tmp_path / "b", AdaLoRACallback(ALLOCATION))
    with pytest.raises(
        adalora.CheckpointError, match=r"resumed at step 6, but .*checkpoint-6.adalora does not exist"
    ):
        lost.train(resume_from_checkpoint=str(kept))
    callback = AdaLoRACallback(ALLOCATION, resume_from=kept)
    trainer(adapted(), tmp_path / "b", callback).train(resume_from_checkpoint=str(kept))
    assert callback.controller.step == 16


class Interrupt(TrainerCallback):
    def __init__(self):
        self.done = False

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 5 and not self.done:
            self.done = True
            raise KeyboardInterrupt


def test_a_training_after_an_interrupted_one_is_steered_once(tmp_path):
    callback = AdaLoRACallback(ALLOCATION)
    run = trainer(adapted(), tmp_path, callback)
    run.add_callback(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        run.train()
    interrupted = callback.controller
    run.train()
    assert interrupted.step == 5
    assert callback.controller is not interrupted
    assert callback.controller.step == 16


def test_phases_that_do_not_fit_the_trainers_steps_are_named(tmp_path):
    run = trainer(adapted(), tmp_path, AdaLoRACallback(ALLOCATION), steps=6)
    with pytest.raises(
        adalora.ConfigError, match=r"warmup_steps \+ final_steps is 6; allowed: less than total_steps = 6"
    ):
        run.train()


def test_importing_the_package_does_not_import_the_trainer():
    code = "import sys, adalora; assert 'transformers.trainer_callback' not in sys.modules; adalora.AdaLoRACallback"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = adalora.Nothing
