"""Where trained tokens stand among those of the text."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Places:
    """Columns of rows that read: prefix, text up to its end, infix, what comes behind.

    Attributes:
        special: columns of the trained tokens, rows × tokens, the prefix first.
        text: columns of what the caller gave, rows × length.
        read: columns off which the output for each of these is read, rows × length.
    """

    special: Tensor
    text: Tensor
    read: Tensor

    @classmethod
    def of(cls, ends: Tensor, length: int, prefix: int, infix: int, *, causal: bool) -> "Places":
        """Return the places in a batch.

        Args:
            ends: columns of each row before which the infix stands, counted without trained tokens.
            length: columns of the batch, likewise.
            prefix: tokens in front.
            infix: tokens at ``ends``.
            causal: whether what comes next is read off the last token of the infix instead of the text's, as
                in any prompt that ends with them.
        """
        behind = ends[:, None]
        columns = torch.arange(length, device=ends.device).expand(len(ends), -1)
        text = prefix + columns + infix * (columns >= behind)
        front = torch.arange(prefix, device=ends.device).expand(len(ends), -1)
        back = prefix + behind + torch.arange(infix, device=ends.device)
        read = text + infix * (columns == behind - 1) if causal else text
        return cls(torch.cat([front, back], dim=1), text, read)

    def weave(self, special: Tensor, text: Tensor) -> Tensor:
        """Return trained tokens and text in one batch.

        Args:
            special: what stands in their places, rows × tokens × …
            text: what the caller gave, rows × length × …
        """
        order = torch.cat([self.special, self.text], dim=1).argsort(dim=1)
        return _columns(torch.cat([special, text], dim=1), order)

    def trim(self, output: Tensor) -> Tensor:
        """Return what an output says of the text, rows × length and what follows."""
        return _columns(output, self.read)

    def replace(self, hidden: Tensor, special: Tensor) -> Tensor:
        """Return activations with other ones, tokens × d, in the places of the trained tokens."""
        values = special.to(hidden.dtype).expand(len(hidden), -1, -1)
        return hidden.index_put((_rows(self.special), self.special), values)


def ends_of(mask: Tensor) -> Tensor:
    """Return the column behind the last one of each row that a mask does not leave out."""
    columns = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return (columns * (mask != 0)).amax(dim=1)


def _columns(values: Tensor, columns: Tensor) -> Tensor:
    return values[_rows(columns), columns]


def _rows(columns: Tensor) -> Tensor:
    return torch.arange(len(columns), device=columns.device)[:, None]
