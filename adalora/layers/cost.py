"""The cost model of an adapted linear layer: add the update to the output, or to the weight."""

# Rows at which both ways take the same time, in units of d₁d₂/(d₁ + d₂). Reads and writes alone say 2;
# forming a sum also copies W₀. Measured at rank 12 on two cores, a forward and a backward pass, sum over
# accumulate: 0.93 (512 × 384 × 384), 1.00 (1,024 × 768 × 768), 1.06 (512 × 1,536 × 384), 0.90 (4,096 × 768 ×
# 3,072).
_BREAK_EVEN = 2.6


def sum_is_cheaper(rows: int, d1: int, d2: int) -> bool:
    """Tell whether a training step on ``rows`` inputs should form W₀ + ΔW.

    Adding the update to the output, and its gradient to the gradient of the input, reads and writes
    rows · (d₁ + d₂) numbers. Forming the sum, once forward and once backward, reads and writes 2 · d₁d₂.
    The products of which the gradients of the factors are made are the same either way, and the rank weighs
    on both sides alike.

    Args:
        rows: N, tokens of the batch.
        d1: size of the output.
        d2: size of the input.
    """
    return rows * (d1 + d2) > _BREAK_EVEN * d1 * d2
