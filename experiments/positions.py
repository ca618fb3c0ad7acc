"""Whether a model has room for the longest row: said before anything trains, with what would fit."""

from collections.abc import Mapping
from typing import Any

from adalora.errors import ConfigError

from .config import DataConfig
from .problems import Part, Problem

# Families whose positions begin behind the number of the padding token, so that some of them are never used.
_BEHIND_PADDING = frozenset(
    {
        "camembert",
        "data2vec-text",
        "ibert",
        "longformer",
        "luke",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
LEAST = 4  # tokens that data.max_length may be, at least


def positions_of(config: Any) -> int | None:
    """Return how many positions a model has; None where it takes any number, or does not say.

    A model with rotary positions would take more than it states, but has never seen them.

    Args:
        config: the configuration of a model of `transformers`.
    """
    config = config.get_text_config()
    stated = getattr(config, "max_position_embeddings", None)
    # DeBERTa states positions and has none: it knows how far tokens are apart, and clips that.
    if not stated or stated < 0 or not getattr(config, "position_biased_input", True):
        return None
    behind = (config.pad_token_id or 0) + 1 if config.model_type in _BEHIND_PADDING else 0
    return int(stated) - behind


def require_room(
    model: str, positions: int | None, problem: Problem, parts: Mapping[str, Part], data: DataConfig
) -> None:
    """Check that the longest row of every part fits, with what is to be written behind it.

    A setting that allows more than any row has is fine.

    Args:
        model: as the settings name it.
        positions: of `positions_of`.
        problem: kind of problem.
        parts: encoded rows by name.
        data: the settings that have cut them.

    Raises:
        ConfigError: a row does not; the largest value that fits is named.
    """
    if positions is None or data.max_length + data.target_length <= positions:
        return
    for name, part in parts.items():
        for reach in problem.reach(part.features, data):
            if reach.positions <= positions:
                continue
            setting, room = reach.setting, positions - reach.beside
            if room < LEAST:
                setting, room = "target_length", positions - LEAST
            behind = f", {reach.beside} of them to be written" if reach.beside else ""
            raise ConfigError(
                f"data.{setting} is {getattr(data, setting)}, and the longest of the {name} rows takes "
                f"{reach.positions} positions{behind}, of which the model {model!r} has {positions}; allowed "
                f"here: at most {room}."
            )
