"""How fast the analysis is, beside the definitions that it computes."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

import analysis

from ..analyses.config import AnalysisConfig
from ..analyses.run import analyze
from ..bench.peak import peak_bytes

D, R_GRID, R_SVD = 4096, 64, 16

# Llama-70B: 80 layers of width 8192, 8 groups of keys and values, feed-forward 28672.
LAYERS, RANK = 80, 16
MATRICES = {
    "self_attn.q_proj": (8192, 8192),
    "self_attn.k_proj": (1024, 8192),
    "self_attn.v_proj": (1024, 8192),
    "self_attn.o_proj": (8192, 8192),
    "mlp.gate_proj": (28672, 8192),
    "mlp.up_proj": (28672, 8192),
    "mlp.down_proj": (8192, 28672),
}


def measure(*, layers: int = LAYERS, d: int = D) -> dict[str, Any]:
    """Measure the grid of φ, the SVD of an update, and the analysis of a large model's adapter.

    Args:
        layers: of the large model.
        d: size of the matrices in the first two.
    """
    random = np.random.default_rng(0)
    bases = [np.linalg.qr(random.standard_normal((d, R_GRID)))[0] for _ in range(2)]
    ours = _median(lambda: analysis.similarity_grid(*bases), 21)
    theirs = _median(lambda: by_cell(*bases), 3)
    left, right = random.standard_normal((d, R_SVD)), random.standard_normal((R_SVD, d))
    thin = _median(lambda: analysis.svd_of_product(left, right), 11)
    dense = left @ right
    full = _median(lambda: np.linalg.svd(dense, full_matrices=False), 1)
    return {
        "d": d,
        "grid": {"ours": ours, "definition": theirs, "ratio": theirs / ours},
        "svd": {"ours": thin, "dense": full, "ratio": full / thin},
        "large": _large(layers),
    }


def by_cell(U1: Any, U2: Any) -> Any:
    """Return φ by its definition, a product for every cell; the two SVDs are given."""
    grid = np.empty((U1.shape[1], U2.shape[1]))
    for i in range(1, U1.shape[1] + 1):
        for j in range(1, U2.shape[1] + 1):
            grid[i - 1, j - 1] = np.linalg.norm(U1[:, :i].T @ U2[:, :j]) ** 2 / min(i, j)
    return grid


def write_large(folder: Path, layers: int) -> None:
    """Write an adapter of the large model as the peft library would, with random numbers."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for layer in range(layers):
        for name, (d1, d2) in MATRICES.items():
            key = f"base_model.model.model.layers.{layer}.{name}"
            tensors[f"{key}.lora_A.weight"] = torch.randn(RANK, d2, generator=generator)
            tensors[f"{key}.lora_B.weight"] = torch.randn(d1, RANK, generator=generator)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "base_model_name_or_path": ""}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


def _large(layers: int) -> dict[str, Any]:
    """Analyse it in a process of its own, which tells its time and the most memory that it held."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "adapter"
        folder.mkdir()
        write_large(folder, layers)
        size = (folder / "adapter_model.safetensors").stat().st_size
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            seconds, peak = pool.submit(_analyse, str(folder), str(Path(place) / "out")).result()
    return {"matrices": layers * len(MATRICES), "bytes": size, "seconds": seconds, "peak": peak}


def _analyse(folder: str, out: str) -> tuple[float, int]:
    begin = perf_counter()
    analyze([folder], AnalysisConfig(output=out))
    return perf_counter() - begin, peak_bytes("cpu")


def _median(call: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        call()
        times.append(perf_counter() - begin)
    return float(np.median(times))
