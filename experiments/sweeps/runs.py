"""What the runs of a sweep need, checked before anything trains."""

from collections.abc import Sequence

from adalora.errors import AdaLoRAError

from .. import optimizers, tasks
from ..checks import unknown
from ..config import RunConfig
from ..metrics import LOSS
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


def require_metrics(metrics: Sequence[str], configs: Sequence[RunConfig]) -> None:
    """Check that every metric that a report is to show is one of a task of the sweep.

    Raises:
        ConfigError: one is not; the metrics of the task are listed. Or a task is unknown.
        DataError: the data set of a ``hub:`` task cannot be read.
    """
    found = {}
    for config in {config.task: config for config in configs}.values():
        try:
            found[config.task] = tasks.get(config.task, config.data)
        except AdaLoRAError as error:
            raise type(error)(f"run {config.name}: {error}") from error
    known = [*dict.fromkeys(metric for task in found.values() for metric in task.metrics), LOSS]
    for metric in metrics:
        if metric not in known:
            raise unknown(f"report: metrics (of {', '.join(found)})", metric, known)
