"""Restrictions scored with the help of a predictor, on populations whose truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from netspace.stats import candidate_restrictions, refine
from netspace.stats.assistance import Assistance
from netspace.stats.assisted_restrictions import SampledSpace, assisted_max_t
from netspace.stats.assisted_theta import assisted_theta, predict
from netspace.stats.predictor import Scale, cross_fit
from netspace.stats.restrictions import Restriction
from netspace.stats.superiority import superiority

NAMES = ["x", "y", "z", "w"]


def draw(rng: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame(rng.normal(size=(n, 4)), columns=NAMES)


def errors_of(rng: np.random.Generator, networks: pd.DataFrame, effect: float = 0.0) -> np.ndarray:
    """Return errors that x decides; y <= 0 lowers them by `effect`, z and w say nothing."""
    return (
        50 + 2 * networks["x"].to_numpy() - effect * (networks["y"].to_numpy() <= 0) + rng.normal(0, 1, len(networks))
    )


def sampled(networks: pd.DataFrame, errors: np.ndarray, pool: pd.DataFrame) -> SampledSpace:
    found = Assistance.of({"space": errors}, {"space": networks}, {"space": pool})
    assert not found.refusals
    return SampledSpace(found, "space", pool)


def cut(networks: pd.DataFrame, name: str) -> Restriction:
    keep = networks[name].to_numpy() <= 0
    return Restriction(name=f"{name} <= 0", kind="range", parameter=name, keep=keep, high=0.0)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_restriction_keeps_of_a_pool_what_it_keeps_of_the_sample(seed):
    rng = np.random.default_rng(seed)
    stages = {f"{name}_{s}": rng.integers(1, 4, 300) for name in ("depth", "width", "bottleneck_ratio") for s in (1, 2)}
    table = pd.DataFrame(stages | {"w_m": rng.uniform(1.5, 3, 300)})
    candidates = candidate_restrictions(table)
    assert {one.kind for one in candidates} == {"range", "shared", "non-decreasing"}
    for one in candidates:
        np.testing.assert_array_equal(one.met_by(table), one.keep)
        np.testing.assert_array_equal(one.met_by(table.iloc[:7]), one.keep[:7])


def test_an_estimate_is_that_of_two_spaces_by_exact_sums():
    rng = np.random.default_rng(0)
    networks, pool = draw(rng, 60), draw(rng, 700)
    errors = errors_of(rng, networks, 1.0)
    restriction = cut(networks, "y")
    found, influence = sampled(networks, errors, pool).estimate(restriction, restriction.keep)

    scale = Scale.of([pool.to_numpy()])
    fit = cross_fit([scale(networks.to_numpy())], [errors])
    kept, of_pool = networks["y"] <= 0, pool["y"] <= 0
    folds = np.arange(60) % 10
    parts = [
        predict(fit, 0, scale(networks[side].to_numpy()), scale(pool[drawn].to_numpy()), folds[side.to_numpy()])
        for side, drawn in ((~kept, ~of_pool), (kept, of_pool))
    ]
    expected = assisted_theta(errors[~kept], errors[kept], *parts, exact=True).superiority
    assert found.theta == pytest.approx(expected.theta, abs=2e-4)
    assert found.se == pytest.approx(expected.se, rel=2e-3)
    assert influence.sum() == pytest.approx(0)
    # the variance of theta is that of the influences, apart from degrees of freedom and what the pool's size leaves
    assert np.sqrt((influence**2).sum()) == pytest.approx(found.se, rel=0.12)


def test_models_that_do_not_overlap_are_judged_without_a_predictor():
    rng = np.random.default_rng(0)
    networks, pool = draw(rng, 60), draw(rng, 700)
    restriction = cut(networks, "y")
    errors = np.where(restriction.keep, 40.0, 60.0) + rng.random(60)
    helper = sampled(networks, errors, pool)
    found, influence = helper.estimate(restriction, restriction.keep)
    assert found == superiority(errors[~restriction.keep], errors[restriction.keep])
    assert not influence.any()
    z, p_values = assisted_max_t([restriction], restriction.keep[:, None], helper, draws=99)
    assert z[0] > 4
    assert p_values[0] == 0.01


def test_one_restriction_by_itself_has_its_own_p_value():
    rng = np.random.default_rng(3)
    networks, pool = draw(rng, 200), draw(rng, 4000)
    errors = errors_of(rng, networks, 0.4)
    restriction = cut(networks, "y")
    helper = sampled(networks, errors, pool)
    z, p_values = assisted_max_t([restriction], restriction.keep[:, None], helper, draws=20_000)
    found, _ = helper.estimate(restriction, restriction.keep)
    one_sided = found.t_p_value / 2 if found.theta > 0.5 else 1 - found.t_p_value / 2
    assert z[0] > 1
    assert p_values[0] == pytest.approx(one_sided, abs=0.01)


def test_the_correction_grows_with_the_candidates_but_not_with_copies():
    rng = np.random.default_rng(1)
    networks, pool = draw(rng, 100), draw(rng, 2000)
    helper = sampled(networks, errors_of(rng, networks, 0.5), pool)
    one = cut(networks, "y")
    others = [
        replace(cut(networks, name), high=high, keep=networks[name].to_numpy() <= high)
        for name in ("z", "w")
        for high in (-0.5, 0.0, 0.5)
    ]

    def p_value(restrictions):
        masks = np.column_stack([each.keep for each in restrictions])
        return assisted_max_t(restrictions, masks, helper, draws=999)[1][0]

    assert p_value([one]) == p_value([one, one, one]) < p_value([one, *others])


def test_a_held_out_half_is_estimated_without_the_other_half():
    rng = np.random.default_rng(5)
    networks, pool = draw(rng, 300), draw(rng, 5000)
    errors = errors_of(rng, networks, 1.0)
    halves = np.random.default_rng(7).permutation(300)
    changed = errors.copy()
    changed[halves[:150]] = rng.permutation(errors[halves[:150]])
    candidates = [cut(networks, name) for name in NAMES]
    first, second = (
        refine(candidates, values, seed=7, permutations=99, sampled=sampled(networks, values, pool))
        for values in (errors, changed)
    )
    assert first.held_out
    found, again = ({one.restriction.name: one for one in advice.scores} for advice in (first, second))
    for name in found:
        assert found[name].theta == again[name].theta
        assert (found[name].low, found[name].high) == (again[name].low, again[name].high)
    assert found["y <= 0"].z != again["y <= 0"].z
    assert found["y <= 0"].low < found["y <= 0"].theta < found["y <= 0"].high


def test_what_errors_alone_do_not_show_is_found_and_said_beside_what_they_do():
    rng = np.random.default_rng(2)
    networks, pool = draw(rng, 100), draw(rng, 4000)
    errors = errors_of(rng, networks, 1.0)
    candidates = [cut(networks, name) for name in NAMES]
    helped = refine(candidates, errors, sampled=sampled(networks, errors, pool))
    plain = refine(candidates, errors)
    assert {one.restriction.name for one in helped.advised} == {"x <= 0", "y <= 0"}
    assert {one.restriction.name for one in plain.advised} == {"x <= 0"}
    assert helped.assisted
    assert helped.r2 > 0.5
    assert not plain.assisted
    by_name = {one.restriction.name: one for one in plain.scores}
    for one in helped.scores:
        assert one.plain_theta == by_name[one.restriction.name].theta
        assert one.plain_p_value == by_name[one.restriction.name].p_value


@pytest.mark.slow
def test_intervals_hold_the_truth_and_are_narrower_and_luck_is_advised_in_one_study_of_twenty_at_most():
    """150 studies of 80 models: y <= 0 has an effect whose theta a million networks tell; z and w have none."""
    rng = np.random.default_rng(12)
    everything = draw(rng, 200_000)
    errors, kept = errors_of(rng, everything, 1.0), everything["y"].to_numpy() <= 0
    truth = superiority(errors[~kept], errors[kept]).theta
    studies, held, wrong, spreads = 150, 0, 0, []
    for _ in range(studies):
        networks, pool = draw(rng, 80), draw(rng, 2000)
        errors = errors_of(rng, networks, 1.0)
        helper = sampled(networks, errors, pool)
        restriction = cut(networks, "y")
        found, _ = helper.estimate(restriction, restriction.keep)
        low, high = found.interval()
        held += low <= truth <= high
        spreads.append((superiority(errors[~restriction.keep], errors[restriction.keep]).theta, found.theta))
        useless = [
            replace(one, high=high, keep=networks[one.parameter].to_numpy() <= high)
            for one in (cut(networks, "z"), cut(networks, "w"))
            for high in (-0.3, 0.0, 0.3)
        ]
        masks = np.column_stack([one.keep for one in useless])
        wrong += assisted_max_t(useless, masks, helper, draws=199)[1].min() <= 0.05
    assert held / studies >= 0.95 - 2.5 * (0.05 * 0.95 / studies) ** 0.5
    assert wrong / studies <= 0.05 + 2.5 * (0.05 * 0.95 / studies) ** 0.5
    plain, assisted = np.var(spreads, axis=0)
    assert plain / assisted > 2
