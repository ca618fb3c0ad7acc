"""Letting go of triplets that are pruned for good: they leave the penalty's count, and the tensors."""

import logging
from collections.abc import Mapping, Sequence

from torch import nn
from torch.distributed import ProcessGroup
from torch.optim import Optimizer

from .compact import obstacle, shrink_
from .config import AllocationConfig
from .measurement import Measurement
from .updates import SVDUpdate
from .wrappers import holder, trains_with_others

_LOG = logging.getLogger(__name__)


class Release:
    """Lets triplets go that cannot come back, as far as model and optimizer allow it.

    Args:
        model: the model that is trained.
        name: name of the adapter, for what is logged.
        updates: the updates that are pruned, in module order.
        measurement: what is measured on them, which follows.
        config: whether tensors shrink, and which triplets the penalty counts.
        group: the processes that train the model together.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        updates: Sequence[SVDUpdate],
        measurement: Measurement,
        config: AllocationConfig,
        *,
        group: ProcessGroup | None,
    ) -> None:
        self._model = model
        self._name = name
        self._updates = updates
        self._measurement = measurement
        self._config = config
        self._group = group
        self._told: set[str] = set()

    def count(self) -> None:
        """Let the penalty count what is kept, if it is to."""
        if self._config.orthogonality_of == "kept":
            self._measurement.count_living()

    def while_training(self, optimizer: Optimizer | None, ranks: Mapping[str, int]) -> None:
        """Let go behind a budget update; ``ranks`` is what it has kept."""
        self.count()
        if self._config.compact and optimizer is None:
            self._tell("after_step was called without the optimizer")
        elif self._config.compact:
            self._shrink(trains_with_others(self._model, self._group), optimizer, ranks)

    def at_the_end(self, optimizer: Optimizer | None, ranks: Mapping[str, int]) -> None:
        """Let go of what could not leave while several processes trained, unless a wrapper is still there."""
        if self._config.compact:
            self._shrink(holder(self._model), optimizer, ranks)

    def _shrink(self, held_by: str | None, optimizer: Optimizer | None, ranks: Mapping[str, int]) -> None:
        """Remove the pruned triplets from the tensors, or say why not."""
        why = obstacle(held_by, self._updates, optimizer)
        if why is None and not any(ranks.values()):
            why = "a budget of 0 leaves nothing to train"
        if why is not None:
            self._tell(why)
            return
        before = self._measurement.averages()
        self._measurement.shrink(shrink_(self._updates, optimizer), before)
        self.count()

    def _tell(self, why: str) -> None:
        if why not in self._told:
            self._told.add(why)
            _LOG.warning("the tensors of adapter %r do not shrink, pruned λ stay zero: %s", self._name, why)
