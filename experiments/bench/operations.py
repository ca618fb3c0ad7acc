"""How many operations torch dispatches to a device."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

_Mode: Any = TorchDispatchMode  # torch gives it no types


class _Count(_Mode):
    """Counts what passes by."""

    seen = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.seen += 1
        return func(*args, **(kwargs or {}))


def operations(run: Callable[[], object]) -> int:
    """Return the number of operations that ``run`` dispatches."""
    with _Count() as count:
        run()
    return int(count.seen)
