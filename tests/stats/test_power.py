import numpy as np
import pytest
from scipy.stats import norm

from netspace.errors import StatisticsError
from netspace.stats import StoppingRule, detectable_theta, models_needed, smallest_delta
from netspace.stats.power import pairs_to_decide, variance_left


@pytest.mark.parametrize(
    ("theta", "n"), [(0.55, 523.2587), (0.6, 130.8147), (0.65, 58.1398), (0.7, 32.7037), (0.8, 14.5350)]
)
def test_models_needed_match_noether(theta: float, n: float) -> None:
    assert models_needed(theta) == pytest.approx(n, abs=1e-4)
    assert models_needed(1 - theta) == pytest.approx(n, abs=1e-4)


@pytest.mark.parametrize(("n", "theta"), [(30, 0.708818), (100, 0.614374), (500, 0.551150)])
def test_detectable_theta_matches_the_specification(n: int, theta: float) -> None:
    assert detectable_theta(n) == pytest.approx(theta, abs=5e-7)
    assert models_needed(detectable_theta(n)) == pytest.approx(n)


@pytest.mark.parametrize(("n", "delta"), [(100, 0.119470), (500, 0.053429)])
def test_smallest_delta_matches_the_specification(n: int, delta: float) -> None:
    assert smallest_delta(n) == pytest.approx(delta, abs=5e-7)


def test_what_cannot_be_detected_is_said() -> None:
    with pytest.raises(StatisticsError, match="no difference"):
        models_needed(0.5)
    with pytest.raises(StatisticsError, match="6 are the least"):
        detectable_theta(5)
    assert detectable_theta(6) < 1
    with pytest.raises(StatisticsError, match="cannot be shown with 5"):
        smallest_delta(5)
    with pytest.raises(StatisticsError, match="at least 1 model"):
        detectable_theta(0)


def test_what_a_predictor_leaves_of_the_variance_is_what_is_simulated() -> None:
    # the placement of a model among others is the distribution function of its normal score; what is known of it is R2
    rng = np.random.default_rng(0)
    known, noise = rng.normal(size=(2, 400_000))
    for r2 in (0.0, 0.4, 0.7, 0.95):
        placement = norm.cdf(r2**0.5 * known + (1 - r2) ** 0.5 * noise)
        expected = norm.cdf(r2**0.5 * known / (2 - r2) ** 0.5)
        assert variance_left(r2) == pytest.approx(np.var(placement - expected) / np.var(placement), abs=0.003)
    assert variance_left(-0.2) == variance_left(0) == 1
    assert variance_left(1) == pytest.approx(0)
    with pytest.raises(StatisticsError, match="R2 <= 1"):
        variance_left(1.1)


def test_a_predictor_saves_models() -> None:
    assert models_needed(0.6, r2=0.7) == pytest.approx(130.8147 * variance_left(0.7), abs=1e-4)
    assert models_needed(0.6, r2=0) == models_needed(0.6)


@pytest.mark.parametrize(("theta", "mean"), [(0.6, 46), (0.7, 24), (0.8, 20), (0.5, 57)])
def test_pairs_to_decide_are_near_the_means_that_the_specification_simulated(theta: float, mean: float) -> None:
    # R2 .85 of the truth; on networks not seen it is .72 to .8 from 20 pairs on
    for r2 in (0.72, 0.8):
        assert pairs_to_decide(theta, StoppingRule(), r2=r2) == pytest.approx(mean, rel=0.25)


def test_a_difference_that_the_horizon_does_not_decide_has_no_number() -> None:
    assert pairs_to_decide(0.55, StoppingRule(), horizon=500) is None
    assert pairs_to_decide(0.6, StoppingRule(chain=5)) > pairs_to_decide(0.6, StoppingRule())
    assert pairs_to_decide(0.5, StoppingRule(delta=None)) is None
