"""The budget as it was really kept."""

from collections.abc import Sequence

from adalora import Allocation, ConfigError


def kept_totals(history: Sequence[Allocation]) -> list[int]:
    """Return the sum of all ranks at each row of a history.

    Raises:
        ConfigError: ``history`` is empty.
    """
    if not history:
        raise ConfigError("history is empty; allowed: the history of a controller, which begins with step 0.")
    return [sum(allocation.ranks.values()) for allocation in history]
