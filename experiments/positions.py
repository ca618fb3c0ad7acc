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
    model: str,
    positions: int | None,
    problem: Problem,
    parts: Mapping[str, Part],
    data: DataConfig,
    *,
    tokens: int = 0,
) -> None:
    """Check that the longest row of every part fits, with what is to be written behind it.

    A setting that allows more than any row has is fine.

    Args:
        model: as the settings name it.
        positions: of `positions_of`.
        problem: kind of problem.
        parts: encoded rows by name.
        data: the settings that have cut them.
        tokens: trained ones among those of an input; a text that a decoder behind an encoder writes has none.

    Raises:
        ConfigError: a row does not; the largest value that fits is named.
    """
    if positions is None or data.max_length + data.target_length + tokens <= positions:
        return
    for name, part in parts.items():
        for reach in problem.reach(part.features, data):
            own = tokens if reach.setting == "max_length" else 0
            if reach.positions + own <= positions:
                continue
            setting, room = reach.setting, positions - own - reach.beside
            if room < LEAST:
                setting, room = "target_length", positions - own - LEAST
            behind = f", {reach.beside} of them to be written" if reach.beside else ""
            among = f" beside the {own} of tokens.prefix + tokens.infix" if own else ""
            # Without a text to be written, or with no room for one, no length helps.
            helps = room >= 1 and (setting == reach.setting or reach.beside > 0)
            allowed = ([f"at most {room}"] if helps or not own else []) + (["fewer tokens"] if own else [])
            raise ConfigError(
                f"data.{setting} is {getattr(data, setting)}, and the longest of the {name} rows takes "
                f"{reach.positions} positions{behind}{among}, of which the model {model!r} has {positions}; "
                f"allowed here: {', or '.join(allowed)}."
            )
