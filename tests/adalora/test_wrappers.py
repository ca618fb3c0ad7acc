"""Models held by data-parallel and sharding wrappers."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

import adalora
from adalora import AdapterConfig
from tests.models import mlp


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
