import pytest

from netspace.errors import StatisticsError
from netspace.stats import detectable_theta, models_needed, smallest_delta


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
