"""The definitions, written out: an SVD for everything, and a loop for every cell."""

import numpy as np


def directions(A, side):
    U, _, Vh = np.linalg.svd(np.asarray(A, dtype=np.float64), full_matrices=False)
    return U if side == "left" else Vh.T


def similarity(A1, A2, side):
    U1, U2 = directions(A1, side), directions(A2, side)
    grid = np.empty((U1.shape[1], U2.shape[1]))
    for i in range(1, U1.shape[1] + 1):
        for j in range(1, U2.shape[1] + 1):
            grid[i - 1, j - 1] = np.linalg.norm(U1[:, :i].T @ U2[:, :j], "fro") ** 2 / min(i, j)
    return grid


def projected(W0, delta, rank):
    U, _, Vh = np.linalg.svd(delta, full_matrices=False)
    return np.linalg.norm(U[:, :rank].T @ W0 @ Vh[:rank].T, "fro")
