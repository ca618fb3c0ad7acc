"""The second oracle: with its order of steps and its penalty, we compute what the peft library computes."""

import copy

import pytest
import torch
from peft import AdaLoraConfig, TaskType, get_peft_model

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from tests.models import bert, bert_batches, gpt2, gpt2_batches

STEPS, WARMUP, FINAL, INTERVAL = 60, 6, 15, 4
ALLOCATION = AllocationConfig(
    target_rank=2,
    total_steps=STEPS,
    warmup_steps=WARMUP,
    final_steps=FINAL,
    interval=INTERVAL,
    orthogonality=0.1,
    orthogonality_form="mean_norm",
    score_at="after_step",
    orthogonality_of="all",
    compact=False,
)


def peft_twin(model, task, targets, fan_in_fan_out):
    config = AdaLoraConfig(
        task_type=task,
        target_modules=targets,
        init_r=4,
        target_r=2,
        lora_alpha=16,
        tinit=WARMUP,
        tfinal=FINAL,
        deltaT=INTERVAL,
        total_step=STEPS,
        orth_reg_weight=0.1,
        fan_in_fan_out=fan_in_fan_out,
    )
    twin = get_peft_model(copy.deepcopy(model), config)
    for name, parameter in twin.named_parameters():
        parameter.requires_grad_("lora_" in name)
    return twin


def give_the_same_start(model, twin):
    layers = {name.removeprefix("base_model.model."): layer for name, layer in twin.named_modules()}
    for name, layer in adalora.adapters(model).items():
        theirs = layers[name]
        with torch.no_grad():
            layer.update.P.copy_(theirs.lora_B["default"])
            layer.update.Q.copy_(theirs.lora_A["default"])
    return {name: layers[name] for name in adalora.adapters(model)}


# peft still reads a property of transformers that is deprecated.
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("build", "batches", "task", "targets", "fan_in_fan_out"),
    [
        (bert, bert_batches, TaskType.SEQ_CLS, r".*encoder.*(query|key|value|dense)", False),
        (gpt2, gpt2_batches, TaskType.CAUSAL_LM, r".*(c_attn|c_proj|c_fc)", True),
    ],
    ids=["bert", "gpt2"],
)
def test_sixty_steps_give_the_same_losses_and_the_same_triplets(
    build, batches, task, targets, fan_in_fan_out
):
    model = build().double().eval()  # eval: no dropout anywhere, the penalty is in peft's loss all the same
    twin = peft_twin(model, task, targets, fan_in_fan_out).double()
    adalora.inject(model, AdapterConfig(rank=4, alpha=16.0, target_modules=targets))
    layers = give_the_same_start(model, twin)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    twin_optimizer = torch.optim.AdamW([p for p in twin.parameters() if p.requires_grad], lr=5e-3)
    controller = AdaLoRAController(model, ALLOCATION)
    controller.attach(optimizer)

    updates = 0
    for step, batch in enumerate(batches(STEPS), start=1):
        loss, twin_loss = model(**batch).loss, twin(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        twin_loss.backward()
        twin_optimizer.step()
        twin.base_model.update_and_allocate(step)
        twin_optimizer.zero_grad()
        # peft adds the penalty to the loss; ours is apart. GPT-2's loss is computed in float32.
        total = loss.detach().double() + controller.penalty
        torch.testing.assert_close(total, twin_loss.detach().double(), rtol=1e-5, atol=0)
        if controller.schedule.is_update(step):
            updates += 1
            assert controller.budget < 4 * len(layers)
            for name, layer in adalora.adapters(model).items():
                theirs = layers[name].lora_E["default"].flatten() != 0
                assert torch.equal(layer.update.mask, theirs), (step, name)
    assert updates == 11  # steps 8, 12, …, 44, and 45 = T − t_f
    assert len(set(controller.ranks().values())) > 1
    assert sum(controller.ranks().values()) == 2 * len(layers)
