"""Injection: what changes, what does not, and what is refused without a trace."""

import copy

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.models import bert, bert_batches, gpt2, gpt2_batches, mlp, mlp_batches

ENCODER = AdapterConfig(
    rank=4,
    target_modules=["query", "value", "dense"],
    exclude_modules=["pooler"],
    train_modules=["classifier"],
)


def structure(model):
    return [(name, type(module), id(module)) for name, module in model.named_modules()]


def state(model):
    flags = [(name, parameter.requires_grad, id(parameter)) for name, parameter in model.named_parameters()]
    return structure(model), flags, {name: value.clone() for name, value in model.state_dict().items()}


def assert_unchanged(model, before):
    now = state(model)
    assert now[:2] == before[:2]
    assert all(torch.equal(now[2][key], before[2][key]) for key in before[2])
    assert adalora.adapters(model) == {}


@pytest.mark.parametrize(
    ("build", "batches", "targets"),
    [(bert, bert_batches, ["query", "dense"]), (gpt2, gpt2_batches, ["c_attn", "c_proj"])],
)
@pytest.mark.parametrize("init", ["gaussian", "orthogonal"])
def test_outputs_do_not_change_at_the_start(build, batches, targets, init):
    model = build().eval()
    batch = next(batches(1))
    before = model(**batch).logits
    adalora.inject(model, AdapterConfig(rank=4, target_modules=targets, init=init))
    assert torch.equal(model(**batch).logits, before)


def test_only_the_factors_and_the_train_modules_train():
    model = adalora.inject(bert(), ENCODER)
    free = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    factors = {name for name in free if ".updates.default." in name}
    assert free - factors == {"classifier.weight", "classifier.bias"}
    assert len(factors) == 3 * len(adalora.adapters(model)) == 3 * 2 * 5
    assert not any("pooler" in name for name in adalora.adapters(model))


def test_scaling_uses_the_initial_rank():
    lora = adalora.inject(mlp(), AdapterConfig(rank=4, alpha=8.0, target_modules=["up"]))
    rslora = adalora.inject(mlp(), AdapterConfig(rank=4, alpha=8.0, target_modules=["up"], scaling="rslora"))
    assert lora.up.update.scaling == 2.0
    assert rslora.up.update.scaling == 4.0


def test_half_precision_weights_get_float32_factors():
    model = adalora.inject(mlp().bfloat16(), AdapterConfig(rank=2, target_modules=["up"]))
    assert model.up.update.P.dtype == torch.float32
    x = next(mlp_batches(1))[0].bfloat16()
    assert model(x).dtype == torch.bfloat16
    assert (
        adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"])).up.update.P.dtype == torch.float64
    )


def test_a_layer_that_hangs_in_two_places_is_adapted_once_in_both():
    model = mlp()
    model.alias = model.up
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], exclude_modules=[]))
    assert isinstance(model.up, adalora.AdaptedLayer)
    model = mlp()
    model.alias = model.up
    adalora.inject(model, AdapterConfig(rank=2, target_modules="all-linear"))
    assert model.alias is model.up
    assert list(adalora.adapters(model)) == ["up", "down", "head"]


def test_a_second_adapter_adds_to_the_first_and_alone_trains():
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]))
    adalora.inject(model, AdapterConfig(rank=3, target_modules=["up", "down"]), name="second")
    model.up.updates["default"].lam.data.fill_(1.0)
    model.up.updates["second"].lam.data.fill_(2.0)
    x = torch.randn(4, 6, dtype=torch.float64)
    deltas = [torch.mm(*update.factors()) for update in model.up.updates.values()]
    torch.testing.assert_close(model.up(x), model.up.base(x) + x @ (deltas[0] + deltas[1]).T)
    torch.testing.assert_close(model.up.delta_weight(), deltas[0] + deltas[1])
    assert model.up.rank == 5
    with pytest.raises(adalora.StateError, match=r"2 updates \(default, second\)"):
        _ = model.up.update
    free = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all(".second." in name for name in free)


def bad(message, error=adalora.TargetError, build=bert, **settings):
    return pytest.param(settings, message, error, build, id=message[:40])


@pytest.mark.parametrize(
    ("settings", "message", "error", "build"),
    [
        bad("target_modules 'qurey' matches no module; close names:.* query", target_modules=["value", "qurey"]),
        bad("'zzzz' matches no module; names in this model: .*dense.*query", target_modules=["zzzz"]),
        bad("'.*nothing' matches no module", target_modules=".*nothing"),
        bad(r"'\(' , which|'\(', which is no regular expression", adalora.ConfigError, target_modules="("),
        bad("'LayerNorm' matches 'bert.embeddings.LayerNorm' of type LayerNorm, which cannot.*supported types: Linear, Conv1D",
            target_modules=["LayerNorm"]),
        bad(r"rank is 17; allowed for 'bert.encoder.layer.0.attention.self.query' of shape \(16, 16\): 1 to 16",
            target_modules=["query"], rank=17),
        bad("exclude_modules 'poler' matches no module; close names: pooler",
            target_modules=["dense"], exclude_modules=["poler"]),
        bad("train_modules 'clasifier' matches no module; close names: classifier",
            target_modules=["dense"], train_modules=["clasifier"]),
        bad("leaves no module to adapt after exclude_modules", target_modules=["query"], exclude_modules=["encoder"]),
        bad("model is itself a Linear, which cannot be replaced in place; put it in", build=lambda: nn.Linear(3, 3), rank=2),
    ],
)  # fmt: skip
def test_bad_targets_are_named_and_leave_the_model_as_it_was(settings, message, error, build):
    model = build()
    before = state(model)
    with pytest.raises(error, match=message):
        adalora.inject(model, AdapterConfig(**settings))
    assert_unchanged(model, before)


def test_injecting_twice_under_one_name_is_refused():
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(adalora.StateError, match=r"already has an adapter named 'default' \(on 'up'\)"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["down"]))
    assert model.state_dict().keys() == before.keys()
    assert type(model.down) is nn.Linear


def test_injecting_into_a_merged_model_is_refused():
    model = adalora.merge_(adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"])))
    with pytest.raises(adalora.StateError, match="is merged; call unmerge_"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["down"]), name="other")


@pytest.mark.parametrize("name", ["", "a.b", "../up", "a b", "keys", "training", "type"])
def test_names_that_no_file_could_bear_are_refused(name):
    model = mlp()
    with pytest.raises(adalora.ConfigError, match=r"name is .*; allowed: letters"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"]), name=name)
    assert adalora.adapters(model) == {}


def test_weights_without_gradients_are_no_train_modules():
    model = mlp()
    model.table = nn.Module()
    model.table.codes = nn.Parameter(torch.zeros(3, dtype=torch.int8), requires_grad=False)
    before = state(model)
    with pytest.raises(
        adalora.TargetError,
        match=r"holds table\.codes of type torch\.int8, which is quantised or whole-numbered and has no gradient",
    ):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], train_modules=["table"]))
    assert_unchanged(model, before)


def test_what_a_second_inject_freezes_does_not_move_once_more():
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    model(*next(mlp_batches(1))).backward()
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["down"]), name="second")
    before = model.up.update.lam.clone()
    optimizer.step()
    assert torch.equal(model.up.update.lam, before)


@pytest.mark.parametrize("name", ["keys", "copy", "get", "fromkeys"])
@pytest.mark.parametrize("dora", [False, True])
def test_names_that_torchs_containers_take_are_refused(name, dora):
    model = mlp()
    before = state(model)
    with pytest.raises(
        adalora.ConfigError, match=f"name is '{name}'; allowed: letters, .* no attribute of torch's"
    ):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], dora=dora), name)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    ("target", "part"), [("head", "q_proj"), ("q_proj", "out_proj"), ("q_proj", "v_proj")]
)
def test_a_part_of_an_attention_cannot_be_trained_in_full(target, part):
    model = nn.ModuleDict({"attention": nn.MultiheadAttention(8, 2), "head": nn.Linear(8, 8)})
    message = (
        rf"names 'attention.{part}', a part of 'attention' of type MultiheadAttention, .* name 'attention'"
    )
    before = state(model)
    with pytest.raises(adalora.TargetError, match=message):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=[target], train_modules=[part]))
    assert_unchanged(model, before)
    config = AdapterConfig(rank=2, target_modules=["head"], train_modules=["attention.out_proj"])
    adalora.inject(model, config)  # a module that stays where it is
    assert model["attention"].out_proj.weight.requires_grad


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_weight_made_from_others_is_refused():
    model = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 4)))
    with pytest.raises(
        adalora.TargetError, match="'0' cannot be adapted: its weight is made from other parameters"
    ):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"]))


def test_layers_of_unknown_types_are_told_where_all_linear_ones_are_meant():
    class Own(nn.Linear):
        """Its forward may be another one."""

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.Parameter(torch.randn(4, 3, 3))

    model = nn.Sequential(nn.Linear(4, 4), Own(4, 4), Stack())
    with pytest.warns(
        UserWarning, match=r"leaves out 2 layers of types that nobody here knows, .*: 1 \(Own\), 2 \(Stack\)"
    ):
        adalora.inject(model, AdapterConfig(rank=2))
    adalora.inject(model, AdapterConfig(rank=2, exclude_modules=["1", "2"]), "second")
