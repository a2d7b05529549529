"""One predictor for the spaces of a study: what it is fitted on, what is refused, and what follows for comparisons."""

import numpy as np
import pandas as pd
import pytest

from netspace.errors import StatisticsError, UnknownNameError
from netspace.stats import compare, compare_chain
from netspace.stats.assistance import Assistance
from netspace.stats.pool_check import RefusedError

SPACES = ("small", "wide", "deep")
COLUMNS = ["depth", "width", "flops"]


def study(seed=0, n=40, noise=0.4, gain=0.8):
    """Errors, features and pools of three spaces; each is better than the one before by `gain`."""
    rng = np.random.default_rng(seed)
    slopes = np.array([1.0, -0.7, 0.3])
    features, pools, errors = {}, {}, {}
    for i, name in enumerate(SPACES):
        features[name] = pd.DataFrame(rng.normal(i / 4, 1, (n, 3)), columns=COLUMNS)
        pools[name] = pd.DataFrame(rng.normal(i / 4, 1, (100 * n, 3)), columns=COLUMNS)
        errors[name] = 50 - gain * i + features[name].to_numpy() @ slopes + rng.normal(0, noise, n)
    return errors, features, pools


def test_compare_is_assisted_with_features_and_pools():
    errors, features, pools = study()
    a, b = errors["small"], errors["wide"]
    found = compare(a, b, features=(features["small"], features["wide"]), pools=(pools["small"], pools["wide"]))
    assert found.assisted
    assert found.refused is None
    assert found.r2 == pytest.approx(0.9, abs=0.1)
    assert found.se < 0.5 * found.classical.se
    assert found.classical == compare(a, b)
    assert found.equivalent_models == pytest.approx(40 * (found.classical.se / found.se) ** 2)
    assert found.interval[0] < found.theta < found.interval[1]
    assert found.verdict == ("better" if found.different else "no difference detected")
    assert found.p_value < found.classical.p_value
    assert "assisted by 3 features (R2 0.87 on held-out networks)" in found.notes[0]
    assert f"40 models a space say as much as {found.equivalent_models:.0f} without" in found.notes[0]


def test_arrays_serve_as_well_as_data_frames():
    errors, features, pools = study()
    names = ("small", "wide")
    frames = compare(
        *(errors[name] for name in names),
        features=tuple(features[name] for name in names),
        pools=tuple(pools[name][["flops", "depth", "width"]] for name in names),
    )
    arrays = compare(
        *(errors[name] for name in names),
        features=tuple(features[name].to_numpy() for name in names),
        pools=tuple(pools[name].to_numpy() for name in names),
    )
    assert arrays.theta == pytest.approx(frames.theta)
    assert arrays.se == pytest.approx(frames.se)


def test_without_features_nothing_changes():
    errors, *_ = study()
    found = compare(errors["small"], errors["wide"])
    assert not found.assisted
    assert found.classical is found
    assert found.r2 is None
    assert found.equivalent_models == pytest.approx(40)


def test_a_chain_has_one_predictor_and_holms_correction_over_assisted_p_values():
    errors, features, pools = study(gain=0.5)
    found = compare_chain(errors, features=features, pools=pools)
    assert list(found) == [("small", "wide"), ("wide", "deep")]
    assert len({one.r2 for one in found.values()}) == 1
    p_values = [one.p_value for one in found.values()]
    low, high = int(np.argmin(p_values)), int(np.argmax(p_values))
    adjusted = [one.adjusted_p_value for one in found.values()]
    assert adjusted[low] == pytest.approx(2 * p_values[low])
    assert adjusted[high] == pytest.approx(max(p_values[high], 2 * p_values[low]))
    # the predictor of three spaces is another one than that of two
    pair = compare(
        errors["small"],
        errors["wide"],
        features=(features["small"], features["wide"]),
        pools=(pools["small"], pools["wide"]),
    )
    assert pair.theta != found["small", "wide"].theta
    # classical figures stand beside the assisted ones, with a correction of their own
    assert [one.classical for one in found.values()] == list(compare_chain(errors).values())


def test_a_refused_space_leaves_the_other_pairs_assisted():
    errors, features, pools = study()
    pools["deep"] = pools["deep"] + [0, 2, 0]
    found = compare_chain(errors, features=features, pools=pools)
    assert found["small", "wide"].assisted
    refused = found["wide", "deep"]
    assert not refused.assisted
    assert refused.refused.startswith(
        "B: the sample does not follow the distribution of its pool, as of another window or space"
    )
    assert "'width'" in refused.refused
    assert refused.notes[0] == f"not assisted: {refused.refused}"
    assert refused.superiority == compare(errors["wide"], errors["deep"]).superiority


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x, p: (x.iloc[:, :2], p), "sample and pool have different features: 'flops' only in the pool"),
        (lambda x, p: (x.assign(width=np.nan), p), "feature 'width' has 40 values in the sample that are not finite"),
        (lambda x, p: (x, p.iloc[:399]), "a pool of 399 for 40 models, at least 400 are needed"),
        (lambda x, p: (x.assign(width="w"), p), "feature 'width' of the sample has values that are not numbers"),
    ],
)
def test_bad_input_of_both_spaces_leaves_the_classical_verdict(change, reason):
    errors, features, pools = study()
    changed = [change(features[name], pools[name]) for name in SPACES[:2]]
    found = compare(
        errors["small"],
        errors["wide"],
        features=tuple(one[0] for one in changed),
        pools=tuple(one[1] for one in changed),
    )
    assert not found.assisted
    assert found.refused == f"A and B: {reason}"
    assert found.verdict == compare(errors["small"], errors["wide"]).verdict


def test_constant_features_are_refused_when_nothing_varies_and_left_out_otherwise():
    errors, features, pools = study()
    fixed = {name: one * 0 for name, one in features.items()}, {name: one * 0 for name, one in pools.items()}
    found = compare_chain(errors, features=fixed[0], pools=fixed[1])
    assert found["small", "wide"].refused == "A and B: all features are constant"
    some = [{name: one.assign(flops=1.0) for name, one in each.items()} for each in (features, pools)]
    assistance = Assistance.of(errors, *some)
    assert assistance.names == ("depth", "width")
    assert compare_chain(errors, assistance=assistance)["small", "wide"].assisted


def test_fewer_than_sixteen_models_are_classical():
    errors, features, pools = study(n=15)
    found = compare_chain(errors, features=features, pools=pools)["small", "wide"]
    assert found.refused == "A and B: 15 models, at least 16 are needed"
    assert found.p_value == compare(errors["small"], errors["wide"]).p_value


def test_errors_that_do_not_overlap_are_classical():
    errors, features, pools = study()
    errors["wide"] = errors["wide"] - 40
    found = compare_chain(errors, features=features, pools=pools)["small", "wide"]
    assert "do not overlap" in found.refused
    assert found.verdict == "better"
    assert any("judged as 40 independent pairs" in note for note in found.notes)


def test_a_small_pool_is_used_with_a_warning():
    errors, features, pools = study()
    found = compare_chain(errors, features=features, pools={name: pool[:500] for name, pool in pools.items()})
    assert "A and B: a pool of 500 is small for 40 models, 4000 are advised" in found["small", "wide"].notes


def test_a_doubtful_sample_is_used_with_a_warning():
    errors, features, pools = study()
    shifts = np.linspace(0, 1, 201)
    warned = None
    for shift in shifts:
        moved = {**pools, "wide": pools["wide"] + [0, shift, 0]}
        assistance = Assistance.of(errors, features, moved)
        if "wide" in assistance.warnings:
            warned = assistance
            break
    assert warned is not None
    assert 0.001 <= warned.checks["wide"].p_value < 0.01
    assert "the sample is unlike its pool" in warned.warnings["wide"]
    assert "wide" in warned.spaces


def test_reasons_known_to_the_caller_are_given():
    errors, features, pools = study()
    assistance = Assistance.of(errors, features, pools, refused={"deep": "a latency window"})
    found = compare_chain(errors, assistance=assistance)["wide", "deep"]
    assert found.refused == "B: a latency window"
    with pytest.raises(RefusedError, match="a latency window"):
        assistance.edf("deep")
    assert assistance.spaces == ("small", "wide")


def test_a_space_without_pool_is_refused():
    errors, features, pools = study()
    del pools["small"], pools["deep"]
    assistance = Assistance.of(errors, features, pools)
    assert assistance.refusals["small"] == "no features and pool of untrained networks are given"
    assert assistance.spaces == ("wide",)
    assert assistance.mean("wide").n == 40  # one space is enough for its own figures


def test_spaces_with_parameters_of_their_own_are_assisted_by_these_and_by_what_all_have():
    errors, features, pools = study()
    other = {"width": "expansion", "depth": "blocks"}
    changed = [{**each, "wide": each["wide"].rename(columns=other)} for each in (features, pools)]
    assistance = Assistance.of(errors, *changed)
    assert assistance.names == ("flops", "depth", "width", "blocks", "expansion")
    assert assistance.shared == 1
    found = compare_chain(errors, assistance=assistance)["small", "wide"]
    assert "assisted by 5 features, 1 of which all spaces have (R2 0.8" in found.notes[0]
    assert found.se < 0.5 * found.classical.se
    plain = compare_chain(errors, features=features, pools=pools)["small", "wide"]
    assert found.theta == pytest.approx(plain.theta, abs=plain.se)
    # each space is told what its own features are worth, and no others
    assert {one.feature for one in assistance.importances("wide")} == {"flops", "blocks", "expansion"}
    assert {one.feature for one in assistance.importances("deep")} == {"flops", "depth", "width"}
    assert assistance.importances("wide")[0].feature == "blocks"


def test_a_name_that_may_mean_something_else_is_not_shared_but_used():
    errors, features, pools = study()
    changed = [{**each, "wide": each["wide"].rename(columns={"width": "expansion"})} for each in (features, pools)]
    # the depth of "wide" is a factor, and the more the better
    for each in changed:
        each["wide"] = each["wide"].assign(depth=-each["wide"]["depth"] / 100)
    careful = Assistance.of(errors, *changed, alike=["flops"])
    assert careful.shared == 1
    assert len(careful.names) == 5
    assert careful.r2 > 0.75
    assert careful.r2 > Assistance.of(errors, *changed).r2


def test_more_features_than_models_do_not_pass_for_prediction():
    rng = np.random.default_rng(0)
    names = {"a": [f"a{i}" for i in range(20)], "b": [f"b{i}" for i in range(25)]}
    errors = {name: rng.normal(50, 1, 16) for name in names}
    drawn = [
        {name: pd.DataFrame(rng.normal(size=(rows, len(own))), columns=own) for name, own in names.items()}
        for rows in (16, 1600)
    ]
    assert Assistance.of(errors, *drawn).r2 < 0.2


def test_means_and_distributions_of_a_space_are_assisted():
    errors, features, pools = study(n=60)
    errors["wide"][[3, 30]] = np.inf
    assistance = Assistance.of(errors, features, pools)
    mean = assistance.mean("wide")
    assert (mean.n, mean.failures) == (60, 2)
    assert mean.se < 0.6 * mean.plain_se
    edf = assistance.edf("wide")
    assert edf.failures == 2
    assert np.median(edf.effective) > 90
    plain = assistance.mean("small")
    assert plain.failures == 0


def test_a_mean_needs_sixteen_models_that_trained():
    errors, features, pools = study(n=20)
    errors["wide"][:5] = np.inf
    assistance = Assistance.of(errors, features, pools)
    with pytest.raises(RefusedError, match="15 models that trained, at least 16 are needed"):
        assistance.mean("wide")
    assert assistance.mean("small").n == 20
    errors["wide"] = np.full(20, np.inf)
    with pytest.raises(RefusedError, match="every model failed"):
        Assistance.of(errors, features, pools).edf("wide")


def test_misuse_is_an_error():
    errors, features, pools = study()
    with pytest.raises(StatisticsError, match="features and pools go together"):
        compare(errors["small"], errors["wide"], features=(features["small"], features["wide"]))
    with pytest.raises(StatisticsError, match="features and pools go together"):
        compare_chain(errors, pools=pools)
    with pytest.raises(StatisticsError, match=r"wide: features: one row for each of the 40 models is needed, got 39"):
        compare_chain(errors, features={**features, "wide": features["wide"][:39]}, pools=pools)
    with pytest.raises(UnknownNameError, match="unknown space 'narrow'"):
        Assistance.of(errors, features, pools).edf("narrow")


@pytest.mark.parametrize(("n", "gain", "said"), [(24, 2.2, True), (24, 0.0, False), (60, 2.2, False)])
def test_an_interval_near_0_or_1_of_few_models_is_called_optimistic(n, gain, said):
    errors, features, pools = study(seed=3, n=n, gain=gain)
    a, b = "small", "wide"
    found = compare(errors[a], errors[b], features=(features[a], features[b]), pools=(pools[a], pools[b]))
    assert found.assisted
    assert (found.theta > 0.8) == (gain > 0)
    assert any("the assisted interval is optimistic" in note for note in found.notes) == said


def test_a_resampled_sample_is_noticed():
    errors, features, pools = study()
    again = np.random.default_rng(0).integers(0, 40, 40)
    errors["wide"], features["wide"] = errors["wide"][again], features["wide"].iloc[again].reset_index(drop=True)
    repeated = 40 - np.unique(again).size
    found = Assistance.of(errors, features, pools)
    assert set(found.spaces) == {"small", "deep"}
    assert found.refusals["wide"].startswith(f"{repeated} of 40 models repeat another one, features and error alike")


def test_networks_that_a_small_space_draws_again_and_again_are_no_resampling():
    """Thirty networks whose errors a table holds: repeats are what drawing gives, and the pool shows it."""
    rng = np.random.default_rng(4)
    table, known = rng.normal(size=(30, 3)), rng.normal(50, 3, 30)
    names = {"a": rng.integers(0, 30, 40), "b": rng.integers(0, 30, 40)}
    pool = {name: table[rng.integers(0, 30, 4000)] for name in names}
    sample = {name: table[rows] for name, rows in names.items()}
    found = Assistance.of({name: known[rows] for name, rows in names.items()}, sample, pool)
    assert not found.refusals
    failed = {name: np.full(40, np.inf) for name in names}
    assert not Assistance.of(failed, sample, pool).refusals
