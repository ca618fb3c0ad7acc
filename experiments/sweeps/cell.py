"""One run of a sweep: trained and measured, with nothing kept but its numbers."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import adalora

from .. import methods
from ..config import RunConfig
from ..fit import build, fit
from ..methods import controller_of
from ..prepare import prepare
from ..records import plain_names
from ..versions import versions


def run_cell(config: RunConfig, commit: str | None) -> dict[str, Any]:
    """Train as the settings say, and measure on the validation rows and on the test rows.

    Args:
        config: settings.
        commit: of the code that runs.

    Returns:
        ``scores`` and ``losses`` by part, ``headline``, ``steps``, ``seconds``, ``trained``, ``ranks`` by
        module (none for a method without any), ``log``, rows of numbers by step, and ``versions``.

    Raises:
        AdaLoRAError: a setting is wrong, or data or model are not there.
    """
    made = versions(config.seed) | {"commit": commit}
    method = methods.get(config.method)
    config = method.resolve(config)
    data = prepare(config)
    # Both are measured once, behind the training; only validation rows may decide on anything.
    data = replace(data, test={"validation": data.validation, **data.test})
    model, callbacks = build(data, method)
    with TemporaryDirectory() as folder:
        fitted = fit(data, model, config.training, Path(folder), label=config.name, callbacks=callbacks)
    controller = controller_of(callbacks)
    ranks = (
        controller.ranks()
        if controller
        else {module: layer.rank for module, layer in adalora.adapters(model).items()}
    )
    return {
        "headline": data.task.headline,
        "scores": fitted.scores,
        "losses": fitted.losses,
        "steps": fitted.steps,
        "seconds": fitted.seconds,
        "trained": fitted.trained,
        "ranks": ranks,
        "log": [plain_names(row) for row in fitted.log],
        "versions": made,
    }
