"""The cost model of an adapted linear layer: add the update to the output, or to the weight."""

# Rows at which both ways take the same time, in units of d₁d₂/(d₁ + d₂). Reads and writes alone say 2, and a
# layer by itself, with its weight in the cache, 3. In a whole model it is more: every sum is new memory, and
# the inputs have left the cache by the time of the backward pass, which reads them once more. Whole steps of
# a BERT of width 384 over the frozen model, rank 12, two cores, with the limit at infinity, 4 and 2.6: 1.21,
# 1.23 and 1.24 at 1,024 tokens (3.3 and 5.3 units), and 1.14, 1.13 and 1.13 at 2,048.
_BREAK_EVEN = 10


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
