"""What the runs of a sweep need, checked before anything trains."""

from collections.abc import Sequence

from adalora.errors import AdaLoRAError

from .. import optimizers
from ..config import RunConfig
from ..prepare import prepare


def require_data(configs: Sequence[RunConfig]) -> None:
    """Load the data of every task, model and cut once and throw them away: what does not fit is said at once.

    Raises:
        ConfigError: a task is unknown, a setting has no meaning for it, or an optimizer cannot be had.
        DataError: data or model are not there, a split is empty, or a label is none of the classes.
    """
    distinct = {repr((config.task, config.model, config.data)): config for config in configs}
    for config in distinct.values():
        try:
            prepare(config)
        except AdaLoRAError as error:
            raise type(error)(f"run {config.name}: {error}") from error
    for config in {config.training.optimizer: config for config in configs}.values():
        optimizers.check(config.training)
