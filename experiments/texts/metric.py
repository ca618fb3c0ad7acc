"""What a metric of texts has to say for itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from adalora.errors import DataError

from ..metrics import Scores

References = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Metric:
    """A metric of texts.

    Attributes:
        name: of its number.
        score: (predictions, accepted texts of each) -> numbers by name.
        require: asks for its package; a `DataError` where it is missing.
    """

    name: str
    score: Callable[[Sequence[str], References], Scores]
    require: Callable[[], object]


def require_package(module: str, package: str, metrics: str) -> ModuleType:
    """Return the module of an optional package.

    Args:
        module: what is imported.
        package: what ``pip`` calls it.
        metrics: what needs it, in words.

    Raises:
        DataError: it is not installed; the message holds the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(
            f'{metrics} needs the package {package}; install it with the extra "metrics": '
            f'python -m pip install "adalora[metrics]"'
        ) from error
