"""Training one model, and what is alike for all of them."""

from dataclasses import replace

import pytest
import torch

from adalora import ConfigError
from experiments.config import TrainingConfig
from experiments.fit import arguments, build, count_steps, fit, try_out
from experiments.methods import METHODS
from experiments.prepare import prepare


@pytest.fixture
def data(config):
    return prepare(config())


def test_all_methods_start_from_the_same_head(data):
    heads = [build(data, METHODS[name])[0].classifier.weight for name in ("head", "adalora")]
    assert torch.equal(*heads)
    other = replace(data, config=replace(data.config, seed=1))
    assert not torch.equal(heads[0], build(other, METHODS["head"])[0].classifier.weight)


def test_all_methods_see_the_same_rows_in_the_same_order(data, tmp_path):
    orders = []
    for name in ("head", "adalora"):
        model, callbacks = build(data, METHODS[name])
        seen = []
        model.register_forward_pre_hook(
            lambda module, _, inputs, seen=seen: seen.append(inputs["input_ids"].tolist()), with_kwargs=True
        )
        fit(data, model, data.config.training, tmp_path, label=name, callbacks=callbacks)
        orders.append(seen)
    assert len(orders[0]) > 8
    assert orders[0] == orders[1]


def test_what_comes_out(data, tmp_path):
    model, callbacks = build(data, METHODS["head"])
    fitted = fit(data, model, data.config.training, tmp_path, label="head", callbacks=callbacks)
    assert fitted.steps == 8
    assert fitted.trained == 2 * 16 + 2
    assert fitted.weights == model.num_parameters()
    assert fitted.seconds > 0
    assert set(fitted.scores) == {"validation"}
    assert 0 <= fitted.scores["validation"]["accuracy"] <= 1
    assert list(tmp_path.glob("checkpoint-*")) == []


@pytest.mark.parametrize("batch_size", [4, 5, 32, 100])
@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("epochs", [1.0, 1.5])
def test_steps_are_counted_as_the_trainer_counts_them(data, tmp_path, batch_size, accumulation, epochs):
    training = TrainingConfig(batch_size=batch_size, accumulation=accumulation, epochs=epochs)
    model, _ = build(data, METHODS["head"])
    trainer = data.task.problem.trainer_class(
        model=model,
        args=arguments(data, training, tmp_path),
        train_dataset=data.train.features,
        eval_dataset=data.validation.features,
        data_collator=data.task.problem.collator(data.processor, model),
    )
    *_, steps = trainer.set_initial_training_values(trainer.args, trainer.get_train_dataloader())
    assert count_steps(len(data.train.features), training) == steps


def test_max_steps_takes_precedence_over_epochs():
    assert count_steps(1000, TrainingConfig(max_steps=7, epochs=3.0)) == 7


def test_settings_in_the_words_of_the_trainer(data, tmp_path):
    training = TrainingConfig(
        learning_rate=2e-4,
        lr_warmup=0.1,
        lr_schedule="constant",
        weight_decay=0.3,
        accumulation=2,
        max_grad_norm=0.0,
        save_every=7,
    )
    args = arguments(data, training, tmp_path)
    assert (args.learning_rate, args.weight_decay, args.max_grad_norm) == (2e-4, 0.3, 0.0)
    assert args.gradient_accumulation_steps == 2
    assert args.get_warmup_steps(50) == 5
    assert args.lr_scheduler_type == "constant_with_warmup"
    assert (args.save_strategy, args.save_steps) == ("steps", 7)
    assert (args.eval_strategy, args.eval_steps) == ("steps", 4)
    assert not args.bf16


def test_what_was_trained_is_handed_over_before_it_is_measured(data, tmp_path, monkeypatch):
    order = []

    def measure(*args):
        order.append("measured")
        return {}, None

    monkeypatch.setattr("experiments.fit._measure", measure)
    model, callbacks = build(data, METHODS["head"])
    before = model.classifier.weight.detach().clone()

    def trained():
        assert not torch.equal(model.classifier.weight, before)
        order.append("trained")

    fit(data, model, data.config.training, tmp_path, label="", callbacks=callbacks, trained=trained)
    assert order == ["trained", "measured"]


def test_an_error_that_says_what_is_wrong_is_not_wrapped(data, monkeypatch):
    def refuse(*args):
        raise ConfigError("training.left_ratio is 0; allowed: others.")

    monkeypatch.setattr("experiments.fit.grouped", refuse)
    with pytest.raises(ConfigError, match=r"^training.left_ratio is 0; allowed: others.$"):
        try_out(data, build(data, METHODS["head"])[0])


def test_weights_that_are_pruned_in_the_training_were_trained(data, tmp_path):
    model, callbacks = build(data, METHODS["adalora"])
    free = sum(p.numel() for p in model.parameters() if p.requires_grad)
    fitted = fit(data, model, data.config.training, tmp_path, label="", callbacks=callbacks)
    assert fitted.trained == free
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) < free
