import numpy as np
import pytest

from netspace.errors import StatisticsError
from netspace.stats import e_fit, fit_widths
from netspace.stats.fit import W_M_RANGE

REGNETX_400MF = np.repeat([32, 64, 160, 384], [1, 2, 7, 12])


def rule(w_0: float, w_a: float, w_m: float, blocks: int) -> np.ndarray:
    """The widths of the quantized linear rule, before they are rounded to a multiple of 8 (equations 2 to 4)."""
    return w_0 * w_m ** np.rint(np.log1p(w_a / w_0 * np.arange(blocks)) / np.log(w_m))


def error(widths: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.abs(np.log(predicted / widths)).mean())


def test_regnetx_400mf_at_its_own_parameters_fits_no_better_than_the_search_finds() -> None:
    own = error(REGNETX_400MF, rule(24, 24.48, 2.54, 22))
    assert own == pytest.approx(0.04097261, abs=5e-9)
    assert e_fit(REGNETX_400MF) <= own


def test_the_search_is_as_good_as_the_specified_grid() -> None:
    fit = fit_widths(REGNETX_400MF)
    assert 0 < fit.error <= 0.03123872
    assert W_M_RANGE[0] <= fit.w_m <= W_M_RANGE[1]


def test_the_reported_parameters_give_the_reported_error() -> None:
    fit = fit_widths(REGNETX_400MF)
    assert error(REGNETX_400MF, rule(fit.w_0, fit.w_a, fit.w_m, 22)) == pytest.approx(fit.error)


def test_constant_widths_fit_exactly() -> None:
    assert e_fit([64] * 10) == pytest.approx(0, abs=1e-12)
    assert e_fit([48]) == pytest.approx(0, abs=1e-12)


def test_decreasing_widths_are_as_bad_as_the_specification_says() -> None:
    assert e_fit(np.repeat([256, 128, 64, 32], 2)) == pytest.approx(0.69314718, abs=5e-9)


@pytest.mark.parametrize(("w_0", "w_a", "w_m"), [(48, 48, 2.0), (24, 36.0, 2.49), (88, 26.31, 2.25)])
def test_widths_of_the_rule_itself_fit_almost_exactly(w_0: float, w_a: float, w_m: float) -> None:
    assert e_fit(rule(w_0, w_a, w_m, 20)) < 0.002


@pytest.mark.parametrize("widths", [[], [0, 8], [8, np.nan], [[8, 8]]])
def test_unusable_widths_are_refused(widths: list) -> None:
    with pytest.raises(StatisticsError, match="widths"):
        e_fit(widths)
