"""Models held by data-parallel and sharding wrappers."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

import adalora
from adalora import AdapterConfig
from adalora.finite import all_finite
from adalora.shards import here, part, whole
from tests.models import mlp, mlp_batches


@pytest.fixture(scope="module", autouse=True)
def group(tmp_path_factory):
    store = tmp_path_factory.mktemp("group") / "store"
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def adapted():
    return adalora.inject(mlp().float(), AdapterConfig(rank=2, target_modules=["up", "down"]))


def sharded(model):
    return fully_shard(model, mesh=dist.device_mesh.init_device_mesh("cpu", (1,)))


def wrapped_inside(model):
    return nn.Sequential(DistributedDataParallel(model))


CALLS = [adalora.merge_, adalora.unmerge_, adalora.unload, lambda model: adalora.merged(model).__enter__()]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("call", CALLS, ids=["merge_", "unmerge_", "unload", "merged"])
@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (DistributedDataParallel, "DistributedDataParallel"),
        (wrapped_inside, "DistributedDataParallel"),
        (sharded, "fully_shard"),
    ],
    ids=["DDP", "DDP inside", "FSDP2"],
)
def test_no_weight_is_exchanged_under_a_wrapper(wrap, name, call):
    model = adapted()
    before = {key: p.clone() for key, p in model.state_dict().items()}
    held = wrap(model)
    with pytest.raises(
        adalora.StateError, match=f"held by {name}, under which weights must stay .* save the adapter"
    ):
        call(held)
    for key, p in model.state_dict().items():
        full = p.full_tensor() if hasattr(p, "full_tensor") else p
        assert torch.equal(full, before[key])


def test_the_first_fsdp_is_known_too():
    assert issubclass(FullyShardedDataParallel, nn.Module)
    from adalora.wrappers import sharding_wrapper

    model = adapted()
    assert sharding_wrapper(model) is None
    # It does not run on the CPU without a communication library of a GPU, so only its type is put there.
    wrapper = FullyShardedDataParallel.__new__(FullyShardedDataParallel)
    nn.Module.__init__(wrapper)
    assert sharding_wrapper(nn.ModuleList([wrapper])) == "FullyShardedDataParallel"


def trained(model, running):
    """Train a model, or what is around it, and return optimizer, controller, which has not seen it, and updates."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    config = adalora.AllocationConfig(recipe="paper", target_rank=1, total_steps=8, final_steps=4, interval=1)
    controller = adalora.AdaLoRAController(model, config)
    controller.attach(optimizer)
    for x, y in mlp_batches(8):
        running(x.float(), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    return optimizer, controller, [layer.update for layer in adalora.adapters(model).values()]


def test_tensors_keep_their_sizes_as_long_as_a_wrapper_holds_the_model(caplog):
    model = adapted()
    held = DistributedDataParallel(model)
    optimizer, controller, updates = trained(model, held)
    assert [update.P.shape[1] for update in updates] == [2, 2]
    assert "do not shrink, pruned λ stay zero: the model is held by a process group" in caplog.text
    controller.detach()
    assert "the model is held by DistributedDataParallel, which knows them by their sizes" in caplog.text
    for one in (held, model):
        with pytest.raises(
            adalora.StateError, match="cannot shrink: the model is held by DistributedDataParallel"
        ):
            adalora.compact_(one)
    assert [update.P.shape[1] for update in updates] == [2, 2]
    del held, one
    adalora.compact_(model, optimizer)
    assert sum(update.P.shape[1] for update in updates) == controller.budget == 2


def test_without_a_wrapper_tensors_shrink_when_the_controller_lets_go():
    model = adapted()
    _, controller, updates = trained(model, model)
    assert [update.P.shape[1] for update in updates] == [2, 2]  # somebody might have wrapped it
    controller.detach()
    assert sum(update.P.shape[1] for update in updates) == 2


@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module .* returned a view")  # nobody writes into it here
def test_gradients_on_several_meshes_are_looked_at_mesh_by_mesh():
    model = adapted()
    fully_shard(
        model.up, mesh=dist.device_mesh.init_device_mesh("cpu", (1, 1), mesh_dim_names=("copies", "shards"))
    )
    fully_shard(model.down, mesh=dist.device_mesh.init_device_mesh("cpu", (1,)))
    trained = [p for p in model.parameters() if p.requires_grad]
    x, y = next(mlp_batches(1))
    model(x.float(), y).backward()
    assert all_finite(trained)
    here(model.down.update.Q.grad)[0, 0] = torch.inf
    assert not all_finite(trained)


def test_scores_asked_for_before_a_model_is_sharded_do_not_hold_on_to_what_it_was():
    found = []
    for asks in (False, True):
        torch.manual_seed(0)
        model = adapted()
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        config = adalora.AllocationConfig(target_rank=1, total_steps=12, warmup_steps=0, interval=1)
        controller = adalora.AdaLoRAController(model, config)
        state = controller.state_dict()
        controller.load_state_dict(state | {"step": 2})
        controller.attach(optimizer)
        if asks:
            controller.scores()
        sharded(model)
        optimizer.param_groups[0]["params"] = [p for p in model.parameters() if p.requires_grad]
        for x, y in mlp_batches(3):
            model(x.float(), y).backward()
            optimizer.step()
            optimizer.zero_grad()
        found.append(torch.cat(list(controller.scores().values())).tolist())
    assert found[0] == found[1]
    assert max(found[0]) > 0


def of_module(name, base=object, **inner):
    """Return a stand-in for an object whose class lies in a package that is not installed."""
    kind = type("Engine", (base,), {"__module__": name})
    made = kind.__new__(kind)
    for key, value in inner.items():
        setattr(made, key, value)
    return made


@pytest.mark.parametrize(
    "wrap",
    [
        lambda plain: of_module("deepspeed.runtime.zero.stage_1_and_2", optimizer=plain),
        lambda plain: of_module("accelerate.utils.deepspeed", optimizer=of_module("x", optimizer=plain)),
        lambda plain: of_module(
            "some.wrapper", optimizer=of_module("deepspeed.runtime.fp16.fused_optimizer")
        ),
    ],
    ids=["ZeRO", "accelerate", "inside"],
)
def test_the_optimizer_of_deepspeeds_engine_is_refused_by_name(wrap):
    model = adapted()
    plain = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    config = adalora.AllocationConfig(target_rank=1, total_steps=8)
    controller = adalora.AdaLoRAController(model, config)
    with pytest.raises(
        adalora.StateError, match=r"DeepSpeed \(.*\), whose engine flattens .* allowed: fully_shard"
    ):
        controller.attach(wrap(plain))
    controller.attach(plain)  # nothing was left behind


def test_deepspeeds_optimizers_without_its_engine_are_like_any_other():
    model = adapted()
    kind = type("FusedAdam", (torch.optim.SGD,), {"__module__": "deepspeed.ops.adam.fused_adam"})
    controller = adalora.AdaLoRAController(model, adalora.AllocationConfig(target_rank=1, total_steps=8))
    controller.attach(kind([p for p in model.parameters() if p.requires_grad], lr=1e-2))


def test_the_first_fsdp_is_refused():
    model = adapted()
    wrapper = FullyShardedDataParallel.__new__(FullyShardedDataParallel)
    nn.Module.__init__(wrapper)
    wrapper.inner = model
    held, config = nn.Sequential(wrapper), adalora.AllocationConfig(target_rank=1, total_steps=8)
    with pytest.raises(adalora.StateError, match="FullyShardedDataParallel, which flattens its parameters"):
        adalora.AdaLoRAController(held, config)


def test_an_engine_that_has_taken_the_parameters_away_is_named_before_they_are_missed():
    model = adapted()
    for parameter in model.parameters():
        parameter.data = torch.empty(0)
    engine = of_module("deepspeed.runtime.engine", nn.Module)
    nn.Module.__init__(engine)
    engine.module = model
    with pytest.raises(adalora.StateError, match="Engine is of DeepSpeed"):
        adalora.AdaLoRAController(engine, adalora.AllocationConfig(target_rank=1, total_steps=8))


def on_a_mesh(*placements):
    mesh = dist.device_mesh.init_device_mesh("cpu", (1,) * len(placements))
    return distribute_tensor(torch.arange(6.0).view(2, 3), mesh, placements)


@pytest.mark.parametrize(
    "placements", [(Shard(0),), (Shard(1),), (Shard(-1),), (Replicate(), Shard(0)), (Replicate(),)], ids=str
)
def test_a_tensor_on_a_mesh_is_put_together_and_written_to(placements):
    tensor = on_a_mesh(*placements)
    assert torch.equal(whole([tensor])[0], torch.arange(6.0).view(2, 3))
    here(tensor).copy_(part(torch.ones(2, 3), tensor))
    assert torch.equal(tensor.full_tensor(), torch.ones(2, 3))


def test_a_tensor_that_is_cut_twice_is_refused():
    with pytest.raises(adalora.StateError, match="Leave the adapter out of tensor parallelism"):
        whole([on_a_mesh(Shard(0), Shard(1))])
