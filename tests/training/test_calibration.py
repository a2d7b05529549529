"""Calibration: the temperature, and the expected calibration error against counts by hand."""

import math

import numpy as np
import pytest

from netspace.training.calibration import calibration_error, fit_temperature, held_out_calibration_error, second_half


def logits_of(probabilities):
    return np.log(np.array(probabilities)).astype(np.float32)


def test_the_error_is_the_gap_of_accuracy_and_confidence_weighted_by_images():
    # two bins: 3 images of confidence 0.9, 2 of them right; 1 of 0.6, wrong
    logits = logits_of([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    labels = np.array([0, 1, 1, 1])
    expected = 100 * (3 / 4 * abs(2 / 3 - 0.9) + 1 / 4 * 0.6)
    assert calibration_error(logits, labels) == pytest.approx(expected, rel=1e-5)


def test_overconfidence_by_a_known_factor_is_undone():
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(20_000, 4)) * 1.5
    probabilities = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    loud = (3 * honest).astype(np.float32)
    temperature = fit_temperature(loud, labels)
    assert temperature == pytest.approx(3, rel=0.03)
    assert calibration_error(loud, labels, temperature) < 1 < 10 < calibration_error(loud, labels)


def test_where_everything_is_right_the_temperature_stays_within_its_limits():
    logits = np.eye(3, dtype=np.float32) * 5
    assert 0.04 < fit_temperature(logits, np.arange(3)) < 1


def test_the_error_that_is_left_is_measured_on_images_that_did_not_fit_the_temperature():
    rng = np.random.default_rng(1)
    # where the halves disagree, each temperature is wrong for the other half, and the one of both fits them in the mean
    fitted, held_out = [], []
    for _ in range(40):
        logits = (4 * rng.normal(size=(24, 3))).astype(np.float32)
        labels = np.where(rng.random(24) < 0.7, logits.argmax(axis=1), rng.integers(0, 3, 24))
        fitted.append(calibration_error(logits, labels, fit_temperature(logits, labels)))
        held_out.append(held_out_calibration_error(logits, labels))
    assert np.mean(held_out) > np.mean(fitted)


def test_the_held_out_error_is_that_of_two_fits_by_brute_force():
    rng = np.random.default_rng(3)
    logits = (3 * rng.normal(size=(90, 3))).astype(np.float32)
    labels = np.where(rng.random(90) < 0.6, logits.argmax(axis=1), rng.integers(0, 3, 90))
    second = second_half(90)
    assert second.sum() == 45

    def probabilities(row: int, temperature: float) -> list[float]:
        powers = [math.exp(float(value) / temperature) for value in logits[row]]
        return [power / sum(powers) for power in powers]

    def fitted(rows: list[int]) -> float:
        temperatures = np.arange(0.5, 10, 0.01).tolist()
        return min(temperatures, key=lambda t: -sum(math.log(probabilities(row, t)[labels[row]]) for row in rows))

    halves = [[row for row in range(90) if second[row] == half] for half in (False, True)]
    temperatures = {row: fitted(halves[1 - half]) for half in (0, 1) for row in halves[half]}
    bins: dict[int, list[tuple[float, bool]]] = {}
    for row, temperature in temperatures.items():
        found = probabilities(row, temperature)
        bins.setdefault(int(15 * max(found)), []).append((max(found), found.index(max(found)) == labels[row]))
    expected = sum(abs(sum(right - confidence for confidence, right in images)) for images in bins.values()) / 90
    assert held_out_calibration_error(logits, labels) == pytest.approx(100 * expected, abs=0.3)
    assert calibration_error(logits, labels, fit_temperature(logits, labels)) != pytest.approx(100 * expected, abs=0.3)


def test_with_very_many_images_a_fitted_temperature_is_right_on_others_too():
    rng = np.random.default_rng(2)
    honest = rng.normal(size=(20_000, 3))
    probabilities = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    assert held_out_calibration_error((3 * honest).astype(np.float32), labels) < 1
