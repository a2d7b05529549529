"""Whether a network's probabilities can be trusted: expected calibration error, and the temperature that reduces it."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from torch import nn

from netspace.models.package import Calibration
from netspace.training.evaluation import evaluate
from netspace.training.images.data import ImageData
from netspace.training.recipe import Recipe

BINS = 15
"""Of equal width, of the confidence (Guo et al., "On Calibration of Modern Neural Networks", section 2)."""

_LIMITS = (-3.0, 3.0)  # of the temperature's natural logarithm: if all is right, or all wrong, there is no optimum


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature that makes the labels most likely (Guo et al., section 4.2), in [0.05, 20].

    Args:
        logits: (n, classes).
        labels: (n,).
    """
    rows = np.arange(len(labels))
    values = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(values / np.exp(log_temperature), axis=1)[rows, labels].mean())

    found = minimize_scalar(loss, bounds=_LIMITS, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def calibration_error(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Return the expected calibration error in %: |accuracy - confidence|, averaged over images in `BINS` bins.

    Args:
        logits: (n, classes).
        labels: (n,).
        temperature: what the logits are divided by.
    """
    probabilities = softmax(logits.astype(np.float64) / temperature, axis=1)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    # of a bin: its share of the images times the gap of its means, which is the gap of its sums over all images
    gaps = np.bincount(bins, right - confidence, minlength=BINS)
    return 100.0 * float(np.abs(gaps).sum()) / len(labels)


def second_half(images: int) -> NDArray[np.bool_]:
    """Return which of so many images are in the second of two halves, dealt at random and always alike, (images,)."""
    dealt: NDArray[np.bool_] = np.random.default_rng(0).permutation(images) % 2 == 1
    return dealt


def held_out_calibration_error(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the expected calibration error in % that a fitted temperature leaves on images it was not fitted on.

    The images are dealt into two halves at random, and each is judged by the temperature of the other: on the images
    that fitted it a temperature looks better than it is.

    Args:
        logits: (n, classes), n >= 2.
        labels: (n,).
    """
    second = second_half(len(labels))
    scaled = logits.astype(np.float32)
    for half in (second, ~second):
        scaled[half] /= np.float32(fit_temperature(logits[~half], labels[~half]))
    return calibration_error(scaled, labels)


def calibrate(model: nn.Module, data: ImageData, recipe: Recipe, device: torch.device) -> Calibration | None:
    """Return the temperature of the validation split, and its calibration error before, and after on held-out halves.

    Args:
        model: trained, on `device`; left in evaluation mode.
        data: the images.
        recipe: whose precision is used.
        device: where the model is.

    Returns:
        None if outputs are not finite.
    """
    batches: list[NDArray[np.float32]] = []
    labels = data.validation_labels
    if evaluate(model, data.validation_images, labels, data, recipe, device, batches) is None:
        return None
    logits = np.concatenate(batches)
    temperature, ece = fit_temperature(logits, labels), calibration_error(logits, labels)
    return Calibration(
        temperature=temperature,
        ece_before=ece,
        ece_after=held_out_calibration_error(logits, labels) if len(labels) > 1 else ece,
    )
