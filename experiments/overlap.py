"""How well predicted regions lie on the true ones, through the optional package ``torchmetrics``.

IoU of a class is TP / (TP + FP + FN), its accuracy TP / (TP + FN), both over all pixels of all images. A
class that is neither in the truth nor predicted has no IoU, and one that is not in the truth has no accuracy:
such a number is left out, and no mean counts it. One that is predicted where there is none has IoU 0.
"""

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adalora.errors import DataError

from .metrics import OF_CLASS, Scores

IOU, ACCURACY = "IoU" + OF_CLASS, "Acc" + OF_CLASS


def count(predictions: Tensor, labels: Tensor, classes: int, ignored: int) -> Tensor:
    """Return how many pixels of each true class (row) were taken for each class (column).

    Args:
        predictions: class of each pixel, shape (B, H, W).
        labels: true class of each pixel, or ``ignored``; shape (B, H, W).
        classes: number C of classes.
        ignored: label of a pixel that does not count.

    Returns:
        Shape (B, C, C): a table for each image, so that they can be added up batch by batch.

    Raises:
        DataError: ``torchmetrics`` is not installed.
    """
    table = require_torchmetrics().functional.classification.multiclass_confusion_matrix
    pairs = zip(predictions, labels, strict=True)
    return torch.stack([table(one, truth, classes, ignore_index=ignored) for one, truth in pairs])


def overlap(tables: Sequence[NDArray[Any]], names: Sequence[str]) -> Scores:
    """Return mIoU, aAcc (over all pixels) and mAcc (mean over the classes), then IoU and Acc of each class.

    Args:
        tables: from `count`, shape (C, C) each; they are added up.
        names: names of the C classes.

    Raises:
        DataError: no pixel has a class.
    """
    table = np.sum(tables, axis=0, dtype=np.int64)
    right, truth, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    union = truth + predicted - right
    if truth.sum() == 0:
        raise DataError("no pixel of the masks has a class, so nothing can be measured; look at the masks.")
    iou = {IOU + name: float(right[c] / union[c]) for c, name in enumerate(names) if union[c]}
    accuracy = {ACCURACY + name: float(right[c] / truth[c]) for c, name in enumerate(names) if truth[c]}
    means = {
        "mIoU": float(np.mean([*iou.values()])),
        "aAcc": float(right.sum() / truth.sum()),
        "mAcc": float(np.mean([*accuracy.values()])),
    }
    return {**means, **iou, **accuracy}


def require_torchmetrics() -> ModuleType:
    """Return the package that counts; asked for before a training that could not be measured.

    Raises:
        DataError: ``torchmetrics`` is not installed.
    """
    try:
        return import_module("torchmetrics")
    except ImportError as error:
        raise DataError(
            'mIoU, aAcc and mAcc need the package torchmetrics; install it with the extra "metrics": '
            'python -m pip install "adalora[metrics]"'
        ) from error
