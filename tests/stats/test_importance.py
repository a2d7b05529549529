"""Which features matter, against permutations that are drawn and a known truth."""

import numpy as np
import pytest
from scipy.stats import t

from netspace.errors import StatisticsError
from netspace.stats.assistance import Assistance
from netspace.stats.importance import importances
from netspace.stats.predictor import cross_fit

NAMES = ("strong", "weak", "nothing")


def data(seed, n=60):
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(n, 3)) for _ in range(2)]
    errors = [x @ [1.0, 0.3, 0.0] + rng.normal(0, 0.5, n) for x in features]
    return features, errors


def test_the_formula_is_the_mean_over_permutations():
    features, errors = data(0)
    fit = cross_fit(features, errors, response=np.asarray)
    found = {one.feature: one for one in importances(fit, 1, features[1], errors[1], NAMES)}
    rng, folds, draws = np.random.default_rng(1), fit.folds(60), 4000
    plain = (errors[1] - fit.held_out(1, features[1])) ** 2
    for place, name in enumerate(NAMES):
        lost = np.zeros(60)
        for _ in range(draws):
            permuted = features[1].copy()
            permuted[:, place] = rng.permutation(permuted[:, place])
            lost += (errors[1] - fit.held_out(1, permuted)) ** 2 - plain
        by_fold = np.array([lost[folds == fold].mean() / draws for fold in range(10)]) / errors[1].var()
        assert found[name].importance == pytest.approx(by_fold.mean(), rel=0.02, abs=2e-3)
        assert found[name].se == pytest.approx(by_fold.std(ddof=1) / np.sqrt(10), rel=0.05, abs=2e-3)


def test_features_that_matter_come_first_and_others_hold_zero():
    """The truth of "strong": twice its variance of 1 over the response's 1.34."""
    inside = dict.fromkeys(NAMES, 0)
    for seed in range(60):
        features, errors = data(seed)
        fit = cross_fit(features, errors, response=np.asarray)
        found = importances(fit, 0, features[0], errors[0], NAMES)
        assert found[0].feature == "strong"
        for one in found:
            low, high = one.interval()
            truth = 2 * {"strong": 1.0, "weak": 0.09, "nothing": 0.0}[one.feature] / 1.34
            inside[one.feature] += low <= truth <= high
    assert inside["strong"] >= 51
    assert inside["nothing"] >= 51


def test_the_interval_is_that_of_t_over_the_folds():
    features, errors = data(2)
    one = importances(cross_fit(features, errors), 0, features[0], errors[0], NAMES)[0]
    assert one.df == 9
    assert one.interval(0.1)[1] - one.importance == pytest.approx(t.isf(0.05, 9) * one.se)


def test_assistance_names_the_features_of_a_space():
    features, errors = data(3)
    rng = np.random.default_rng(0)
    pools = {name: rng.normal(size=(6000, 3)) for name in "ab"}
    found = Assistance.of(dict(zip("ab", errors, strict=True)), dict(zip("ab", features, strict=True)), pools)
    assert {one.feature for one in found.importances("b")} == set(found.names)
    assert found.importances("b")[0].feature == found.names[0]


@pytest.mark.parametrize("change", [{"names": NAMES[:2]}, {"response": np.zeros(60)}, {"response": np.arange(9.0)}])
def test_what_does_not_match_is_refused(change):
    features, errors = data(4)
    given = {"features": features[0], "response": errors[0], "names": NAMES, **change}
    with pytest.raises(StatisticsError, match="importance needs 60 responses"):
        importances(cross_fit(features, errors), 0, **given)
