"""A forward pass with and without an adapter."""

import torch

from experiments.bench.inference import contestants, measure


def test_merged_and_unmerged_compute_the_same_and_not_what_the_base_does(settings):
    models = contestants(settings())
    assert list(models) == ["base", "merged", "unmerged r=2"]
    tokens = torch.arange(8).unsqueeze(0)
    with torch.inference_mode():
        base, merged, unmerged = (model(tokens).last_hidden_state for model in models.values())
    torch.testing.assert_close(merged, unmerged, rtol=1e-4, atol=1e-4)
    assert (merged - base).abs().max() > 1e-3


def test_weights_beside_an_adapter_are_shared(settings):
    models = contestants(settings())
    own = {p.data_ptr() for p in models["base"].parameters()}
    beside = [p for n, p in models["unmerged r=2"].named_parameters() if "updates" not in n]
    assert {p.data_ptr() for p in beside} == own


def test_every_cell_of_the_grid_is_measured(settings):
    found = measure(settings())
    (cell,) = found["cells"]
    assert (cell["batch"], cell["length"]) == (1, 8)
    assert set(cell["ratios"]) == {"merged", "unmerged r=2"}
    assert found["merged"] == cell["ratios"]["merged"]["median"]
